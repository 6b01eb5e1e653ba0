"""Old releases are removed, with the git objects that only they need. The real script, real git."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.operations.fetch import fetch
from orchestrator.operations.prune import prune
from tests.fakes.git import git
from tests.fakes.world import BIN

pytestmark = pytest.mark.exhaustive

VERSIONS = 6


def id_of(number: int) -> str:
    return f"20260101T12000{number}Z-{number:07d}"


class Node:
    """A directory of an application, and an origin with one commit a release."""

    def __init__(self, scratch: Path) -> None:
        self.root, self._origin, self._library = scratch / "shop", scratch / "origin", scratch / "library"
        for directory in (self.root / "releases", self._origin, self._library):
            directory.mkdir(parents=True)
        git(self._origin, "init", "-q", "--initial-branch", "main")
        scripts = {"used": "true", "remove": f'rm -rf "{self.root}/releases/.$1.part"'}
        for name, text in scripts.items():
            (self._library / name).write_text(f"#!/bin/sh\n{text}\n")
            (self._library / name).chmod(0o755)

    def _run(self, command: str) -> str:
        path = f"{BIN}:{os.environ['PATH']}"
        done = subprocess.run(["sh", "-c", command], env={**os.environ, "PATH": path}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def release(self, number: int) -> None:
        """Fetch a version that has a unique file."""
        (self._origin / "VERSION").write_text(f"{number}\n")
        (self._origin / "app").mkdir(exist_ok=True)
        (self._origin / "app/version.php").write_text(f"<?php // {number}\n")
        git(self._origin, "add", "-A")
        git(self._origin, "commit", "-q", "-m", f"version {number}")
        revision = git(self._origin, "rev-parse", "HEAD").strip()
        (command,) = fetch._inner(
            root=str(self.root), release=id_of(number), origin=f"file://{self._origin}", revision=revision
        )
        self._run(command.get_raw_value())

    def prune(self, keep: int, needed: Sequence[str] = ()) -> list[str]:
        """Prune. Returns the names of the removed releases."""
        used, remove = str(self._library / "used"), str(self._library / "remove")
        (command,) = prune._inner(root=str(self.root), used=used, remove=remove, keep=keep, needed=needed)
        return self._run(command.get_raw_value()).split()

    def work_in(self, release: str) -> None:
        """Let a process work in a release."""
        (self._library / "used").write_text(f"#!/bin/sh\necho {release} 4711\n")

    def objects(self) -> int:
        """The loose objects in the mirror."""
        return int(git(self.root / "repo.git", "count-objects").split()[0])

    def age(self) -> None:
        """Make all objects one hour old."""
        for path in (self.root / "repo.git/objects").rglob("*"):
            os.utime(path, (time.time() - 3600,) * 2)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    made = Node(tmp_path)
    for number in range(VERSIONS):
        made.release(number)
    assert (made.root / "repo.git/shallow").read_text()
    return made


def test_objects_go_with_the_releases_that_needed_them(node: Node) -> None:
    # a commit, two trees and two files a release
    assert node.objects() == 5 * VERSIONS
    node.age()
    assert node.prune(keep=2) == [id_of(number) for number in range(VERSIONS - 2)]
    assert node.objects() == 5 * 2
    for number in range(VERSIONS - 2, VERSIONS):
        release = node.root / "releases" / id_of(number)
        assert git(release, "status", "--porcelain") == ""
        assert git(release, "show", "HEAD:VERSION") == f"{number}\n"
    git(node.root / "repo.git", "fsck", "--strict")
    assert len((node.root / "repo.git/shallow").read_text().splitlines()) == 2


def test_new_objects_stay(node: Node) -> None:
    node.prune(keep=2)
    assert node.objects() == 5 * VERSIONS


def test_an_index_keeps_its_objects(node: Node) -> None:
    release = node.root / "releases" / id_of(VERSIONS - 1)
    (release / "VERSION").write_text("by hand\n")
    git(release, "add", "VERSION")
    node.age()
    node.prune(keep=1)
    assert git(release, "show", ":VERSION") == "by hand\n"


def test_a_mirror_with_the_whole_history_keeps_it(node: Node) -> None:
    mirror = node.root / "repo.git"
    git(mirror, "fetch", "-q", "--unshallow", "origin")
    assert not (mirror / "shallow").exists()
    node.age()
    assert len(node.prune(keep=2)) == VERSIONS - 2
    assert len(git(mirror, "rev-list", "refs/remotes/origin/main").split()) == VERSIONS
    git(mirror, "fsck", "--strict")


def test_half_copies_are_removed(tmp_path: Path) -> None:
    node = Node(tmp_path)
    (node.root / "releases" / id_of(0)).mkdir()
    (node.root / "releases" / f".{id_of(1)}.part").mkdir()
    (node.root / "releases" / f".{id_of(0)}.tar").write_text("a release, with its environment")
    assert node.prune(keep=1) == []
    assert [path.name for path in (node.root / "releases").iterdir()] == [id_of(0)]


def test_an_application_without_a_mirror_is_pruned(tmp_path: Path) -> None:
    node = Node(tmp_path)
    for number in range(3):
        (node.root / "releases" / id_of(number)).mkdir()
    assert node.prune(keep=1) == [id_of(0), id_of(1)]


def test_releases_that_are_in_use_stay(tmp_path: Path) -> None:
    node = Node(tmp_path)
    for number in range(VERSIONS):
        (node.root / "releases" / id_of(number)).mkdir()
    for color, number in {"blue": 0, "green": 3}.items():
        (node.root / color).mkdir()
        (node.root / color / "release").symlink_to(f"../releases/{id_of(number)}")
    (node.root / "live").symlink_to("green")
    (node.root / "guard").mkdir()
    node.work_in(id_of(1))
    assert node.prune(keep=1, needed=[id_of(4)]) == [id_of(2), id_of(5)]
    # the fake remove has removed them
    assert sorted(path.name for path in (node.root / "releases").iterdir()) == [
        id_of(number) for number in (0, 1, 3, 4)
    ]


def test_the_size_of_a_release_is_recorded(tmp_path: Path) -> None:
    node = Node(tmp_path)
    release = node.root / "releases" / id_of(0)
    release.mkdir()
    (release / "data").write_bytes(bytes(300_000))
    node.prune(keep=1, needed=[id_of(0)])
    kib, inodes = map(int, (release / ".release/size").read_text().split())
    # the directory, the file, and the directory of the record
    assert (292 < kib < 400, inodes) == (True, 3)
