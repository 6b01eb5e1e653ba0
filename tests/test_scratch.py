"""Temporary directories are removed after use, also those of a killed run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from orchestrator.errors import OrchestratorError
from orchestrator.scratch import YOUNG, Scratch


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def killed(temporary: Path) -> Path:
    """A directory with a file in it that a killed process left behind."""
    code = (
        "import os, signal, sys, tempfile; from orchestrator.scratch import Scratch\n"
        "tempfile.tempdir = sys.argv[1]; scratch = Scratch(); (scratch.path / 'secret').write_text('x')\n"
        "print(scratch.path, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(temporary)], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    path = Path(done.stdout.strip())
    assert (path / "secret").read_text() == "x"
    return path


def aged(path: Path) -> Path:
    os.utime(path.parent / "lock", (time.time() - YOUNG - 1,) * 2)
    return path


def test_a_scratch_directory_is_private_and_removed(temporary: Path) -> None:
    with Scratch() as path:
        assert path.parent.stat().st_mode & 0o777 == 0o700
        (path / "file").write_text("x")
    assert list(temporary.iterdir()) == []
    scratch = Scratch()
    scratch.remove()
    scratch.remove()
    assert list(temporary.iterdir()) == []


def test_the_next_run_removes_a_killed_run_s_directory(temporary: Path) -> None:
    left = aged(killed(temporary))
    with Scratch():
        assert not left.parent.exists()


def test_a_directory_of_another_run_stays() -> None:
    other = Scratch()
    aged(other.path)
    with Scratch():
        assert other.path.is_dir()
    other.remove()


def test_a_young_directory_stays(temporary: Path) -> None:
    left = killed(temporary)
    with Scratch():
        assert left.is_dir()


def test_other_files_of_the_temporary_directory_stay(temporary: Path) -> None:
    (temporary / "orchestrator-fleet-tests.lock").write_text("")
    (temporary / "orchestrator-notes").mkdir()
    with Scratch():
        pass
    assert {path.name for path in temporary.iterdir()} == {"orchestrator-fleet-tests.lock", "orchestrator-notes"}


def test_a_pipe_instead_of_a_lock_holds_nobody_up(temporary: Path) -> None:
    # any user may make it in /tmp
    (temporary / "orchestrator-x").mkdir()
    os.mkfifo(temporary / "orchestrator-x/lock")
    aged(temporary / "orchestrator-x/files")
    with Scratch() as path:
        assert path.is_dir()


def test_a_link_instead_of_a_directory_removes_nothing(
    temporary: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "lock").write_text("")
    aged(elsewhere / "files")
    (temporary / "orchestrator-x").symlink_to(elsewhere)
    (temporary / "orchestrator-y").mkdir()
    (temporary / "orchestrator-y/lock").symlink_to(elsewhere / "lock")
    with Scratch():
        pass
    assert (elsewhere / "lock").exists()
    assert (temporary / "orchestrator-y").is_dir()


def test_a_directory_of_another_user_stays(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = aged(killed(temporary))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with Scratch():
        assert left.is_dir()


def test_no_room_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(OrchestratorError, match=r"no temporary directory on this machine: .*missing"):
        Scratch()


def test_an_exit_removes_directories_in_use(temporary: Path) -> None:
    code = (
        "import sys, tempfile; from orchestrator.scratch import Scratch\n"
        "tempfile.tempdir = sys.argv[1]; kept = Scratch(); print(kept.path.is_dir()); sys.exit(3)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(temporary)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "True\n")
    assert list(temporary.iterdir()) == []
