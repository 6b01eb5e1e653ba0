"""The start of a command that changes a schema, and the commands before it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from orchestrator.operations.migrate import SCRIPT

RELEASE = "20260101T120000Z-5d0f0c1"


def started(root: Path, key: str) -> subprocess.CompletedProcess[str]:
    words = [str(root), key, RELEASE, "green", "true", "", "", "true"]
    return subprocess.run(["sh", "-c", SCRIPT, "orchestrator", *words], capture_output=True, text=True, check=False)


def command(root: Path, key: str, *files: str) -> Path:
    directory = root / "guard/database" / key
    directory.mkdir(parents=True)
    for name in files:
        (directory / name).touch()
    return directory


def test_a_run_remembers_its_commands_for_other_databases(tmp_path: Path) -> None:
    same, older = (command(tmp_path, key, "started", "ended") for key in ("expand-2", "expand-stats-1"))
    assert started(tmp_path, "expand-stats-2").returncode == 0
    # the undo of this run says that the schema of the first database stays changed
    assert same.is_dir()
    assert not older.exists()


def test_a_command_without_an_end_stops_the_next_command(tmp_path: Path) -> None:
    for key in ("expand-2", "expand-1"):
        unknown = command(tmp_path, key, "started", "lock")
        done = started(tmp_path, "expand-stats-2")
        assert done.returncode == 1
        assert f"it is unknown how the command {key} of an earlier run ended" in done.stderr
        for file in unknown.iterdir():
            file.unlink()
        unknown.rmdir()
