"""A release with files of the web user: permissions, packing and fetching again. The real scripts."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.operations.pack import pack
from orchestrator.operations.permit import permit
from orchestrator.operations.tidy import tidy
from orchestrator.operations.unpack import unpack
from tests.fakes.world import BIN

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, for files of two users"),
]

ID = "20260101T120000Z-0000001"
US, WEB = 65534, 33

SETFACL = r"""
entries= recursive=
while [ "$1" != -- ]; do case $1 in -m) entries=$2; shift ;; -R) recursive=1 ;; esac; shift; done
shift
[ -z "$recursive" ] || { set -f; IFS='
'; set -- $(find "$@"); }
for path; do
    [ ! -e "$REFUSED" ] || { echo "setfacl: $path: $(cat "$REFUSED")" >&2; exit 1; }
    [ -O "$path" ] || { echo "setfacl: $path: Operation not permitted" >&2; exit 1; }
    [ -d "$path" ] || case $entries in *d:*)
        echo "setfacl: $path: Only directories can have default ACLs" >&2; exit 1 ;;
    esac
    echo "$entries $(readlink "$path")" >>"$LOG"
done
"""


class Node:
    """A node's directory. Commands are run as the deploy user, which is not root."""

    def __init__(self, scratch: Path) -> None:
        self.scratch, self.root = scratch, scratch / "shop"
        self.release = self.root / "releases" / ID
        for directory in (self.release / "var/cache", self.root / "blue", self.root / "green", scratch / "bin"):
            directory.mkdir(parents=True)
        (self.release / "index.php").write_text("<?php // mine\n")
        (self.root / "blue/release").symlink_to(f"../releases/{ID}")
        (self.root / "blue/started").write_text(f"{ID} 1\n")
        (self.root / "green/started").write_text("another 1\n")
        self.script("setfacl", SETFACL)
        # removes as root does: the path is removed, whoever owns it
        self.script("remove", f'mv "{self.root}/releases/.$1.part" "{scratch}/removed"')
        left_out = '--exclude="$1/.git" --exclude="$1/.release/checked"'
        self.script("pack", f'tar -C "{self.root}/releases" -c {left_out} -- "$1"')
        for path in (scratch, *scratch.rglob("*")):
            os.chown(path, US, US, follow_symlinks=False)
        # the web user has made these files
        self.made = self.release / "var/cache/page"
        self.made.write_text("of the web user\n")
        os.chown(self.made, WEB, WEB)
        os.chown(self.made.parent, WEB, WEB)

    def script(self, name: str, text: str) -> str:
        path = self.scratch / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)

    def run(self, operation: Any, **arguments: Any) -> subprocess.CompletedProcess[str]:
        commands: Generator[Any, None, None] = operation._inner(root=str(self.root), release=ID, **arguments)
        (command,) = commands
        return self.shell(command.get_raw_value())

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["setpriv", f"--reuid={US}", f"--regid={US}", "--clear-groups", "sh", "-c", command],
            env={
                "PATH": f"{self.scratch}/bin:{BIN}:{os.environ['PATH']}",
                "LOG": f"{self.scratch}/log",
                "REFUSED": f"{self.scratch}/refused",
            },
            capture_output=True,
            text=True,
        )

    def permit(self, **asked: Any) -> subprocess.CompletedProcess[str]:
        return self.run(permit, own="false", web_user="www-data", writable=["var"], **asked)

    def unpack(self) -> subprocess.CompletedProcess[str]:
        """Unpack the same release from another node, which has one more file in it."""
        other = self.scratch / "other" / ID
        other.mkdir(parents=True)
        (other / "index.php").write_text("<?php // of another node\n")
        (other / "vendor").write_text("more\n")
        # the web user of the other node may have made it
        (other / "vendor").chmod(0o6755)
        (other / "var/cache").mkdir(parents=True)
        (other / "var/cache").chmod(0o2775)
        archive = self.root / f"releases/.{ID}.tar"
        subprocess.run(["tar", "-C", other.parent, "-c", "-f", archive, ID], check=True)
        os.chown(archive, US, US)
        sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
        return self.run(unpack, sha256=sha256, remove=f"{self.scratch}/bin/remove")

    def pack(self, helper: str) -> subprocess.CompletedProcess[str]:
        return self.run(pack, helper=helper)

    def left(self) -> list[str]:
        return sorted(path.name for path in (self.root / "releases").iterdir())


@pytest.fixture
def node() -> Iterator[Node]:
    # pytest's own directories are closed to other users
    with tempfile.TemporaryDirectory(dir="/tmp") as scratch:
        yield Node(Path(scratch))


