"""How long one changed line of a real Laravel application takes to all nodes: deploys/code.py, its warming apart.

    python docker/fleet.py up --apps laravel     (and deploys/provision.py with APP=laravel)
    APP=laravel python docker/bench_code.py

Beside it: the same command with nothing changed since the live release, a command that finds nothing to do, and
pyinfra doing nothing. Machines are noisy: compare within one run.
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
from bench import INVENTORY, NOTHING, ROOT, timed

ROUNDS = int(os.environ.get("ROUNDS", "4"))
ONE, OTHER = "v1", "v2"
"""Versions that differ in one line of one PHP file."""


def main() -> int:
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
    """Seconds of a code-only release, and its report."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        words = (INVENTORY, "deploys/code.py", "-y", "--data", f"ref={ref}", "--data", f"report={file}")
        return timed(words), json.loads(file.read_text())


def disk() -> str:
    """The disk space that the newest release needs on a node in addition to the release before."""
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
