"""A release gets links to the shared paths; nothing outside the release is ever removed. The real script."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.operations.share import share

pytestmark = pytest.mark.exhaustive

ID = "20260101T120000Z-5d0f0c1"
LIVE = "20251231T120000Z-4c9e9b0"


class Node:
    """An application with a live release, a new release, and data that both share."""

    def __init__(self, root: Path) -> None:
        self.root, self.release, self.shared = root, root / "releases" / ID, root / "shared"
        (root / "releases" / LIVE / "config").mkdir(parents=True)
        (root / "releases" / LIVE / "config/app.php").write_text("live\n")
        self.release.mkdir()
        (self.shared / "storage/app").mkdir(parents=True)
        (self.shared / "storage/app/upload").write_text("of a user\n")
        (self.shared / "storage/oauth-private.key").write_text("key\n")
        (self.shared / "config").mkdir()
        (self.shared / "auth.json").write_text("{}\n")

    def share(
        self,
        directories: Sequence[str] = (),
        files: Sequence[str] = (),
        seed: Sequence[str] = (),
        programs: Path = Path("/usr/bin"),
    ) -> subprocess.CompletedProcess[str]:
        """Share paths as a release does. The programs in the directory `programs` are found first."""
        (command,) = share._inner(root=str(self.root), release=ID, directories=directories, files=files, seed=seed)
        environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
        return subprocess.run(["sh", "-c", command.get_raw_value()], capture_output=True, text=True, env=environment)

    def outside(self) -> dict[str, str]:
        """Every file outside the release."""
        found = [path for path in self.root.rglob("*") if not path.is_relative_to(self.release)]
        return {
            str(path.relative_to(self.root)): os.readlink(path)
            if path.is_symlink()
            else path.read_text()
            if path.is_file()
            else ""
            for path in found
        }

    def is_linked(self, path: str) -> bool:
        link = self.release / path
        return link.is_symlink() and os.readlink(link) == str(self.shared / path)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "shop")


def shared(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr


def test_files_of_the_version_at_shared_paths_are_replaced(node: Node) -> None:
    (node.release / "storage/app").mkdir(parents=True)
    (node.release / "storage/app/upload").write_text("of the version\n")
    before = node.outside()
    for _ in range(2):
        shared(node.share(["storage/app", "config"], ["auth.json"]))
        assert all(map(node.is_linked, ["storage/app", "config", "auth.json"]))
    assert node.outside() == before


@pytest.mark.parametrize(
    ("directories", "files", "path"),
    [
        (["storage"], ["storage/oauth-private.key"], "storage/oauth-private.key"),
        (["storage", "storage/app"], [], "storage/app"),
    ],
    ids=["file", "directory"],
)
def test_one_shared_path_below_another_removes_nothing(
    node: Node, directories: list[str], files: list[str], path: str
) -> None:
    before = node.outside()
    done = node.share(directories, files)
    assert node.outside() == before
    assert done.returncode != 0
    assert f"shared: {path} is behind a link" in done.stderr


@pytest.mark.parametrize("to", ["{root}/releases/{live}", "../{live}", "{root}/shared"])
def test_a_version_link_to_the_outside_is_refused_at_first(node: Node, to: str) -> None:
    (node.release / "etc").symlink_to(to.format(root=node.root, live=LIVE))
    (node.shared / "etc/config").mkdir(parents=True)
    before = node.outside()
    done = node.share(["storage", "etc/config"], seed=["storage"])
    assert node.outside() == before
    assert done.returncode != 0
    assert "shared: etc/config is behind a link" in done.stderr
    assert [path.name for path in node.release.iterdir()] == ["etc"]


def test_a_dangling_link_of_the_version_creates_no_target(node: Node, tmp_path: Path) -> None:
    (node.release / "storage").symlink_to(tmp_path / "elsewhere/deep")
    done = node.share(["storage/app"])
    assert "shared: storage/app is behind a link" in done.stderr
    assert not (tmp_path / "elsewhere").exists()


def test_a_link_of_the_version_within_it_is_followed(node: Node) -> None:
    (node.release / "data").mkdir()
    (node.release / "storage").symlink_to("data")
    shared(node.share(["storage/app"]))
    assert node.is_linked("storage/app")
    assert (node.release / "data/app").is_symlink()


def test_a_version_link_to_another_shared_path_removes_nothing(node: Node) -> None:
    (node.release / "storage").symlink_to("data")
    (node.release / "data").mkdir()
    (node.shared / "data/app").mkdir(parents=True)
    (node.shared / "data/app/upload").write_text("of a user\n")
    before = node.outside()
    done = node.share(["data", "storage/app"])
    assert node.outside() == before
    assert "shared: storage/app is behind a link" in done.stderr


@pytest.mark.parametrize("to", ["public", "/", "missing", "../{live}/config", "../../shared/config"])
def test_a_version_link_at_a_shared_path_is_only_replaced(node: Node, to: str) -> None:
    (node.release / "public").mkdir()
    (node.release / "public/index.php").write_text("<?php\n")
    (node.release / "storage").symlink_to(to.format(live=LIVE))
    (node.release / "auth.json").symlink_to("public/index.php")
    before = node.outside()
    shared(node.share(["storage"], ["auth.json"]))
    assert node.is_linked("storage")
    assert node.is_linked("auth.json")
    assert (node.release / "public/index.php").read_text() == "<?php\n"
    assert node.outside() == before


@pytest.mark.parametrize("command", ["mkdir", "rm", "ln"])
def test_a_directory_swapped_for_a_link_gets_no_links(node: Node, tmp_path: Path, command: str) -> None:
    (node.release / "var").mkdir()
    if command == "rm":  # the script starts rm only if there is something to remove
        (node.release / "var/deep/storage").mkdir(parents=True)
    (node.shared / "var/deep/storage").mkdir(parents=True)
    (tmp_path / "elsewhere/deep/storage/app").mkdir(parents=True)
    before = sorted((tmp_path / "elsewhere").rglob("*"))
    (tmp_path / "bin").mkdir()
    swap = f"cd {node.release} && mv var var.old && ln -s {tmp_path}/elsewhere var"
    program = tmp_path / "bin" / command
    once = f"[ -e {node.release}/var.old ] || ({swap})"
    program.write_text(f'#!/bin/sh\nPATH=/usr/bin:/bin; {once}\nexec {command} "$@"\n')
    program.chmod(0o755)
    node.share(["var/deep/storage"], programs=tmp_path / "bin")
    assert (node.release / "var").is_symlink()
    assert sorted((tmp_path / "elsewhere").rglob("*")) == before


def test_a_link_that_is_right_is_left_alone(node: Node) -> None:
    shared(node.share(["storage"]))
    before = (node.release / "storage").lstat()
    shared(node.share(["storage"]))
    assert (node.release / "storage").lstat().st_ino == before.st_ino
    assert (node.release / "storage").lstat().st_mtime_ns == before.st_mtime_ns


def test_a_missing_one_is_named_and_nothing_is_linked(node: Node) -> None:
    done = node.share(["storage"], [".env"])
    assert f"shared file missing: {node.shared}/.env" in done.stderr
    assert list(node.release.iterdir()) == []


def seeded(node: Node) -> None:
    """Give the version a file for the empty shared directory `uploads`."""
    (node.release / "uploads/deep").mkdir(parents=True)
    (node.release / "uploads/deep/logo").write_text("of the version\n")
    (node.release / "uploads/deep/logo").chmod(0o600)
    (node.shared / "uploads").mkdir()


@pytest.mark.parametrize("half", [False, True])
def test_an_empty_directory_gets_the_files_of_the_version(node: Node, half: bool) -> None:
    seeded(node)
    if half:
        # an earlier version of this script was interrupted
        (node.shared / "uploads/.seed.part/deep").mkdir(parents=True)
    for _ in range(2):
        shared(node.share(["uploads"], seed=["uploads"]))
        assert node.is_linked("uploads")
        assert [path.name for path in (node.shared / "uploads").iterdir()] == ["deep"]
        assert (node.shared / "uploads/deep/logo").read_text() == "of the version\n"
        assert (node.shared / "uploads/deep/logo").stat().st_mode & 0o777 == 0o660


@pytest.mark.parametrize("command", ["cp", "chmod", "mv"])
def test_a_copy_swapped_for_a_link_changes_nothing_else(node: Node, tmp_path: Path, command: str) -> None:
    seeded(node)
    secret, programs = tmp_path / "secret", tmp_path / "bin"
    for path in (secret, programs):
        path.mkdir(mode=0o700)
    part = node.shared / "uploads/.seed.part"
    swap = f"mv {part} {part}.old; ln -s {secret} {part}"
    (programs / command).write_text(f'#!/bin/sh\nPATH=/usr/bin:/bin; ({swap}) 2>/dev/null\nexec {command} "$@"\n')
    (programs / command).chmod(0o755)
    node.share(["uploads"], seed=["uploads"], programs=programs)
    assert secret.stat().st_mode & 0o777 == 0o700
    assert list(secret.iterdir()) == []


def test_a_copy_is_closed_to_other_users_until_it_is_whole(node: Node, tmp_path: Path) -> None:
    seeded(node)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "cp").write_text(f'#!/bin/sh\nstat -c %a . >>{tmp_path}/seen\nPATH=/usr/bin:/bin exec cp "$@"\n')
    (programs / "cp").chmod(0o755)
    (node.shared / "uploads").chmod(0o2775)
    shared(node.share(["uploads"], seed=["uploads"], programs=programs))
    assert (tmp_path / "seen").read_text() in ("2700\n", "700\n")
