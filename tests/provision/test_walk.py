"""The order in which provisioning loads the configuration of the nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.errors import StepFailed
from orchestrator.fleet import Fleet, Reply
from orchestrator.model import Color
from orchestrator.provision import drain_mark, firewall, keep_out, live_gate, neighbors, node, walk
from orchestrator.provision.drains import Drain
from orchestrator.provision.live_gate import Answering
from orchestrator.provision.members import Members
from orchestrator.provision.node import Task

WALL = Task("firewall: only balancers", "firewall")
RELOAD = Task("nginx of the node with its new configuration", "nginx", disturbs=True, runs=True)


class FleetOfThree:
    """The part of `Fleet` that the loading of nodes uses."""

    nodes = ("node1", "node2", "node3")
    balancers: tuple[str, ...] = ()
    settings = SimpleNamespace(gate=SimpleNamespace(deadline=1.0))

    def each(self, names: Iterable[str], act: Callable[[Any], Any], deadline: float) -> list[Reply[Any]]:
        return [Reply(name, act(SimpleNamespace(name=name)), None, False, 0.0) for name in names]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in order. All nodes have another firewall than their files; node1 and node2 must be drained."""
    done: list[str] = []

    def widen(fleet: Any, names: Sequence[str], say: Any) -> None:
        done.extend([f"widen {' '.join(names)}"] if names else [])

    def load(fleet: Any, names: Sequence[str], *others: Any) -> None:
        done.extend([f"narrow {' '.join(names)}"] if names else [])

    def drained(fleet: Any, name: str, *others: Any) -> Reply[list[str]]:
        done.append(f"drain {name}")
        return Reply(name, [], None, False, 0.0)

    def activate(settings: Any, live: Any, former: bool) -> list[str]:
        done.append("load")
        return []

    def drains_of(fleet: Any, members: Any, seen: Any, pending: Any) -> dict[str, Drain]:
        return {name: Drain(True, ("nginx",)) for name in ("node1", "node2") if name in pending}

    monkeypatch.setattr(firewall, "widen", widen)
    monkeypatch.setattr(firewall, "load", load)
    monkeypatch.setattr(walk, "_drained", drained)
    monkeypatch.setattr(walk, "survey", lambda fleet: SimpleNamespace(node_states={}))
    monkeypatch.setattr(walk, "traffic", lambda seen: (Color.blue, True))
    monkeypatch.setattr(walk, "drains_of", drains_of)
    monkeypatch.setattr(walk, "_until_quiet", lambda *asked: None)
    monkeypatch.setattr(node, "pending", lambda *asked, former: [RELOAD, WALL])
    monkeypatch.setattr(node, "activate", activate)
    monkeypatch.setattr(neighbors, "ports", lambda *asked: [])
    monkeypatch.setattr(neighbors, "let_go", lambda *asked: nullcontext())
    monkeypatch.setattr(live_gate, "require_node", lambda *asked: None)
    for module, name in (
        (keep_out, "bar_leaving"),
        (keep_out, "forget"),
        (keep_out, "let_in_leaving"),
        (drain_mark, "let_all_in"),
    ):
        monkeypatch.setattr(module, name, lambda *asked: None)
    return done


FLEET = cast("Fleet", FleetOfThree())
ORDER = ["widen node1 node2 node3", "load", "drain node1", "drain node2", "narrow node1 node2 node3"]


def test_new_addresses_are_admitted_before_the_first_drain(steps: list[str]) -> None:
    walk.activate(FLEET, Members(), Answering(), lambda: None, lambda line: None)
    assert steps == ORDER


def test_former_addresses_are_admitted_before_the_first_drain(steps: list[str]) -> None:
    walk.load_former(FLEET, Members(), Answering(), FleetOfThree.nodes, lambda line: None)
    assert steps == ORDER


def test_no_node_is_drained_if_one_cannot_be_widened(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(*asked: Any) -> None:
        raise StepFailed("node3: no answer")

    monkeypatch.setattr(firewall, "widen", failed)
    with pytest.raises(StepFailed, match="node3"):
        walk.activate(FLEET, Members(), Answering(), lambda: None, lambda line: None)
    assert steps == []
