"""Measure response times in the first second after a cutover and later, for releases with and without warming.

    python docker/bench_warm.py [--switches 10] [--rate 100] [--svg FILE]        (or `make bench-warm`)

The script needs a running fleet (`make fleet`). It makes two versions of an application with 3,000 generated classes. A
page of the application loads 200 of these classes. The script releases the two versions in turn, one release with
warming and the next without, while a probe requests the page at a constant rate.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Any

import fleet
import plot
from bench_common import INVENTORY, PYINFRA, ROOT
from fleet_apps import APPLICATIONS
from fleet_tools import run, say

from orchestrator.probe.process import ProbeProcess

CLASSES, LOADED = 3000, 200
FIRST = (0.0, 1.0)
"""Begin and end of the first second after the cutover, in seconds after the cutover."""
STEADY = (3.0, 8.0)
"""Begin and end of the steady state, in seconds after the cutover. The end of the run comes before this time."""
BEFORE = 1.0
"""Seconds before the cutover from which requests are shown in the plot."""

MODES: dict[str, dict[str, Any]] = {
    "with": {"warm": ["/bench"]},
    "without": {"warm": [], "php": {"compile": []}},
}
"""Kind of release -> the settings that the kind adds to the settings of the application."""


@dataclass(frozen=True)
class Request:
    """A request of the probe.

    + at: when the request was sent, in seconds after the new release got its first request
    + took: seconds until the last byte of the answer arrived
    """

    at: float
    took: float


def main() -> int:
    """Measure, print a table, and write the plot."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--switches", type=int, default=10, help="number of cutovers of each kind (default 10)")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second (default 100)")
    parser.add_argument("--svg", type=Path, default=Path(".fleet/warming.svg"), help="the plot (default %(default)s)")
    said = parser.parse_args()
    os.chdir(ROOT)
    servers = fleet.load(Path(os.environ.get("FLEET_DIR", ".fleet")))
    push(servers)
    url = next(server for server in servers.servers if server.name == "haproxy").url("http")
    release("v2", {})  # without a release, the fleet would answer each request with 503
    found = measure(url, said.switches, said.rate)
    for line in table(found):
        print(line)
    said.svg.parent.mkdir(parents=True, exist_ok=True)
    said.svg.write_text(svg(found))
    say(f"the plot is {said.svg}")
    return 0


def measure(url: str, switches: int, rate: float) -> dict[str, list[list[Request]]]:
    """Make the releases while a probe sends requests. Return kind of release -> the requests around each cutover.

    + switches: number of cutovers of each kind
    + rate: number of requests a second
    """
    releases: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as scratch:
        samples = Path(scratch) / "samples"
        extra = ("--keep=2000000", f"--samples={samples}")
        release("bench1", MODES["with"])
        with ProbeProcess([url], ["/bench"], rate=rate, connections=16, mix=("keepalive",), extra=extra) as probe:
            for number in range(2 * switches):
                mode = list(MODES)[number % 2]
                # this order releases each version with and without warming
                version = f"bench{1 + (number + number // 2 + 1) % 2}"
                releases.append((mode, release(version, MODES[mode])))
                say(f"{number + 1}/{2 * switches}: {releases[-1][1]} {mode} warming")
                time.sleep(STEADY[1])
            report = probe.stop()
        lost = report.totals.failed
        if lost:
            say(f"{lost} requests failed: {report.totals.examples[0]}")
        asked = [json.loads(line) for line in samples.read_text().splitlines()]
    found: dict[str, list[list[Request]]] = {mode: [] for mode in MODES}
    for mode, name in releases:
        found[mode].append(around(asked, name))
    return found


def around(asked: Sequence[dict[str, Any]], release: str) -> list[Request]:
    """Return the requests from one second before the cutover to a release until the end of the steady state.

    The time of the cutover is the time at which the first request that the release answered was sent.

    + asked: the samples that the probe wrote
    """
    switched = min(one["sent"] for one in asked if one["release"] == release)
    requests = (Request(one["sent"] - switched, one["ended"] - one["sent"]) for one in asked)
    return [one for one in requests if -BEFORE <= one.at < STEADY[1]]


def release(ref: str, settings: dict[str, Any]) -> str:
    """Release a version, and return the id of the release. If the release fails, end the process.

    + settings: settings that are added to the settings of the application
    """
    with tempfile.NamedTemporaryFile() as file:
        words = [PYINFRA, INVENTORY, "deploys/release.py", "-y"]
        words += ["--data", f"ref={ref}", "--data", f"report={file.name}"]
        environment = {**os.environ, "SETTINGS": json.dumps(settings)}
        done = subprocess.run(words, env=environment, capture_output=True, check=False, text=True)
        if done.returncode:
            sys.exit(f"release of {ref} failed: {done.stderr.strip()[-600:]}")
        return str(json.loads(Path(file.name).read_text())["inputs"]["release"])


def push(servers: fleet.Fleet) -> None:
    """Push the two versions to the repository of the sample application, as the tags ``bench1`` and ``bench2``."""
    origin = servers.server(fleet.ORIGIN)
    ssh = " ".join(["ssh", *map(str, fleet.ssh_options(servers.directory))])
    for version in ("bench1", "bench2"):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            shutil.copytree(APPLICATIONS["shop"].folder / "base", folder, dirs_exist_ok=True)
            shutil.copytree(APPLICATIONS["shop"].folder / "v2", folder, dirs_exist_ok=True)
            for name, text in classes(version):
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            git = ["git", "-C", scratch, "-c", "user.name=Bench", "-c", "user.email=bench@example.com"]
            for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", version], ["tag", version]):
                run(*git, *words)
            url = f"ssh://git@127.0.0.1:{origin.ports['ssh']}/srv/git/shop.git"
            run(*git, "push", "-q", "--force", url, version, env={**os.environ, "GIT_SSH_COMMAND": ssh})


