"""The paths, commands and functions that several benchmarks use."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYINFRA = str(Path(sys.executable).with_name("pyinfra"))
INVENTORY = "inventory/fleet.py"
NOTHING = (INVENTORY, "exec", "-y", "--", "true")
"""Arguments with which pyinfra connects to the servers and does nothing else."""


def timed(words: Sequence[str]) -> float:
    """Run pyinfra once, and return the seconds. If the run fails, end the process, because its duration is useless.

    + words: the arguments of pyinfra
    """
    began = time.monotonic()
    done = subprocess.run([PYINFRA, *words], capture_output=True, check=False, text=True)
    if done.returncode:
        sys.exit(f"`{' '.join(words)}` ended with status {done.returncode}: {done.stderr.strip()[-300:]}")
    return time.monotonic() - began
