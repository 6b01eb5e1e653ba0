"""The files of submodules in a release, and hostile submodules that are refused. The real script, real git."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from orchestrator.operations.fetch import fetch
from orchestrator.scripts.files import read
from tests.fakes.git import git, serving_git

pytestmark = pytest.mark.exhaustive

RELEASE = "20260101T120000Z-5d0f0c1"
LINK = "160000"


class Node:
    """A directory of an application, and repositories that a server on the loopback interface serves."""

    def __init__(self, scratch: Path, url: str) -> None:
        self.root, self.served, self.url = scratch / "srv/shop", scratch / "served", url
        (self.root / "releases").mkdir(parents=True)
        self.asked = scratch / "asked"

    def repository(
        self, name: str, *links: tuple[str, str, str], hostile: bool = False, files: Mapping[str, str] | None = None
    ) -> str:
        """Commit files and submodules (path, URL, commit) to a repository. Returns the commit."""
        place = self.served / name
        if not place.exists():
            place.mkdir(parents=True)
            git(place, "init", "-q", "--initial-branch", "main")
        for path, text in {"file": f"of {name}\n", **(files or {})}.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(text)
            git(place, "add", path)
        modules = ""
        for path, url, commit in links:
            modules += f'[submodule "{path!r}"]\n\tpath = "{path}"\n\turl = "{url}"\n'
            modules += f"\tupdate = !touch {self.asked}\n" if hostile else ""
            git(place, "update-index", "--add", "--cacheinfo", f"{LINK},{commit},{path}")
        if modules:
            with (place / ".gitmodules").open("a") as opened:
                opened.write(modules)
            git(place, "add", ".gitmodules")
        git(place, "commit", "-q", "-m", "version")
        return git(place, "rev-parse", "HEAD").strip()

    def run(
        self, revision: str, release: str = RELEASE, submodules: bool = True, leave_out: tuple[str, ...] = ()
    ) -> str:
        """Fetch. Returns the output, and at the end the status."""
        (command,) = fetch._inner(
            root=str(self.root),
            release=release,
            origin=f"{self.url}/shop",
            revision=revision,
            leave_out=leave_out,
            submodules=submodules,
        )
        done = subprocess.run(
            ["sh", "-c", command.get_raw_value()],
            env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        return f"{done.stdout}{done.stderr}{done.returncode}"

    def files(self, release: str = RELEASE) -> dict[str, str]:
        there = self.root / "releases" / release
        return {
            name: path.read_text()
            for path in sorted(there.rglob("*"))
            if path.is_file() and (name := str(path.relative_to(there))).split("/")[0] not in (".git", ".release")
        }


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    (tmp_path / "served").mkdir()
    with serving_git(tmp_path / "served") as url:
        yield Node(tmp_path, url)


def nested(node: Node) -> str:
    """A version with a submodule at a relative URL, in which there is another submodule."""
    inner = node.repository("team/inner")
    outer = node.repository(
        "team/outer", ("deep er/ü", "../inner", inner), files={"cache/kept": "x", "lib.php": "<?php"}
    )
    return node.repository(
        "shop", ("libs/outer", "./../team/outer/", outer), ("assets", f"{node.url}/team/inner", inner)
    )


def test_a_release_has_the_files_of_nested_submodules(node: Node) -> None:
    assert node.run(nested(node)) == "0"
    assert node.files() == {
        ".gitmodules": (node.served / "shop/.gitmodules").read_text(),
        "file": "of shop\n",
        "assets/file": "of team/inner\n",
        "libs/outer/.gitmodules": (node.served / "team/outer/.gitmodules").read_text(),
        "libs/outer/file": "of team/outer\n",
        "libs/outer/lib.php": "<?php",
        "libs/outer/cache/kept": "x",
        "libs/outer/deep er/ü/file": "of team/inner\n",
    }
    release = node.root / "releases" / RELEASE
    assert git(release, "status", "--porcelain") == ""
    assert [path for path in release.rglob(".git") if path != release / ".git"] == []
    assert os.listdir(release / ".release") == ["tree"]
    assert not list(node.root.glob("modules/*/hooks"))


def test_a_program_that_gitmodules_names_does_not_run(node: Node) -> None:
    lib = node.repository("lib")
    assert node.run(node.repository("shop", ("lib", "../lib", lib), hostile=True)) == "0"
    assert node.files()["lib/file"] == "of lib\n"
    assert not node.asked.exists()


def test_shared_paths_in_a_submodule_are_left_out(node: Node) -> None:
    assert node.run(nested(node), leave_out=("libs/outer/cache", "libs/outer/deep er", "assets")) == "0"
    assert set(node.files()) == {
        ".gitmodules",
        "file",
        *(f"libs/outer/{name}" for name in (".gitmodules", "file", "lib.php")),
    }


def test_a_submodule_that_is_known_is_not_fetched_again(node: Node) -> None:
    assert node.run(nested(node)) == "0"
    (node.served / "team").rename(node.served / "gone")
    second = node.repository("shop", files={"new": "x"})
    assert node.run(second, "20260102T120000Z-aaaaaaa") == "0"
    assert node.files("20260102T120000Z-aaaaaaa") == {**node.files(), "new": "x"}
    # what the newest version does not need is removed
    git(node.served / "shop", "rm", "-q", "--cached", "libs/outer", "assets")
    third = node.repository("shop", files={"newer": "x"})
    assert node.run(third, "20260103T120000Z-bbbbbbb") == "0"
    assert list((node.root / "modules").iterdir()) == []


def test_without_the_setting_a_warning_names_the_submodules(node: Node) -> None:
    assert node.run(nested(node), submodules=False) == (
        "warning: the version has submodules (assets, libs/outer), whose directories stay empty, because the setting "
        "source.submodules is off\n0"
    )
    assert set(node.files()) == {".gitmodules", "file"}
    assert not (node.root / "modules").exists()
    many = node.repository("shop", *((f"m{number}", "../x", "a" * 40) for number in range(5)))
    assert "(assets, libs/outer, m0 and 4 more)" in node.run(many, "20260102T120000Z-aaaaaaa", submodules=False)
    left_out = ("assets", "libs", *(f"m{number}" for number in range(5)))
    assert node.run(many, "20260103T120000Z-bbbbbbb", submodules=False, leave_out=left_out) == "0"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ext::sh -c touch% {asked}", "its URL is not permitted"),
        ("ext::touch", "its URL is not permitted"),
        ("file://{served}/lib", "its URL is not permitted"),
        ("{served}/lib", "its URL is not permitted"),
        ("--upload-pack=touch {asked}", "its URL is not permitted"),
        ("-uhttps://a.test/x", "its URL is not permitted"),
        ("ssh://-oProxyCommand=touch/x", "its URL is not permitted"),
        ("ssh://-oProxyCommand=touch@a.test/x", "its URL is not permitted"),
        ("-oProxyCommand=touch:x", "its URL is not permitted"),
        ("a.test:-x", "its URL is not permitted"),
        ("https://a.test/x\\nurl", "its URL is not permitted"),
        ("fd::17", "its URL is not permitted"),
        ("../../x", "its relative URL leads above the host"),
        ("", "the version's .gitmodules has no URL for it"),
        ("../none", "git://127.0.0.1:PORT/none does not send commit "),
    ],
)
def test_a_hostile_url_is_refused(node: Node, url: str, why: str) -> None:
    lib = node.repository("lib")
    url = url.format(asked=node.asked, served=node.served)
    said = node.run(node.repository("shop", ("lib", url, lib), hostile=True))
    assert f"submodule lib: {why.replace('git://127.0.0.1:PORT', node.url)}" in said.splitlines()[-2]
    assert said.endswith("\n1")
    assert not node.asked.exists()
    assert os.listdir(node.root / "releases") == []


def made(place: Path, entries: str) -> str:
    """Write a tree with entries that git's index would refuse. Returns the tree."""
    command = ["git", "mktree", "-z", "--missing"]
    done = subprocess.run(command, cwd=place, input=entries, text=True, capture_output=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("../up", "invalid path '../up'"),
        ("a/../../up", r"invalid path 'a/\.\./\.\./up'"),
        (".git/hooks", "invalid path '.git/hooks'"),
        ("a/.GIT/x", "invalid path 'a/.GIT/x'"),
        ("-x", "submodule -x: this path is not permitted"),
        ('a"b', r'submodule "a\\"b": this path is not permitted'),
        ("a\nb", r'submodule "a\\nb": this path is not permitted'),
    ],
)
def test_a_hostile_path_is_refused(node: Node, path: str, why: str) -> None:
    """Such a path cannot get into git's index, so the tree is written by hand."""
    lib, place = node.repository("lib"), node.served / "shop"
    node.repository("shop")
    *above, name = path.split("/")
    tree = made(place, f"{LINK} commit {lib}\t{name}\0")
    for folder in reversed(above):
        tree = made(place, f"040000 tree {tree}\t{folder}\0")
    revision = git(place, "commit-tree", "-m", "hostile", tree).strip()
    git(place, "update-ref", "refs/heads/main", revision)
    assert re.search(f"{why}.*\n(1|128)$", node.run(revision))
    assert not (node.root / "up").exists()
    assert os.listdir(node.root / "releases") == []


def test_a_submodule_behind_a_link_is_refused(node: Node, tmp_path: Path) -> None:
    """git writes no such tree, so the function of the script is called with a tree that is there already."""
    lib, outside = node.repository("lib"), tmp_path / "outside"
    shop = node.repository("shop", ("a/lib", "../lib", lib))
    for tree in ("link", "files"):
        (tmp_path / tree).mkdir()
    outside.mkdir()
    (tmp_path / "link/a").symlink_to(outside)
    (tmp_path / "files/a/lib/x").mkdir(parents=True)
    for tree in ("link", "files"):
        script = (
            f"set -eu\n{read('scripts/submodules.sh')}\n" + 'tree=$1 submodules=yes; add_submodules "$2" "$3" "$4" ""'
        )
        command = [
            "sh",
            "-c",
            script,
            "orchestrator",
            str(tmp_path / tree),
            str(node.served / "shop"),
            shop,
            f"{node.url}/shop",
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr == "submodule a/lib: the version has other files or a link at this path\n"
    assert list(outside.iterdir()) == []