def classes(version: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each generated file: the classes, and the front controller.

    The page of the front controller loads LOADED of the classes.
    """
    for number in range(CLASSES):
        methods = "\n".join(METHOD.format(name=f"step{step}", number=number, version=version) for step in range(8))
        yield f"app/Bench/Part{number}.php", CLASS.format(number=number, methods=methods)
    yield "public/index.php", FRONT % {"classes": CLASSES, "step": CLASSES // LOADED}


CLASS = """<?php

declare(strict_types=1);

namespace App\\Bench;

final class Part{number}
{{
{methods}
}}
"""

METHOD = """
    /** @param array<int|string, mixed> $given */
    public function {name}(array $given, int $times = 1): int
    {{
        $found = ['{name}_{number}_{version}' => $times];
        foreach ($given as $key => $value) {{
            if (is_string($value) && str_contains($value, '{name}_{number}')) {{
                $found[$key] = sprintf('%s of %d: %s', $key, $times, $value);
            }} elseif (is_array($value)) {{
                $found[$key] = $this->{name}($value, $times + 1);
            }}
        }}
        return count($found);
    }}
"""

FRONT = """<?php

declare(strict_types=1);

require dirname(__DIR__) . '/app/autoload.php';

if ($_SERVER['REQUEST_URI'] === '/bench') {
    header('Content-Type: text/plain');
    $sum = 0;
    for ($number = 0; $number < %(classes)d; $number += %(step)d) {
        $class = "App\\\\Bench\\\\Part$number";
        $sum += (new $class())->step1(['a' => 'b']);
    }
    echo $sum, "\\n";
    return;
}
(new App\\Kernel(dirname(__DIR__)))->handle($_SERVER)->emit();
"""


# --- the results ---


def p99(took: Iterable[float]) -> float:
    """Return the 99th percentile of durations, in milliseconds; 0 if there are none.

    + took: durations in seconds
    """
    found = sorted(took)
    return 1000 * found[len(found) * 99 // 100] if found else 0.0


def within(runs: Sequence[Sequence[Request]], window: tuple[float, float]) -> list[float]:
    """Return the durations, in seconds, of the requests that were sent in a window of time after the cutover."""
    return [one.took for run in runs for one in run if window[0] <= one.at < window[1]]


def table(found: dict[str, list[list[Request]]]) -> Iterator[str]:
    """Yield the lines of the table: a heading, one line for each kind of release, and the load of this machine."""
    yield f"{'warming':<10}{'switches':>9}{'requests':>10}{'first second':>14}{'steady':>10}{'ratio':>8}   p99, ms"
    for mode, runs in found.items():
        first, steady = within(runs, FIRST), within(runs, STEADY)
        ratio = p99(first) / p99(steady) if steady else 0.0
        yield f"{mode:<10}{len(runs):>9}{len(first):>10}{p99(first):>14.1f}{p99(steady):>10.1f}{ratio:>8.2f}"
    yield f"load of this machine in the last quarter of an hour: {os.getloadavg()[2]:.1f} on {os.cpu_count()} cores"


COLORS = {"with": "#2a7f62", "without": "#c0392b"}
BIN = 0.25
WIDTH, HEIGHT, LEFT, BELOW = 720, 360, 60, 50
LEVELS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


def svg(found: dict[str, list[list[Request]]]) -> str:
    """Return the plot as SVG: the p99 of each quarter of a second around the cutover, on a logarithmic scale.

    All cutovers of the same kind of release are one curve.
    """
    bins = [round(-BEFORE + BIN * number, 3) for number in range(round((BEFORE + STEADY[1]) / BIN))]
    lines = {mode: [(at, p99(within(runs, (at, at + BIN)))) for at in bins] for mode, runs in found.items()}
    values = [value for line in lines.values() for _, value in line if value]
    low = max(level for level in LEVELS if level <= max(1.0, min(values)))
    high = min((level for level in LEVELS if level >= max(values)), default=LEVELS[-1])

    def x(at: float) -> float:
        return LEFT + (WIDTH - LEFT - 20) * (at + BEFORE) / (BEFORE + STEADY[1])

    def y(value: float) -> float:
        part = log(max(value, low) / low) / log(high / low)
        return HEIGHT - BELOW - (HEIGHT - BELOW - 30) * part

    parts = [
        plot.text(LEFT, 18, "99% of the requests were answered within (ms)", size=14),
        plot.box(x(0), 30, x(1) - x(0), HEIGHT - BELOW - 30, "#eee"),
    ]
    for level in (level for level in LEVELS if low <= level <= high):
        parts.append(plot.line(f"M{LEFT} {y(level):.1f}H{WIDTH - 20}", "#ccc"))
        parts.append(plot.text(LEFT - 8, y(level) + 4, str(level), "end"))
    for second in range(-int(BEFORE), int(STEADY[1]) + 1):
        parts.append(plot.text(x(second), HEIGHT - BELOW + 18, str(second), "middle"))
    parts.append(plot.text(WIDTH / 2, HEIGHT - 10, "seconds after the switch", "middle"))
    for number, (mode, line) in enumerate(lines.items()):
        points = " ".join(f"{x(at + BIN / 2):.1f},{y(value):.1f}" for at, value in line if value)
        parts.append(plot.line(f"M{points}", COLORS[mode], 2))
        parts.append(plot.text(WIDTH - 30, 48 + 18 * number, f"{mode} warming", "end", color=COLORS[mode]))
    return plot.document(WIDTH, HEIGHT, parts)


if __name__ == "__main__":
    sys.exit(main())
