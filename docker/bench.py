"""Measure how long the verbs take on a running fleet (`make fleet`), compared with a pyinfra command that does nothing.

Machines differ in speed, so compare the ratios and not the seconds.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYINFRA = str(Path(sys.executable).with_name("pyinfra"))
INVENTORY = "inventory/fleet.py"
ROUNDS = 5

NOTHING = (INVENTORY, "exec", "-y", "--", "true")
VERBS = {
    "status": (INVENTORY, "deploys/status.py", "-y"),
    "release": (INVENTORY, "deploys/release.py", "-y", "--data", "ref=v1"),
    "rollback": (INVENTORY, "deploys/rollback.py", "-y"),
}


def main() -> int:
    """Measure each verb ROUNDS times, each time together with an idle pyinfra command. Print a table.

    The table has the medians of the seconds, and the median of the ratios.
    """
    os.chdir(ROOT)
    print(f"{'':<10}{'median':>10}{'nothing':>10}{'ratio':>8}   seconds of {ROUNDS} runs each")
    for verb, words in VERBS.items():
        pairs = [(timed(words), timed(NOTHING)) for _ in range(ROUNDS)]
        runs, nothing = zip(*pairs, strict=True)
        ratio = statistics.median(run / idle for run, idle in pairs)
        print(f"{verb:<10}{statistics.median(runs):>10.2f}{statistics.median(nothing):>10.2f}{ratio:>8.1f}")
    return 0


def timed(words: Sequence[str]) -> float:
    """Run pyinfra once, and return the seconds. If the run fails, end the process, because its duration is useless.

    + words: the arguments of pyinfra
    """
    began = time.monotonic()
    done = subprocess.run([PYINFRA, *words], capture_output=True, check=False, text=True)
    if done.returncode:
        sys.exit(f"`{' '.join(words)}` ended with status {done.returncode}: {done.stderr.strip()[-300:]}")
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
