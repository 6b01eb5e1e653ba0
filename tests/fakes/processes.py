"""What tests ask about processes."""

from __future__ import annotations

import time
from pathlib import Path


def alive(pid: int) -> bool:
    """Not ended, and not waiting to be collected either."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_dead(pid: int) -> None:
    """Who was killed needs a moment to be gone."""
    deadline = time.monotonic() + 5
    while alive(pid):
        assert time.monotonic() < deadline, f"{pid} lives on"
        time.sleep(0.02)
