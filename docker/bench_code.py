"""Measure how long a code-only release (deploys/code.py) of a real Laravel application takes, if one line has changed.

    python docker/fleet.py up --apps laravel     (and deploys/provision.py with APP=laravel)
    APP=laravel python docker/bench_code.py

The table shows the stage `warm` separately. For comparison, the script also measures a code-only release without any
change, a command that finds nothing to do, and a pyinfra command that does nothing. The load of a machine changes with
time, so compare only numbers of the same run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import fleet
from bench_common import INVENTORY, NOTHING, ROOT, timed

ROUNDS = int(os.environ.get("ROUNDS", "4"))
ONE, OTHER = "v1", "v2"
"""Two versions of the application that differ in one line of one PHP file."""


def main() -> int:
    """Make the releases, measure, and print a table."""
    os.chdir(ROOT)
    timed((INVENTORY, "deploys/release.py", "-y", "--data", f"ref={ONE}"))
    rows: dict[str, list[tuple[float, float]]] = {"one line": [], "nothing changed": []}
    idle: dict[str, list[float]] = {"nothing to abort": [], "pyinfra alone": []}
    stages: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        ref = (OTHER, ONE)[number % 2]
        for row in rows:
            whole, report = released(ref)
            spent = {event["stage"]: event["seconds"] for event in report["events"] if event["record"] == "results"}
            rows[row].append((whole, spent["warm"]))
            for stage, seconds in spent.items() if row == "one line" else ():
                stages.setdefault(stage, []).append(seconds)
        idle["nothing to abort"].append(timed((INVENTORY, "deploys/abort.py", "-y")))
        idle["pyinfra alone"].append(timed(NOTHING))
    print(f"{'':<18}{'whole':>8}{'warming':>9}{'without':>9}   seconds, medians of {ROUNDS}")
    for row, pairs in rows.items():
        whole, warming = (statistics.median(column) for column in zip(*pairs, strict=True))
        without = statistics.median(a - b for a, b in pairs)
        print(f"{row:<18}{whole:>8.2f}{warming:>9.2f}{without:>9.2f}")
    for row, seconds in idle.items():
        print(f"{row:<18}{statistics.median(seconds):>8.2f}")
    print("stages of one line: " + ", ".join(f"{name} {statistics.median(took):.2f}" for name, took in stages.items()))
    print(disk())
    return 0


def released(ref: str) -> tuple[float, dict[str, Any]]:
    """Make a code-only release. Return the seconds that the release took, and its report (``--data report=``)."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        words = (INVENTORY, "deploys/code.py", "-y", "--data", f"ref={ref}", "--data", f"report={file}")
        return timed(words), json.loads(file.read_text())


def disk() -> str:
    """Return one line about the disk space of the newest release on a node.

    The line has the KiB that the release does not share with the release before it, and the KiB of a full copy.
    """
    script = (
        'cd /srv/laravel/releases && set -- $(ls -1d [0-9]* | tail -n 2) && du -sk "$1" "$2" | cut -f1; '
        'du -sk "$2" | cut -f1; find "$2/vendor" -name "*.php" | wc -l'
    )
    known = fleet.load(Path(os.environ.get("FLEET_DIR") or ROOT / ".fleet"))
    node = fleet.container(known.project, "node1")
    done = subprocess.run(["docker", "exec", node, "sh", "-c", script], capture_output=True, text=True, check=True)
    _, own, full, files = (int(line) for line in done.stdout.split())
    share = 100 * own / full
    return f"disk: {own} KiB of its own, {full} KiB as a full copy: {share:.1f}%; {files} PHP files in vendor"


if __name__ == "__main__":
    sys.exit(main())
