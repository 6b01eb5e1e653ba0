"""Compare releases and rollbacks of this tool with those of other tools, on the same servers and under load.

    python docker/bench.py [--nodes 3] [--rounds 7] [--to docs]        (or `make bench`)

The script starts a fleet of its own and removes this fleet at the end. Then it prints a table, adds the result to the
file benchmarks.json in the directory ``--to``, and writes the page benchmarks.md with its plots there. No time is ever
a reason to fail.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import bench_page
import bench_result
import fleet
from bench_common import ROOT
from bench_result import MOVES, Action, Command, Result
from bench_tools import Tool, commit, tools, versions
from fleet_tools import Trouble, say

from orchestrator.probe.process import ProbeProcess
from orchestrator.probe.sample import Kind, Sample, now

RATE = 100.0
CONNECTIONS = 16
SLOW = 1.0
"""Seconds that slow requests take."""
LEAD = 0.5
"""Seconds for which the probe sends requests before the first command of a tool."""
PAUSE = SLOW + 0.5
"""Seconds after each command, so that requests that the command has broken have ended."""


def main() -> int:
    """Start a fleet, measure, print a table, write the page, and remove the fleet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=3, help="number of nodes (default 3)")
    parser.add_argument("--rounds", type=int, default=7, help="number of rounds (default 7)")
    parser.add_argument("--to", type=Path, default=ROOT / "docs", help="directory of the page (default docs)")
    said = parser.parse_args()
    project = f"orchbench-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="orchestrator-bench-") as scratch:
        directory = Path(scratch) / "fleet"
        try:
            made = fleet.up(directory, said.nodes, project, fleet.process(os.getpid()))
            result = measured(made, Path(scratch), said.rounds)
        except Trouble as trouble:
            sys.exit(f"bench: {trouble}")
        finally:
            fleet.down(directory, project)
    for line in bench_result.table(result):
        print(line)
    bench_page.add(said.to, result)
    bench_page.write(said.to)
    say(f"the page is {said.to / bench_page.PAGE}")
    return 0


def measured(made: fleet.Fleet, scratch: Path, rounds: int) -> Result:
    """Prepare the servers, and measure all tools in turn.

    + scratch: an empty directory
    """
    compared = tools(made)
    work = scratch / "repository"
    for tool in compared:
        for words in tool.preparation:
            command(tool, words)
        command(tool, tool.actions["release"])
    load = round(os.getloadavg()[0], 2)
    found: dict[str, dict[str, list[Action]]] = {
        tool.name: {action: [] for action in tool.actions} for tool in compared
    }
    for number in range(rounds):
        commit(made, work, f"bench-{number + 1}")
        turn = number % len(compared)
        for tool in compared[turn:] + compared[:turn]:
            for action, one in under_load(tool, scratch / "samples").items():
                found[tool.name][action].append(one)
        say(f"round {number + 1} of {rounds}")
    day = datetime.now(UTC).date().isoformat()
    return Result(len(made.nodes), day, os.cpu_count() or 1, load, RATE, versions(), found)


def under_load(tool: Tool, samples: Path) -> dict[str, Action]:
    """Run all commands of a tool, one after the other, while the probe sends requests.

    + samples: file for the results of the requests

    Raises Trouble if a release or a rollback brought no other release into the traffic.
    """
    commands: dict[str, Command] = {}
    extra = ("--keep=2000000", f"--samples={samples}")
    probe = ProbeProcess(
        [tool.url],
        rate=RATE,
        connections=CONNECTIONS,
        host=tool.host,
        mix=tuple(Kind),
        slow_seconds=SLOW,
        extra=extra,
    )
    with probe:
        time.sleep(LEAD)
        for action, words in tool.actions.items():
            commands[action] = command(tool, words)
            time.sleep(PAUSE)
        probe.stop()
    asked = [Sample.from_json(json.loads(line)) for line in samples.read_text().splitlines()]
    done = bench_result.actions(commands, asked)
    for action in MOVES:
        if done[action].first is None:
            raise Trouble(f"{tool.name}: after the {action}, no client got an answer of another release")
    return done


def command(tool: Tool, words: tuple[str, ...]) -> Command:
    """Run a command, and return its duration and CPU time. Raises Trouble if the command fails."""
    before, began, start = _cpu(), now(), time.monotonic()
    done = subprocess.run(
        words,
        cwd=tool.folder,
        env={**os.environ, **tool.environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - start
    if done.returncode:
        raise Trouble(f"{tool.name}: {' '.join(words)} failed: {(done.stdout + done.stderr).strip()[-2000:]}")
    return Command(began, seconds, _cpu() - before)


def _cpu() -> float:
    """Return the CPU time of all child processes that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
