"""Show the main commands on a docker fleet: provision, release v1, release v2 under traffic, roll back, release v2.

Meanwhile, workers take jobs from a queue on each node, and a schedule writes a line each second on one node.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.probe.report import Report

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
RUNS = (("release", "v2"), ("rollback", ""), ("release", "v2"))
JOBS = 1000
"""Number of jobs in the queue of each node. More than the workers can do during the demo."""
SETTINGS = """
[[workers]]
name = "queue"
command = "bin/work"
count = 2

[[schedule]]
name = "tick"
command = "bin/tick"
every = "*:*:*"
"""
"""The settings of the demo, which the demo adds to those of the sample application."""


def main() -> int:
    """Run the demo. Return the exit status: 0 if every step succeeded and no request failed, otherwise 1."""
    os.chdir(ROOT)
    directory = Path(os.environ.get("FLEET_DIR", ".fleet"))
    nodes = os.environ.get("NODES", "3")
    fresh_before = time.monotonic()
    step("start the fleet")
    call([sys.executable, "docker/fleet.py", "up", "--dir", str(directory), "--nodes", nodes])
    add_settings(directory)
    step("provision it")
    pyinfra("provision")
    fleet = json.loads((directory / "fleet.json").read_text())
    urls = [balancer["url"] for group in fleet["balancers"].values() for balancer in group]
    with tempfile.TemporaryDirectory() as scratch:
        step("release v1")
        pyinfra("release", "v1")
        step(f"put {JOBS} jobs into the queue of each node")
        on_each_node("bin/jobs", "fill", str(JOBS))
        step("start the traffic: 32 connections, keep-alive, fresh, POST, and requests that take 2 seconds")
        # one probe for each balancer, because the balancers do not move the traffic at exactly the same time
        probes = [Traffic(url) for url in urls]
        reports = []
        for number, (verb, ref) in enumerate(RUNS):
            step(f"{verb} {ref}".strip())
            file = Path(scratch) / f"{number}.json"
            pyinfra(verb, ref, file)
            reports.append(json.loads(file.read_text()))
            for probe in probes:
                probe.switched(reports[-1])
        seen = {name: probe.stop() for name, probe in zip(fleet["balancers"], probes, strict=True)}
        step("end the queues")
        work = Work.read(on_each_node("bin/jobs", "end"))
        show(len(fleet["nodes"]), reports, seen, work, time.monotonic() - fresh_before)
    print(f"\nThe fleet still runs: {' '.join(urls)}   (make demo-down ends it)")
    failed = any(report.totals.failed or report.unfinished for report in seen.values())
    return 0 if work.is_right and not failed else 1


class Traffic:
    """A probe that sends requests to one balancer. The probe runs as a separate process."""

    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "orchestrator.probe", "--connections", "16", "--rate", "150"),
                *("--mix", "keepalive,fresh,post,slow"),
                *("--until-eof", "--json", "-", url),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            raise SystemExit("the probe did not start")

    def switched(self, report: dict[str, Any]) -> None:
        """Tell the probe when a run moved the traffic, and to which release.

        + report: the report of the run
        """
        began = time.monotonic() - (time.time() - began_at(cutover(report)))
        assert self._process.stdin is not None
        self._process.stdin.write(f"switch {report['inputs']['release']} {began:.6f}\n")
        self._process.stdin.flush()

    def stop(self) -> Report:
        """End the probe, and return its report."""
        output, _ = self._process.communicate(timeout=60)
        return Report.from_json(json.loads(output))


@dataclass(frozen=True)
class Work:
    """The jobs of the workers and the ticks of the schedule.

    + taken: (node, job) of each job that a worker took
    + done: (node, job) of each job that was done, and the release that did the job
    + ticks: node, time and release of each line that the schedule wrote
    """

    taken: frozenset[tuple[str, str]]
    done: tuple[tuple[tuple[str, str], str], ...]
    ticks: tuple[tuple[str, int, str], ...]

    @classmethod
    def read(cls, output: str) -> Work:
        """Return what the nodes say.

        + output: lines of the form ``node1 | taken 17``, as `orchestrator exec --all` prints the output of ``bin/jobs``
        """
        said = [line.replace(" |", "", 1).split() for line in output.splitlines()]
        return cls(
            frozenset((node, rest[0]) for node, what, *rest in said if what == "taken"),
            tuple(((node, rest[0]), rest[1]) for node, what, *rest in said if what == "done"),
            tuple((node, int(rest[0]), rest[1]) for node, what, *rest in said if what == "tick"),
        )

    @property
    def lost(self) -> int:
        """Number of jobs that were taken and never done, because their worker was killed."""
        return len(self.taken - {job for job, _ in self.done})

    @property
    def twice(self) -> int:
        """Number of jobs that were done more than once."""
        return len(self.done) - len({job for job, _ in self.done})

    @property
    def holders(self) -> list[str]:
        """The nodes that ran the schedule."""
        return sorted({node for node, _, _ in self.ticks})

    @property
    def is_right(self) -> bool:
        """Whether each job was done once, and one node alone ran the schedule."""
        return bool(self.done) and not self.lost and not self.twice and len(self.holders) == 1

    def lines(self) -> list[str]:
        """Return one line about the jobs and one line about the schedule."""
        workers, ticking = {release for _, release in self.done}, {release for _, _, release in self.ticks}
        seconds = [second for _, second, _ in self.ticks]
        span = max(seconds) - min(seconds) + 1 if seconds else 0
        return [
            f"jobs        {len(self.done):,} done by the workers of {len(workers)} releases, {self.twice} twice, "
            f"{self.lost} killed",
            f"schedule    {len(seconds)} ticks in {span} seconds on {', '.join(self.holders) or 'no node'} alone, by "
            f"{len(ticking)} releases",
        ]


def add_settings(directory: Path) -> None:
    """Add the settings of the demo to those of the sample application, which the inventory reads.

    + directory: directory of the fleet's files
    """
    file, known = directory / "demo.toml", json.loads((directory / "fleet.json").read_text())
    app = known["apps"][known["app"]]
    file.write_text((ROOT / "docker/app/settings.toml").read_text() + SETTINGS)
    app["settings"] = str(file.resolve())
    (directory / "fleet.json").write_text(json.dumps(known, indent=2) + "\n")


def on_each_node(*command: str) -> str:
    """Run a command in the live release of each node. Return its output. If the command fails, end the demo."""
    words = [str(BIN / "orchestrator"), "exec", "inventory/fleet.py", "--all", "--", *command]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    ended(words, done.returncode)
    return done.stdout


def pyinfra(verb: str, ref: str = "", report: Path | None = None) -> None:
    """Run a verb with the same command that an operator uses. If the command fails, end the demo.

    + report: file in which to write the report of the run; None to write no report
    """
    data = [*(["--data", f"ref={ref}"] if ref else []), *(["--data", f"report={report}"] if report else [])]
    call([str(BIN / "pyinfra"), "inventory/fleet.py", f"deploys/{verb}.py", "-y", *data])


def call(command: list[str]) -> None:
    """Run a command. If the command fails, end the demo with the exit status of the command."""
    ended(command, subprocess.run(command, check=False).returncode)


def ended(command: list[str], status: int) -> None:
    """If a command has failed, end the demo with the status of the command."""
    if status:
        print(f"demo: `{' '.join(command)}` ended with status {status}", file=sys.stderr)
        sys.exit(status)


def step(text: str) -> None:
    print(f"\n=== {text}", flush=True)


def show(nodes: int, reports: list[dict[str, Any]], seen: dict[str, Report], work: Work, took: float) -> None:
    """Print the summary of the demo.

    + nodes: number of nodes
    + reports: the reports of the runs
    + seen: balancer -> report of its probe
    + work: the jobs of the workers and the ticks of the schedule
    + took: seconds of the whole demo
    """
    kinds, lost = Counter[str](), Counter[str]()
    for report in seen.values():
        kinds.update({kind: count.requests for kind, count in report.totals.kinds.items()})
        lost.update(report.totals.failures)
    width = min(shutil.get_terminal_size().columns, 100)
    print("\n" + "=" * width)
    failures = ", ".join(f"{count} {kind}" for kind, count in sorted(lost.items())) or "none of any kind"
    gaps = ", ".join(f"{name} {(report.totals.gap or 0) * 1000:.0f} ms" for name, report in seen.items())
    print(f"  nodes       {nodes}, and 2 balancers (HAProxy, nginx) that move as one")
    print(f"  versions    v1, then {', '.join(_what(report) for report in reports)}")
    print(f"  requests    {kinds.total():,} ({', '.join(f'{count:,} {kind}' for kind, count in kinds.items())})")
    print(f"  failures    {failures}")
    print(f"  longest gap between answers  {gaps}")
    for line in work.lines():
        print(f"  {line}")
    print("\n  run        at        to                        last old asked   first new answer   old ones after it")
    for number, run in enumerate(reports):
        for name, report in seen.items():
            one = report.transitions[number]
            print(
                f"  {run['inputs']['verb']:<10} {name:<9} {one.new:<25} {clock(one.last_old_sent):<16}"
                f" {clock(one.first_new_answered):<18} {one.stale}"
            )
    print("\n  seconds a stage")
    names = list(dict.fromkeys(event["stage"] for report in reports for event in stages(report)))
    print("  " + " " * 14 + "".join(f"{_what(report):>14}" for report in reports))
    for name in names:
        row = [next((e["seconds"] for e in stages(report) if e["stage"] == name), None) for report in reports]
        print(f"  {name:<14}" + "".join(f"{'-' if value is None else f'{value:.2f}':>14}" for value in row))
    print(f"\n  everything, images and provisioning included, took {took:.0f} s")
    print("=" * width)


def _what(report: dict[str, Any]) -> str:
    inputs = report["inputs"]
    return f"{inputs['verb']} {inputs['ref']}".strip()


def cutover(report: dict[str, Any]) -> dict[str, Any]:
    return next(event for event in stages(report) if event["stage"] == "cutover")


def stages(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for event in report["events"] if event["record"] == "results" and event.get("results")]


def began_at(event: dict[str, Any]) -> float:
    """Return when a stage began, in epoch seconds.

    + event: the record of the stage's results, which has the time at which the stage ended
    """
    return datetime.fromisoformat(event["at"]).timestamp() - float(event["seconds"])


def clock(at: float | None) -> str:
    # times are shown in the time zone of this machine
    return datetime.fromtimestamp(at).strftime("%H:%M:%S.%f")[:-3] if at is not None else "-"  # noqa: DTZ006


if __name__ == "__main__":
    sys.exit(main())
