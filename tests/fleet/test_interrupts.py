"""Ctrl-C, SIGTERM, SIGHUP at every stage: the old release keeps the traffic, and nothing is left behind."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from orchestrator.model import Color
from orchestrator.scripts.fastcgi import body, status_command
from tests.fleet.running import Fleet
from tests.fleet.safety import NARROW, WIDE, Calm, Run, copy_of_inventory, weighty, words
from tests.fleet.switching import node_layout, until

INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP

# The line before a stage begins. The stage's own line is printed at its end.
BEFORE = {
    "connect": "--> Connecting",
    "prepare": "--> Preparing",
    "quiet": "release 20",
    "fetch": "quiet  ",
    "share": "fetch  ",
    "start": "share  ",
    "watch": "start  ",
    "warm": "watch  ",
    "gate": "warm  ",
    "cutover": "gate  ",
    "verify": "cutover  ",
}
NOTHING_BEGUN = ("connect", "prepare")


def interrupted(run: Run, number: signal.Signals, began: bool = True) -> None:
    """Assert that a run ended by a signal, undid what it had begun, and says so."""
    assert run.end(40) == 128 + number, run.text
    assert "Traceback" not in run.text
    if began:
        last = [line for line in run.lines if line.startswith("release failed")]
        assert len(last) == 1, run.text
        assert re.search(rf"was undone, \S+ \(\w+\) keeps the traffic: {number.name}$", last[0]), run.text
    else:
        assert f"{number.name}: stopped before anything was changed" in run.text, run.text
        assert "release 20" not in run.text


def slow(*case: Any) -> Any:
    """A case for make test-all: make test has a similar case."""
    return pytest.param(*case, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("stage", "later", "number"),
    [
        slow("connect", 0.0, INT),
        slow("connect", 0.05, HUP),
        ("prepare", 0.0, INT),
        slow("quiet", 0.0, INT),
        slow("fetch", 0.0, INT),
        slow("share", 0.0, INT),
        slow("start", 0.0, TERM),
        slow("start", 0.3, INT),  # while systemd stops and starts the color
        slow("watch", 0.0, INT),
        slow("warm", 0.0, INT),
        slow("gate", 0.0, INT),
        slow("cutover", 0.0, INT),
        ("cutover", 0.03, HUP),
        slow("verify", 0.0, INT),
        slow("verify", 0.2, TERM),
    ],
)
def test_a_signal_leaves_everything_as_it_was(
    calm: Calm, tmp_path: Path, stage: str, later: float, number: signal.Signals
) -> None:
    # the proof lasts so long that the signal comes before the commit on a busy machine, too
    inventory = copy_of_inventory(tmp_path, probe={"after": 20})
    run = Run(calm.fleet, *words("release", ref="v1"), inventory=inventory)
    run.wait_for(BEFORE[stage])
    time.sleep(later)
    run.signal(number)
    interrupted(run, number, began=stage not in NOTHING_BEGUN)
    calm.untouched()
    moved = stage in ("cutover", "verify")
    if moved:
        calm.roll_back()
    calm.no_request_failed(*(() if moved else (calm.before.release(color) for color in ("blue", "green"))))


@pytest.mark.slow
def test_a_fetch_that_takes_its_time_is_ended_on_the_nodes(
    calm: Calm, broken: Callable[[str, str, str], None], tag: Callable[[str, Callable[[Path], None]], str]
) -> None:
    tag("weighty", weighty)
    broken("origin", NARROW, WIDE)
    run = Run(calm.fleet, *words("release", ref="weighty"))
    run.wait_for(BEFORE["fetch"])
    until(lambda: fetching(calm.fleet))
    run.signal(INT)
    # before the fetch has come to its end, and no process of it is left
    interrupted(run, INT)
    assert "    fetch  " not in run.text
    calm.untouched()
    calm.roll_back()
    calm.no_request_failed()


def fetching(fleet: Fleet) -> bool:
    """Every node works on its fetch."""
    return all(fleet.exec(node["name"], "pgrep -u deploy git").returncode == 0 for node in fleet.nodes)


class Held:
    """A hook on the operator's machine that holds a run until `go`.

    + what: ``run`` or ``undo``
    """

    def __init__(self, directory: Path, what: str, **at: str) -> None:
        self._there, self._go = directory / "there", directory / "go"
        wait = f"touch {self._there}; until [ -e {self._go} ]; do sleep 0.1; done"
        self.inventory = copy_of_inventory(directory, hooks=[{"on": "operator", "run": "true", **at, what: wait}])

    def reached(self) -> None:
        until(self._there.exists)

    def go(self) -> None:
        self._go.touch()


@pytest.mark.slow
def test_the_wait_for_a_slow_request_to_the_idle_color_is_ended(calm: Calm, tmp_path: Path) -> None:
    slow = calm.fleet.variables[f"NODE_2_{calm.before.idle.upper()}_URL"] + "/slow?s=8"
    held = Held(tmp_path, "run", before="quiet")
    run = Run(calm.fleet, *words("release", ref="v1"), inventory=held.inventory)
    held.reached()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: json.load(urlopen(slow)))
        until(lambda: active(calm.fleet, "node2", calm.before.idle))
        held.go()
        run.wait_for("hook 0 before quiet")
        run.signal(INT)
        interrupted(run, INT)
        assert "    quiet  " not in run.text
        assert answer.result()["color"] == calm.before.idle
    calm.untouched()


def active(fleet: Fleet, node: str, color: str) -> bool:
    """A color's PHP-FPM works on a request, beside the one that asks for this."""
    done = fleet.ssh(node, status_command(node_layout(fleet).socket(Color(color))), "deploy")
    return int(json.loads(body(done.stdout.splitlines()))["active processes"]) > 1


