"""Files in Git LFS, which a release gets, or of which it gets the pointers. The real script, real git and git-lfs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import fleet_tools
import pytest

from orchestrator.operations.fetch import fetch
from tests.fakes.git import git, serving_git
from tests.fakes.lfs import LfsServer, store
from tests.fakes.site import serving

pytestmark = pytest.mark.exhaustive

RELEASE, LATER = "20260101T120000Z-5d0f0c1", "20260102T120000Z-aaaaaaa"
LOGO, FILM = b"\x89PNG\r\n" * 400, b"a film\n"


class Node:
    """A directory of an application, and an origin with files in Git LFS, in a submodule too."""

    def __init__(self, scratch: Path, url: str, files: str) -> None:
        self.root, self.served, self.url, self.files = scratch / "srv/shop", scratch / "served", url, scratch / "files"
        (self.root / "releases").mkdir(parents=True)
        self.lfsconfig = f"[lfs]\n\turl = http://{files}\n"
        self.path = os.environ["PATH"]

    def commit(self, repository: str, files: Mapping[str, str | bytes], link: str = "") -> str:
        place = self.served / repository
        if not place.exists():
            place.mkdir()
            git(place, "init", "-q", "--initial-branch", "main")
        for name, content in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content.encode() if isinstance(content, str) else content)
            git(place, "add", name)
        if link:
            git(place, "update-index", "--add", "--cacheinfo", f"160000,{link},lib")
        git(place, "commit", "-q", "-m", "version")
        return git(place, "rev-parse", "HEAD").strip()

    def version(self) -> str:
        """A version with a logo in Git LFS, a file that only could be, and a submodule with a film."""
        attributes = "*.png filter=lfs diff=lfs merge=lfs -text\n"
        film = {".gitattributes": "*.film filter=lfs", ".lfsconfig": self.lfsconfig, "a.film": store(self.files, FILM)}
        lib = self.commit("lib", film)
        return self.commit(
            "shop",
            {
                ".gitattributes": attributes,
                ".lfsconfig": self.lfsconfig + "\tfetchexclude = *.png\n\tskipdownloaderrors = true\n",
                ".gitmodules": '[submodule "lib"]\n\tpath = lib\n\turl = ../lib\n',
                "logo ü.png": store(self.files, LOGO),
                "public/real.png": "never moved to Git LFS",
                "public/empty.png": "",
                "left/out.png": "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 9\n",
            },
            lib,
        )

    def run(self, revision: str, release: str = RELEASE, lfs: bool = True) -> str:
        """Fetch. Returns the output, the error messages if the fetch failed, and at the end the status."""
        (command,) = fetch._inner(
            root=str(self.root),
            release=release,
            origin=f"{self.url}/shop",
            revision=revision,
            leave_out=["left"],
            submodules=True,
            lfs=lfs,
        )
        done = subprocess.run(
            ["sh", "-c", command.get_raw_value()],
            env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "PATH": self.path},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        return f"{done.stdout}{done.stderr if done.returncode else ''}{done.returncode}"

    def read(self, name: str, release: str = RELEASE) -> bytes:
        return (self.root / "releases" / release / name).read_bytes()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    # installs git-lfs, or fails with a line that says how to
    fleet_tools.ensure_package("git-lfs", "git-lfs")
    (tmp_path / "served").mkdir()
    with serving_git(tmp_path / "served") as url, serving(tmp_path / "files", LfsServer) as files:
        yield Node(tmp_path, url, files)


def test_a_release_has_the_files_themselves(node: Node) -> None:
    assert node.run(node.version()) == "0"
    assert node.read("logo ü.png") == LOGO
    assert node.read("lib/a.film") == FILM
    assert node.read("public/real.png") == b"never moved to Git LFS"
    assert not (node.root / "releases" / RELEASE / "left").exists()
    # a second release needs no server for the same files
    shutil.rmtree(node.files)
    assert node.run(node.commit("shop", {"new": "x"}), LATER) == "0"
    assert node.read("logo ü.png", LATER) == LOGO
    assert node.read("lib/a.film", LATER) == FILM


def test_without_the_setting_a_warning_names_the_files(node: Node) -> None:
    node.path = without_lfs(node)
    assert node.run(node.version(), lfs=False) == (
        "warning: the version has files in Git LFS (logo ü.png, lib/a.film), of which the release has only the "
        "pointers, because the setting source.lfs is off\n0"
    )
    assert node.read("lib/a.film") == (node.served / "lib/a.film").read_bytes()


def test_without_git_lfs_the_fetch_fails(node: Node) -> None:
    node.path = without_lfs(node)
    said = node.run(node.version())
    assert said == (
        "the version has files in Git LFS, but git-lfs is missing on this machine: on a node, run "
        "deploys/provision.py, which installs it\n1"
    )


def without_lfs(node: Node) -> str:
    """A PATH without git-lfs."""
    made = node.files.parent / "bin"
    made.mkdir()
    for directory in reversed(os.environ["PATH"].split(":")):
        for program in Path(directory).glob("*"):
            if program.name != "git-lfs":
                (made / program.name).unlink(missing_ok=True)
                (made / program.name).symlink_to(program)
    return str(made)


@pytest.mark.slow  # git-lfs asks again for a minute
def test_a_file_that_the_server_does_not_have_fails_the_fetch(node: Node) -> None:
    revision = node.version()
    for path in node.files.iterdir():
        path.unlink()
    assert node.run(revision).endswith(("\n1", "\n128"))
    assert os.listdir(node.root / "releases") == []


@pytest.mark.parametrize("damage", ["server", "node"])
def test_another_file_than_the_pointer_names_fails_the_fetch(node: Node, damage: str) -> None:
    revision = node.version()
    if damage == "server":
        for path in node.files.iterdir():
            path.write_bytes(path.read_bytes()[:-1] + b"!")
        assert node.run(revision).endswith(("\n1", "\n128"))
        return
    assert node.run(revision) == "0"
    stored = [path for path in node.root.glob("repo.git/lfs/objects/*/*/*") if path.is_file()]
    assert len(stored) == 1
    stored[0].write_bytes(LOGO[:-1] + b"!")
    later = node.commit("shop", {"new": "x"})
    said = node.run(later, LATER).splitlines()
    assert said[-2:] == ["Git LFS gave another file than the version names: logo ü.png: FAILED", "1"]
    assert not (node.root / "releases" / LATER).exists()
    # the damaged copy is gone
    assert node.run(later, LATER) == "0"
    assert node.read("logo ü.png", LATER) == LOGO


def test_stored_copies_of_former_versions_are_removed(node: Node) -> None:
    assert node.run(node.version()) == "0"
    later = node.commit("shop", {"logo ü.png": store(node.files, b"a new logo")})
    assert node.run(later, LATER) == "0"
    assert node.read("logo ü.png", LATER) == b"a new logo"
    stored = [path for path in node.root.glob("repo.git/lfs/objects/*/*/*") if path.is_file()]
    assert [path.read_bytes() for path in stored] == [b"a new logo"]


@pytest.mark.parametrize("url", ["file://{files}", "{files}", "ext::touch", "ssh://-oProxyCommand=touch/x"])
def test_a_hostile_lfs_server_is_refused(node: Node, url: str) -> None:
    node.lfsconfig = f'[lfs]\n\turl = "{url.format(files=node.files)}"\n'
    assert node.run(node.version()) == (
        "the version's file .lfsconfig names a URL that is not permitted (lfs.url): only https, http, ssh and git "
        "are\n1"
    )
