"""The hash of a release's files: what changes it, and what does not. The real script."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.scripts.files import read


def tree(path: Path) -> subprocess.CompletedProcess[str]:
    script = f'set -eu\n{read("scripts/tree.sh")}\nhash=$(tree_hash "$1")\necho "$hash"'
    return subprocess.run(["sh", "-c", script, "test", path], capture_output=True, text=True)


def hashed(path: Path) -> str:
    done = tree(path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) == 64
    return done.stdout.strip()


@pytest.fixture
def release(tmp_path: Path) -> Path:
    made = tmp_path / "release"
    (made / "public/empty").mkdir(parents=True)
    (made / "public/index.php").write_text("<?php\n")
    (made / "console").write_text("#!/bin/sh\n")
    (made / "console").chmod(0o755)
    (made / "new\nline and  spaces\\").write_text("odd\n")
    (made / "link").symlink_to("public/index.php")
    (made / ".git").write_text("gitdir: /elsewhere\n")
    return made


def test_a_copy_has_the_same_hash(release: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(release, copy, symlinks=True)
    (copy / ".git").write_text("gitdir: /another/place\n")
    for path in copy.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    (copy / "console").chmod(0o700)
    assert hashed(copy) == hashed(release)
    (copy / ".release/notes").write_text("ours\n")
    assert hashed(copy) == hashed(release)
    assert [path.name for path in (copy / ".release").iterdir()] == ["notes"]


def test_the_hash_is_that_of_earlier_versions(release: Path) -> None:
    # nodes that several versions of this tool provisioned compare their hashes
    assert hashed(release) == "12f1ffc851aef269e21390e95b8cc96f270b016e06385658ebadf084a3ebe894"


def relink(release: Path, target: str) -> None:
    (release / "link").unlink()
    (release / "link").symlink_to(target)


def copy_in(release: Path, target: str) -> None:
    (release / "link").unlink()
    shutil.copy(release / target, release / "link")


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda release: (release / "public/index.php").write_text("<?PHP\n"),
    "name": lambda release: (release / "console").rename(release / "konsole"),
    "may be executed": lambda release: (release / "console").chmod(0o644),
    "new file": lambda release: (release / "public/more").write_text(""),
    "new directory": lambda release: (release / "public/more").mkdir(),
    "missing file": lambda release: (release / "console").unlink(),
    "a .git further down": lambda release: (release / "public/.git").write_text(""),
    "target": lambda release: relink(release, "console"),
    "a copy instead of a link": lambda release: copy_in(release, "public/index.php"),
    "two that change places": lambda release: (
        (release / "console").rename(release / "x"),
        (release / "public/index.php").rename(release / "console"),
        (release / "x").rename(release / "public/index.php"),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_changes_the_hash(release: Path, change: str) -> None:
    before = hashed(release)
    CHANGES[change](release)
    assert hashed(release) != before


def test_names_that_look_like_two_are_not_mixed_up(release: Path) -> None:
    (release / "a//b".replace("//", " -> ")).symlink_to("c")
    one = hashed(release)
    (release / "a -> b").unlink()
    (release / "a").symlink_to("b -> c")
    assert hashed(release) != one


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_has_no_hash(release: Path) -> None:
    (release / "console").chmod(0)
    done = tree(release)
    assert done.returncode != 0
    assert "console" in done.stderr


def test_a_directory_that_is_not_there_has_no_hash(tmp_path: Path) -> None:
    assert tree(tmp_path / "missing").returncode != 0
