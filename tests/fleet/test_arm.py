"""Links that nodes swap by themselves: all at one instant, and none late."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fleet as tool
import pytest

from orchestrator.model import Color
from tests.fleet.running import ROOT, Alone, Fleet

ARMING = str(Path(__file__).with_name("arming.py").relative_to(ROOT))
TOGETHER = 20.0
"""Milliseconds from the first node to the last, on a machine with nothing else to do: the best of several swaps."""


def swap(fleet: Fleet, color: Color, **data: str) -> dict[str, Any]:
    """Arm every node and wait for the swap. Returns the output of arming.py."""
    words = [word for key, value in data.items() for word in ("--data", f"{key}={value}")]
    # the balancers of `ten` have no deploy user, because they are not provisioned for this switch
    done = fleet.pyinfra(ARMING, "-y", "--limit", "nodes", "--data", f"color={color}", *words, SWITCH="node")
    assert done.returncode == 0, done.stdout + done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert seen["errors"] == []
    assert seen["clocks"] is None
    return seen


def links(fleet: Fleet) -> dict[str, str]:
    names = [node["name"] for node in fleet.nodes]
    return {name: fleet.exec(name, "readlink /srv/shop/live").stdout.strip() for name in names}


def changed(fleet: Fleet) -> list[float]:
    """The change time of each link, by its file system."""
    return [
        float(fleet.exec(node["name"], "stat -c %.Z /srv/shop/live").stdout.replace(",", ".")) for node in fleet.nodes
    ]


def together(fleet: Fleet, most: int) -> list[dict[str, Any]]:
    """Swap all links back and forth until a swap was at one instant, at most so many times."""
    (live,) = set(links(fleet).values())
    seen: list[dict[str, Any]] = []
    while len(seen) < most and (len(seen) % 2 or not any(one["spread"] < TOGETHER > one["changed"] for one in seen)):
        color = Color(live) if len(seen) % 2 else Color(live).other
        seen.append(swap(fleet, color))
        assert seen[-1]["problem"] is None
        assert seen[-1]["late"] >= 0
        assert set(links(fleet).values()) == {color}
        seen[-1]["changed"] = (max(changed(fleet)) - min(changed(fleet))) * 1000
        print({key: value for key, value in seen[-1].items() if key != "outcomes"})
    return seen


@pytest.mark.slow
def test_all_nodes_swap_at_one_instant(fleet: Fleet) -> None:
    seen = together(fleet, 6)
    assert any(one["spread"] < TOGETHER > one["changed"] for one in seen), seen


@pytest.mark.slow
def test_a_node_that_was_frozen_does_not_swap_late(fleet: Fleet) -> None:
    before = links(fleet)
    (live,) = set(before.values())
    other = Color(live).other
    machine = fleet.container("node2")
    try:
        seen = swap(fleet, other, freeze=f"docker pause {machine}")
    finally:
        fleet.docker("unpause", machine, check=False)
    assert seen["outcomes"] == {"node1": "fired", "node2": None, "node3": "fired"}
    assert seen["problem"] == "node2 does not say whether its live link was changed"
    wait = "n=0; until grep -q outcome=late /srv/shop/guard/fired || [ $n -gt 50 ]; do sleep 0.1; n=$((n+1)); done"
    fleet.exec("node2", wait)
    assert "outcome=late" in fleet.exec("node2", "cat /srv/shop/guard/fired").stdout
    assert links(fleet) == {name: live if name == "node2" else other for name in before}
    # and back, as an undo does it
    seen = swap(fleet, Color(live))
    assert seen["outcomes"] == {"node1": "fired", "node2": "already", "node3": "fired"}
    assert links(fleet) == before


@pytest.fixture(scope="module")
def ten(alone: Alone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Ten nodes, provisioned for the node switch."""
    directory, project = tmp_path_factory.mktemp("ten") / "fleet", f"orchtest-ten-{os.getpid()}"
    alone.acquire()
    try:
        made = tool.up(directory, 10, project, tool.process(os.getpid()))
    finally:
        alone.release()
    try:
        known = json.loads((directory / "fleet.json").read_text())
        fleet = Fleet(project, directory, known, tool.variables(made))
        done = fleet.pyinfra("deploys/provision.py", "-y", SWITCH="node", timeout=900)
        assert done.returncode == 0, done.stdout + done.stderr
        yield fleet
    finally:
        tool.down(directory, project)


@pytest.mark.slow
def test_ten_nodes_swap_at_one_instant(ten: Fleet) -> None:
    seen = together(ten, 10)
    assert any(one["spread"] < TOGETHER > one["changed"] for one in seen), seen


@pytest.mark.slow
def test_the_first_node_keeps_lock_and_journal(ten: Fleet) -> None:
    """Provisioning has taken the lock on the first node."""
    owner = ten.exec("node1", "stat -c %U /var/lib/orchestrator/shop/journal").stdout
    assert owner == "deploy\n"
    assert ten.exec("node2", "test -e /var/lib/orchestrator/shop/journal").returncode == 1
