"""Measure how the cost of a release grows with the number of nodes, without servers.

    python docker/bench_scale.py [--nodes 3 10 30 100 300 1000] [--to docs]        (or `make bench-scale`)

The script measures each number of nodes in a separate process (bench_scale_one.py), and writes the page
benchmarks-scale.md, its plot and the file benchmarks-scale.json. No cost is ever a reason to fail.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import bench_scale_page
from bench_common import ROOT
from bench_scale_result import Result, Size

NODES = (3, 10, 30, 100, 300, 1000)


def main() -> int:
    """Measure each number of nodes, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nodes", type=int, nargs="+", default=NODES, help="numbers of nodes, at least three")
    parser.add_argument("--to", type=Path, default=ROOT / "docs", help="directory of the page (default docs)")
    said = parser.parse_args()
    load = round(os.getloadavg()[0], 2)
    sizes = [measured(nodes) for nodes in sorted(said.nodes)]
    versions = {"Python": sys.version.split()[0], "pyinfra": metadata.version("pyinfra")}
    day = datetime.now(UTC).date().isoformat()
    bench_scale_page.write(said.to, Result(day, os.cpu_count() or 1, load, versions, sizes))
    print(f"the page is {said.to / bench_scale_page.PAGE}")
    return 0


def measured(nodes: int) -> Size:
    """Measure a number of nodes in a new process. If a command fails, end this process, and print the output."""
    with tempfile.TemporaryDirectory(prefix="orchestrator-bench-") as scratch:
        words = [sys.executable, str(Path(__file__).with_name("bench_scale_one.py")), str(nodes), scratch]
        done = subprocess.run(words, capture_output=True, check=False, text=True)
    if done.returncode:
        sys.exit(f"{nodes} nodes: {(done.stdout + done.stderr).strip()[-2000:]}")
    size = Size.from_json(json.loads(done.stdout.splitlines()[-1]))
    print(bench_scale_page.row(size), flush=True)
    return size


if __name__ == "__main__":
    sys.exit(main())
