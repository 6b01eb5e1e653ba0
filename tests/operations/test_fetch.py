"""The result of a fetch, in every state that a former fetch may have left. The real script, real git."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.operations.fetch import fetch
from tests.fakes.git import git
from tests.fakes.world import BIN

pytestmark = pytest.mark.exhaustive

RELEASE = "20260101T120000Z-5d0f0c1"


class Node:
    """A directory of an application, and an origin."""

    def __init__(self, scratch: Path) -> None:
        self.root, self.origin = scratch / "shop", scratch / "origin"
        self.upload = scratch / "upload-pack"
        for directory in (self.root / "releases", self.origin):
            directory.mkdir(parents=True)
        git(self.origin, "init", "-q", "--initial-branch", "main")
        git(self.origin, "config", "uploadpack.allowAnySHA1InWant", "true")

    def commit(self, size: int = 10) -> str:
        (self.origin / "app").mkdir(exist_ok=True)
        (self.origin / "app/data").write_bytes(os.urandom(size))
        git(self.origin, "add", "-A")
        git(self.origin, "commit", "-q", "-m", "version")
        return git(self.origin, "rev-parse", "HEAD").strip()

    def start(
        self,
        revision: str,
        release: str = RELEASE,
        slow: bool = False,
        leave_out: Sequence[str] = (),
        ssh: str = "",
    ) -> subprocess.Popen[str]:
        (command,) = fetch._inner(
            root=str(self.root),
            release=release,
            origin=f"file://{self.origin}",
            revision=revision,
            leave_out=leave_out,
            ssh=ssh,
        )
        variables = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
        if slow:
            # the connection breaks after two thirds of what the origin sends
            self.upload.write_text('#!/bin/sh\ngit upload-pack "$@" | { stdbuf -o0 head -c 700000; exec sleep 60; }\n')
            self.upload.chmod(0o755)
            extra = {"COUNT": "1", "KEY_0": "remote.origin.uploadpack", "VALUE_0": str(self.upload)}
            variables |= {f"GIT_CONFIG_{key}": value for key, value in extra.items()}
        return subprocess.Popen(
            ["sh", "-c", command.get_raw_value()],
            env=variables,
            stderr=subprocess.PIPE,
            text=True,
            umask=0o027,
            start_new_session=True,
        )

    def fetch(self, revision: str, release: str = RELEASE, leave_out: Sequence[str] = (), ssh: str = "") -> None:
        process = self.start(revision, release, leave_out=leave_out, ssh=ssh)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
        there = self.root / "releases" / release
        assert (there / "app/data").read_bytes() == (self.origin / "app/data").read_bytes()
        assert git(there, "status", "--porcelain") == ""


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_everybody_may_read_a_release(node: Node) -> None:
    node.fetch(node.commit())
    there = node.root / "releases" / RELEASE
    assert stat.S_IMODE(there.stat().st_mode) == 0o755
    assert stat.S_IMODE((there / "app").stat().st_mode) == 0o755
    assert stat.S_IMODE((there / "app/data").stat().st_mode) == 0o644


def test_settings_of_a_mirror_that_are_wrong_are_mended(node: Node) -> None:
    node.fetch(node.commit())
    mirror, origin = node.root / "repo.git", f"file://{node.origin}"
    git(mirror, "config", "--unset", "gc.autoDetach")
    git(mirror, "config", "core.sparseCheckout", "no")
    # this address only begins like the right address
    git(mirror, "config", "remote.origin.url", f"{origin} ")
    git(mirror, "config", "core.sshCommand", "rsh")
    node.fetch(node.commit(), "20260102T120000Z-aaaaaaa", ssh="/bin/true")
    keys = ("gc.autoDetach", "core.sparseCheckout", "remote.origin.url", "core.sshCommand")
    assert [git(mirror, "config", "--get", key) for key in keys] == ["false\n", "true\n", f"{origin}\n", "/bin/true\n"]


def test_settings_of_a_mirror_that_are_right_stay(node: Node) -> None:
    node.fetch(node.commit(), ssh="/bin/true")
    config = node.root / "repo.git/config"
    # earlier versions of this tool wrote the keys so
    text = config.read_text().replace("sparsecheckoutcone", "sparseCheckoutCone").replace("autodetach", "autoDetach")
    config.write_text(text)
    # git replaces the file for each change
    before = config.stat().st_ino
    # without the program, the setting stays, as an early version of this tool left it
    node.fetch(node.commit(), "20260102T120000Z-aaaaaaa", ssh="/no/such/program")
    assert (config.stat().st_ino, config.read_text()) == (before, text)


def test_paths_are_excluded_once(node: Node) -> None:
    exclude = node.root / "repo.git/info/exclude"
    node.fetch(node.commit(), leave_out=["storage"])
    assert exclude.read_text() == "/.release\n/storage\n"
    exclude.write_text("*.log\n/.release/\n/stor\n/storage\n")
    node.fetch(node.commit(), "20260102T120000Z-aaaaaaa", leave_out=["stor", "a b*", "storage"])
    assert exclude.read_text() == "*.log\n/.release/\n/stor\n/storage\n/.release\n/a\\ b\\*\n"


def test_a_killed_fetch_is_repeated(node: Node) -> None:
    node.fetch(node.commit())
    revision = node.commit(size=1_000_000)
    killed = node.start(revision, "20260102T120000Z-aaaaaaa", slow=True)
    try:
        objects = node.root / "repo.git/objects"
        commit, deadline = objects / revision[:2] / revision[2:], time.monotonic() + 120
        # the commit arrives first: alone, or in an incomplete pack
        while not commit.exists() and not any(path.stat().st_size > 400_000 for path in objects.rglob("tmp_pack_*")):
            assert time.monotonic() < deadline
            assert killed.poll() is None
            time.sleep(0.05)
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
        killed.communicate(timeout=10)
    node.fetch(revision, "20260103T120000Z-bbbbbbb")


@pytest.mark.parametrize("old", [False, True])
def test_a_mirror_that_lacks_what_it_should_have_is_mended(
    node: Node, old: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if old:
        # git before 2.36
        (tmp_path / "git").write_text(
            '#!/bin/sh\ncase " $* " in *" --refetch "*) exit 129 ;; esac\n' + f'exec {shutil.which("git")} "$@"\n'
        )
        (tmp_path / "git").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    revision = node.commit()
    node.fetch(revision)
    blob = git(node.origin, "rev-parse", f"{revision}:app/data").strip()
    mirror = node.root / "repo.git"
    for pack in (mirror / "objects/pack").glob("*.pack"):
        loose = pack.read_bytes()
        for file in pack.parent.glob(f"{pack.stem}.*"):
            file.unlink()
        subprocess.run(["git", "-C", mirror, "unpack-objects", "-q"], input=loose, check=True)
    (mirror / "objects" / blob[:2] / blob[2:]).unlink()
    node.fetch(revision, "20260102T120000Z-aaaaaaa")
