"""The web user swaps files of a release for symlinks while ``permit`` works. The real script, as the deploy user."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.operations.permit import permit
from tests.fakes.swapper import plant, swapping

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, for files of two users"),
]

ID = "20260101T120000Z-0000001"
US = 65534


class Node:
    """A release with a directory to which the web user may write, and files of the deploy user outside the release."""

    def __init__(self, scratch: Path) -> None:
        self.scratch, self.root = scratch, scratch / "shop"
        self.release, self.home = self.root / "releases" / ID, scratch / "home"
        self.cache, self.live = self.release / "cache", self.root / "releases/live"
        for directory in (self.release / ".release", self.live, scratch / "bin"):
            directory.mkdir(parents=True)
        plant(self.cache, self.home)
        # like setfacl, chmod follows a link
        self.program("setfacl", 'shift 3; exec chmod o+rwX -- "$@"')
        for path in (scratch, *scratch.rglob("*")):
            os.chown(path, US, US, follow_symlinks=False)
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o600)
        self.home.chmod(0o700)
        self.before = self.outside()
        # the web user may rename the files, but this descriptor always leads to the deploy user's directory
        self._directory = os.open(self.cache / "directory", os.O_RDONLY)
        self._runs = 0

    def program(self, name: str, text: str) -> None:
        path = self.scratch / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def permit(self, **asked: Any) -> subprocess.CompletedProcess[str]:
        """Run the operation. Before, let the web user write in the cache, and share a file with another release."""
        self._runs += 1
        self.cache.chmod(0o777)
        os.link("keys", self.live / f"keys.{self._runs}", src_dir_fd=self._directory)
        (command,) = permit._inner(root=str(self.root), release=ID, own="false", web_user="www-data", **asked)
        return subprocess.run(
            ["setpriv", f"--reuid={US}", f"--regid={US}", "--clear-groups", "sh", "-c", command.get_raw_value()],
            env={"PATH": f"{self.scratch}/bin:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )

    def outside(self) -> list[tuple[int, int, str]]:
        """Inode and mode of the deploy user's directory and file outside the release, and the text of the file."""
        keys = self.home / "keys"
        return [(found.st_ino, found.st_mode, keys.read_text()) for found in (self.home.lstat(), keys.lstat())]


@pytest.fixture
def node() -> Iterator[Node]:
    # pytest's own directories are closed to other users
    with tempfile.TemporaryDirectory(dir="/tmp") as scratch:
        yield Node(Path(scratch))


def test_links_that_are_swapped_all_the_time_lead_nowhere(node: Node) -> None:
    cases: list[dict[str, Any]] = [
        {"files": "666", "directories": "777"},
        {"private": ["cache"]},
        {"writable": ["cache"]},
        {"modes": {"cache/file": "666"}},
        {"writable": ["cache"]},
    ]
    with swapping(node.cache):
        for asked in cases * 3:
            node.permit(**asked)
            assert node.outside() == node.before, asked


@pytest.mark.parametrize("name", ["directory", "file"])
@pytest.mark.parametrize("setting", ["private", "writable"])
def test_a_link_swapped_in_before_setfacl_gets_no_acl(node: Node, setting: str, name: str) -> None:
    swap = f"cd {node.cache} && mv {name} {name}.real && ln -s $(readlink {name}.link) {name}"
    node.program("setfacl", f'[ -e {node.cache}/{name}.real ] || ({swap}); shift 3; exec chmod o+rwX -- "$@"')
    done = node.permit(**{setting: ["cache"]})
    assert (done.returncode, done.stderr) == (0, "")
    assert (node.cache / name).is_symlink()
    assert node.outside() == node.before
    # the files themselves got the ACL, wherever they are now
    real = node.cache / f"{name}.real"
    assert {path.stat().st_mode & 0o006 for path in (real, *real.rglob("*"))} == {0o006}


@pytest.mark.parametrize("setting", ["private", "writable", "modes"])
def test_a_copied_file_replaces_no_file_behind_a_link(node: Node, setting: str) -> None:
    swap = "mv directory directory.real && ln -s $(readlink directory.link) directory"
    node.program("cp", f'(cd {node.cache} && {swap}); PATH=/usr/bin:/bin exec cp "$@"')
    done = node.permit(**{setting: {"cache/directory/keys": "640"} if setting == "modes" else ["cache"]})
    assert (done.returncode, done.stderr) == (0, "")
    assert (node.cache / "directory").is_symlink()
    assert node.outside() == node.before
    assert (node.cache / "directory.real/keys").stat().st_nlink == 1
