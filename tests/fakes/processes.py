"""Questions of tests about processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def alive(pid: int) -> bool:
    """Whether a process runs: it has not ended, and is not a zombie.

    The first thread of a killed process may be a zombie while another thread, which is still ending, keeps the open
    files and pipes of the process.
    """
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" or len(list(Path(f"/proc/{pid}/task").iterdir())) > 1
    except OSError:
        return False


def wait_until_dead(pid: int) -> None:
    """A process that was killed needs a moment to be gone."""
    eventually(lambda: not alive(pid))


def eventually(true: Callable[[], object], patience: float = 60.0) -> None:
    """Wait until something is true. Fails after so many seconds."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, f"it did not come true in {patience:.0f} s"
        time.sleep(0.01)