def test_files_of_other_users_keep_their_mode_and_acl(node: Node) -> None:
    done = node.permit(files="0640", directories="0750")
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE((node.release / "index.php").stat().st_mode) == 0o640
    assert stat.S_IMODE((node.release / "var").stat().st_mode) == 0o750
    assert stat.S_IMODE(node.made.stat().st_mode) == 0o644
    assert stat.S_IMODE(node.made.parent.stat().st_mode) == 0o755


def test_directories_have_a_default_acl_and_files_their_own(node: Node) -> None:
    mine = node.release / "var/mine"
    mine.write_text("")
    os.chown(mine, US, US)
    done = node.permit()
    assert done.returncode == 0, done.stderr
    given = [line.partition(" ") for line in (node.scratch / "log").read_text().splitlines()]
    named = {Path(path).name: entries for entries, _, path in given}
    assert named == {"var": "u:www-data:rwX,d:u:www-data:rwX,d:u:nobody:rwX", "mine": "u:www-data:rwX"}


def test_a_refused_acl_shows_setfacl_s_message(node: Node) -> None:
    (node.scratch / "refused").write_text("Operation not supported\n")
    done = node.permit()
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("permissions.writable: var gets no ACL: setfacl: ")
    assert last.endswith("var: Operation not supported")


def test_a_release_is_brought_anew_over_one_with_files_of_others(node: Node) -> None:
    (node.release / ".git").write_text("gitdir: of this node\n")
    done = node.unpack()
    assert done.returncode == 0, done.stderr
    assert node.left() == [ID]
    assert sorted(path.name for path in node.release.iterdir()) == [".git", "index.php", "var", "vendor"]
    assert (node.release / "index.php").read_text() == "<?php // of another node\n"
    assert not node.made.exists()
    # blue's processes have the removed files open, so blue no longer counts as started
    assert not (node.root / "blue/started").exists()
    assert (node.root / "green/started").exists()


def test_a_program_of_another_user_is_not_setuid_when_it_arrives(node: Node) -> None:
    node.script("find", f'ls -ld "$1/.." >>{node.scratch}/seen; PATH=/usr/bin:/bin exec find "$@"')
    done = node.unpack()
    assert (done.returncode, done.stderr) == (0, "")
    assert stat.S_IMODE((node.release / "vendor").stat().st_mode) == 0o755
    assert stat.S_IMODE((node.release / "var/cache").stat().st_mode) == 0o2775
    # until then, nobody else could run it
    assert (node.scratch / "seen").read_text().startswith("drwx------ ")


def test_a_half_release_of_an_earlier_run_does_no_harm(node: Node) -> None:
    (node.release).rename(node.root / f"releases/.{ID}.part")
    done = node.unpack()
    assert done.returncode == 0, done.stderr
    assert node.left() == [ID]


def test_half_releases_of_any_user_are_removed(node: Node) -> None:
    (node.root / "releases/.20200101T000000Z-0000000.part").mkdir()
    for name in (f".{ID}.tar", ".20200101T000000Z-0000000.tar"):
        (node.root / "releases" / name).write_text("a release, with its environment")
    node.release.rename(node.root / f"releases/.{ID}.part")
    (command,) = tidy._inner(root=str(node.root), remove=f"{node.scratch}/bin/remove")
    assert node.shell(command.get_raw_value()).returncode == 0
    assert node.left() == []


def test_a_release_that_did_not_arrive_whole_leaves_the_old_one(node: Node) -> None:
    archive = node.root / f"releases/.{ID}.tar"
    archive.write_text("half")
    done = node.run(unpack, sha256="0" * 64, remove="false")
    assert done.returncode == 1
    assert node.left() == [ID]
    assert node.made.exists()
    assert (node.root / "blue/started").exists()


def test_a_release_in_use_may_change_while_it_is_packed(node: Node) -> None:
    changing = node.script("changing", f'"{node.scratch}/bin/pack" "$1"; echo "file changed as we read it" >&2; exit 1')
    done = node.pack(changing)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == hashlib.sha256((node.root / f"releases/.{ID}.tar").read_bytes()).hexdigest()


@pytest.mark.parametrize("helper", ["exit 1", "echo half; exit 2", "echo half; exit 137"])
def test_a_release_that_cannot_be_packed_leaves_nothing(node: Node, helper: str) -> None:
    done = node.pack(node.script("broken", f"echo said why >&2; {helper}"))
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == "said why"
    assert node.left() == [ID]