@pytest.mark.slow
def test_more_signals_do_not_break_the_undo(calm: Calm, tmp_path: Path) -> None:
    held = Held(tmp_path, "undo", before="start")
    run = Run(calm.fleet, *words("release", ref="v1"), inventory=held.inventory)
    run.wait_for(BEFORE["warm"])
    run.signal(INT)
    held.reached()
    for number in (INT, INT, TERM, HUP, INT):
        run.signal(number)
    run.wait_for("SIGTERM: please wait")
    held.go()
    interrupted(run, INT)
    assert "SIGTERM: please wait: the run can no longer be interrupted" in run.text
    calm.untouched()
    status = Run(calm.fleet, *words("status"))
    assert status.end() == 0
    assert "lock         free" in status.text
    assert "STOPPED" not in status.text
    newest = [line for line in status.lines if line.startswith("  20")][-1]
    assert re.search(r"release +\S+ \(v1\) +undone after .* by \S+ SIGINT$", newest)
    calm.no_request_failed()


def test_after_the_commit_nothing_is_undone(calm: Calm, tmp_path: Path) -> None:
    held = Held(tmp_path, "run", before="promote")
    run = Run(calm.fleet, *words("release", ref="v1"), inventory=held.inventory)
    held.reached()
    run.signal(INT)
    run.wait_for("SIGINT: please wait: the run can no longer be interrupted")
    held.go()
    assert run.end() == 0, run.text
    assert f"({calm.before.idle}) has all the traffic" in run.text
    calm.lock_is_free()
    calm.no_request_failed()


@pytest.mark.slow
def test_a_terminal_that_goes_away_does_not_break_the_undo(calm: Calm) -> None:
    run = Run(calm.fleet, *words("release", ref="v1"), terminal=True)
    run.wait_for(BEFORE["warm"])
    run.hang_up()
    assert run.end(40) == 128 + HUP, run.text
    calm.untouched()
    calm.roll_back()
    calm.no_request_failed()


@pytest.mark.slow
def test_ctrl_c_that_ends_the_reader_does_not_break_the_undo(calm: Calm) -> None:
    """``pyinfra ... 2>&1 | tee log``: the terminal's Ctrl-C ends tee as well."""
    run = Run(calm.fleet, *words("release", ref="v1"))
    run.wait_for(BEFORE["warm"])
    run.hang_up()
    run.signal(INT)
    assert run.end(40) == 128 + INT, run.text
    calm.untouched()
    calm.no_request_failed()
