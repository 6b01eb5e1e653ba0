"""A balancer cannot be reached between the cutover and the undo: the undo stops, both colors run, nothing fails."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fleet.safety import Calm, Run, copy_of_inventory, snapshot, words
from tests.fleet.test_failures import NO_SSH, SSH


@pytest.mark.slow
@pytest.mark.parametrize("balancer", ["haproxy", "nginx"])
def test_a_balancer_out_of_reach_stops_the_undo(
    calm: Calm, broken: Callable[[str, str, str], None], tmp_path: Path, balancer: str
) -> None:
    fleet, idle = calm.fleet, calm.before.idle
    settings = {"journal": {"host": "node1"}, "cutover": [{"weight": 100, "bake": 120}]}
    inventory = copy_of_inventory(tmp_path, **settings)
    run = Run(fleet, *words("release", ref="v1"), inventory=inventory)
    run.wait_for("verify  ", 120)
    broken(balancer, NO_SSH, SSH)
    run.signal(signal.SIGINT)
    assert run.end() == 4, run.text
    assert f"not undone on {balancer}, which does not answer" in run.text
    assert "the undo stopped before `verify old`" in run.text
    new = {snapshot(fleet).release(idle, node["name"]) for node in fleet.nodes}
    assert len(new - {calm.before.release(idle)}) == 1, run.text

    # the next command stops there, too
    again = Run(fleet, *words("abort"), inventory=inventory)
    assert again.end() == 4, again.text
    assert "the undo stopped before `verify old`" in again.text
    assert {snapshot(fleet).release(idle, node["name"]) for node in fleet.nodes} == new

    assert fleet.exec(balancer, SSH).returncode == 0
    settled = Run(fleet, *words("abort"), inventory=inventory)
    assert settled.end() == 0, settled.text
    calm.untouched()
    calm.no_request_failed(*new, *(calm.before.release(color) for color in ("blue", "green")))
