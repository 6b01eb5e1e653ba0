"""Measure how long a color takes to start, compared with an earlier version of this tool, and the memory of its nginx.

    python docker/bench_start.py [COMMIT]

COMMIT is the earlier version. By default it is 51b8537, in which the colors shared the nginx of the node.

The script starts a separate fleet with two nodes. The earlier version of the tool provisions the first node and makes
releases there. The present version does the same on the second node. Then the script restarts the idle colors of both
nodes in turn. The load of a machine changes with time, so compare the two columns of the table, and look at the median
of the differences.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import fleet
from bench_common import PYINFRA, ROOT

BEFORE = "51b8537"
ROUNDS = int(os.environ.get("ROUNDS", "30"))
RELEASES = int(os.environ.get("RELEASES", "6"))

# prints the seconds that the restart of the idle color takes
RESTART = """
idle=green; [ "$(readlink /srv/shop/live)" = blue ] || idle=blue
began=$(date +%s%N); systemctl restart shop-$idle.target || exit; ended=$(date +%s%N)
echo "$(((ended - began) / 1000))"
"""

# prints the memory of the idle color's nginx in kB: PSS, RSS and private memory. If several processes share a page, PSS
# counts a part of the page for each process, and RSS counts the whole page for each process
MEMORY = """
idle=green; [ "$(readlink /srv/shop/live)" = blue ] || idle=blue
main=$(systemctl show --property=MainPID --value shop-$idle-nginx.service)
for pid in $main $(pgrep -P $main); do cat /proc/$pid/smaps_rollup; done |
    awk '/^Pss:/ {pss += $2} /^Rss:/ {rss += $2} /^Private/ {own += $2} END {print pss, rss, own}'
"""


@dataclass(frozen=True)
class Side:
    """A version of the tool, and the node on which this version makes releases.

    + name: name of the version in the table
    + root: directory with the source files of the version
    + node: name of the node's container
    + project: name of the fleet
    + environment: environment variables for inventory/fleet.py
    """

    name: str
    root: Path
    node: str
    project: str
    environment: dict[str, str]

    def run(self, verb: str, *data: str) -> None:
        """Run a deploy file of this version. If the run fails, end the process.

        + data: options for ``--data``, such as ``ref=v1``
        """
        words = [word for one in data for word in ("--data", one)]
        done = subprocess.run(
            [PYINFRA, "inventory/fleet.py", f"deploys/{verb}.py", "-y", *words],
            check=False,
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root), **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            sys.exit(f"{self.name}: {verb} ended with status {done.returncode}: {done.stdout}{done.stderr}")

    def stage(self, ref: str) -> float:
        """Release a version of the application, and return the seconds of the stage `start`."""
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            self.run("release", f"ref={ref}", f"report={report}")
            events = json.loads(report.read_text())["events"]
        return next(float(one["seconds"]) for one in events if (one["record"], one["stage"]) == ("results", "start"))

    def inside(self, script: str) -> list[int]:
        """Run a shell script on the node, and return the numbers that the script prints."""
        command = ["docker", "exec", fleet.container(self.project, self.node), "sh", "-c", script]
        return [
            int(word) for word in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        ]


def main(words: list[str]) -> int:
    """Start a fleet, measure, print a table, and remove the fleet."""
    commit = words[0] if words else BEFORE
    project = f"orchstart-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="orchestrator-start-") as scratch:
        directory = Path(scratch) / "fleet"
        try:
            made = fleet.prepare(directory, 2, project, fleet.process(os.getpid()))
            fleet.start(made)
            fleet.finish(made)
            print(measured(*sides(directory, Path(scratch) / "before", commit, project)))
        finally:
            fleet.down(directory, project)
    return 0


def sides(directory: Path, before: Path, commit: str, project: str) -> tuple[Side, Side]:
    """Provision a node and a balancer with each version of the tool, make two releases, and return both sides.

    + directory: directory of the fleet
    + before: directory into which the source files of the earlier version are unpacked
    + commit: git commit of the earlier version
    + project: name of the fleet
    """
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", commit], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        files.extractall(before, filter="data")
    known = json.loads((directory / "fleet.json").read_text())
    app = known["app"]
    # the earlier version gets the settings file of its commit, because it may not know settings that were added later
    apps = {app: known["apps"][app] | {"settings": str(before / "docker/app/settings.toml")}}
    only = known | {"nodes": known["nodes"][:1], "apps": apps}
    (before / ".fleet").mkdir()
    (before / ".fleet/fleet.json").write_text(json.dumps(only))
    earlier = {"FLEET_DIR": str(before / ".fleet"), "SWITCH": "haproxy"}
    present = {"FLEET_DIR": str(directory), "SWITCH": "nginx", "WITHOUT": "node1"}
    found = (
        Side(commit, before, "node1", project, earlier),
        Side("this version", ROOT, "node2", project, present),
    )
    for side in found:
        side.run("provision")
        for ref in ("v1", "v2"):
            side.run("release", f"ref={ref}")
    return found


def measured(before: Side, after: Side) -> str:
    """Measure both sides in turn, and return the table as a text."""
    rows: dict[str, list[tuple[float, float]]] = {"restart of the idle color": [], "stage start of a release": []}
    for number in range(ROUNDS):
        order = (before, after) if number % 2 else (after, before)
        took = {side.name: side.inside(RESTART)[0] / 1e6 for side in order}
        rows["restart of the idle color"].append((took[before.name], took[after.name]))
    for number in range(RELEASES):
        order = (before, after) if number % 2 else (after, before)
        took = {side.name: side.stage(("v1", "v2")[number % 2]) for side in order}
        rows["stage start of a release"].append((took[before.name], took[after.name]))
    lines = [f"{'':<28}{before.name:>12}{after.name:>14}{'difference':>12}   seconds, medians"]
    for row, pairs in rows.items():
        earlier, later = (statistics.median(column) for column in zip(*pairs, strict=True))
        difference = statistics.median(b - a for a, b in pairs)
        lines.append(f"{row:<28}{earlier:>12.3f}{later:>14.3f}{difference:>+12.3f}   of {len(pairs)}")
    pss, rss, own = after.inside(MEMORY)
    lines.append(
        f"idle nginx of a color: PSS {pss / 1024:.1f} MiB, RSS {rss / 1024:.1f} MiB, private {own / 1024:.1f} MiB"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
