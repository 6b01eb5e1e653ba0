"""Keeping nodes out of the traffic, at hosts and switches that do what a test tells them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.config import Settings, load
from orchestrator.errors import NotDone, Refused, StepFailed, UsageError
from orchestrator.fleet import Fleet, Reply
from orchestrator.options import read
from orchestrator.provision import balancer, keep_out
from orchestrator.provision.members import Listed, Members, Roll

THREE = Listed("10.0.0.3", "10.0.0.3", "8081", "8082", "node3")
NEW = {"node3": "was not provisioned before"}


def settings(**more: Any) -> Settings:
    switch = {"kind": "nginx", "group": "nginx", "urls": ["http://b"]}
    base = {"app": "shop", "source": {"origin": "x"}, "marker": {"answers": "all"}, "switches": [switch]}
    return load(base | {"drain": {"limit": 0.3}} | more)


class Api:
    """A switch behind an API that keeps what it was told."""

    def __init__(self, problem: str = "") -> None:
        self.problem = problem
        self.told: list[tuple[list[str], bool]] = []

    def bar(self, addresses: Sequence[str], out: bool) -> str:
        self.told.append((list(addresses), out))
        if self.problem:
            raise NotDone(self.problem)
        return "deregistered"


@dataclass
class Hosts:
    """The part of `Fleet` that this module uses.

    + connections: what each look at the connections to a node finds; the last number stays
    """

    settings: Settings = field(default_factory=settings)
    connections: list[int] = field(default_factory=lambda: [0])
    apis: dict[str, Any] = field(default_factory=dict)
    nodes: tuple[str, ...] = ("node1", "node2")
    balancers: dict[str, str] = field(default_factory=lambda: {"nginx": "nginx"})
    is_switch: bool = False

    def address(self, name: str) -> str:
        return f"10.0.0.{name[-1]}"

    def one(self, name: str, act: Callable[[Any], Any], deadline: float) -> Reply[Any]:
        try:
            return Reply(name, act(SimpleNamespace(name=name)), None, False, 0.0)
        except StepFailed as failed:
            return Reply(name, None, str(failed), False, 0.0)

    def each(self, names: Iterable[str], act: Callable[[Any], Any], deadline: float) -> list[Reply[Any]]:
        return [self.one(name, act, deadline) for name in names]

    def look(self, host: Any, fact: Any, **arguments: Any) -> Any:
        assert arguments == {"ip": "10.0.0.3", "ports": ["8081", "8082"]}
        return self.connections.pop(0) if len(self.connections) > 1 else self.connections[0]


def test_a_lacking_node_is_barred_at_a_switch_behind_an_api() -> None:
    lines: list[str] = []
    hosts = Hosts(balancers={}, apis={"alb": Api()})
    keep_out.bar_known(cast("Fleet", hosts), Members(NEW), lines.append)
    assert hosts.apis["alb"].told == [(["node3"], True)]
    assert lines == ["    alb: deregistered"]
    # again, as long as the node has not joined
    keep_out.bar_known(cast("Fleet", hosts), Members(NEW, barred=frozenset({"node3"})), lines.append)
    assert len(hosts.apis["alb"].told) == 1


def test_a_switch_that_cannot_bar_refuses_provisioning() -> None:
    hosts = Hosts(balancers={}, apis={"alb": Api("blue would have no target left: nothing was changed")})
    with pytest.raises(Refused, match="alb: blue would have no target left: nothing was changed"):
        keep_out.bar_known(cast("Fleet", hosts), Members(NEW), print)


def test_instances_of_a_group_are_left_to_the_group() -> None:
    hosts = Hosts(settings(scaling={"group": "shop"}), balancers={}, apis={"alb": Api()})
    keep_out.bar_known(cast("Fleet", hosts), Members(NEW), print)
    assert hosts.apis["alb"].told == []


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> list[Roll]:
    """What the balancers were told to forget."""
    told: list[Roll] = []

    def forget(settings: Settings, nodes: Any, roll: Roll) -> list[str]:
        told.append(roll)
        return []

    monkeypatch.setattr(balancer, "forget", forget)
    return told


LEAVING = Members(rolls={"nginx": Roll(leaving=(THREE,))})


def test_a_node_is_forgotten_when_its_last_request_has_ended(forgotten: list[Roll]) -> None:
    lines: list[str] = []
    hosts = Hosts(settings(drain={"limit": 60}), [2, 1, 0])
    keep_out.forget(cast("Fleet", hosts), LEAVING, lines.append)
    assert (forgotten, lines, hosts.connections) == ([LEAVING.roll("nginx")], [], [0])


def test_what_is_open_at_the_limit_is_named_or_refused(forgotten: list[Roll]) -> None:
    lines: list[str] = []
    keep_out.forget(cast("Fleet", Hosts(connections=[1])), LEAVING, lines.append)
    [line] = lines
    assert line.startswith("    warning: nginx: 1 connection is still open to node3 after 0.3 s")
    assert len(forgotten) == 1
    strict = Hosts(settings(drain={"limit": 0.3, "at_limit": "refuse"}), [3])
    with pytest.raises(StepFailed, match=r"nginx: 3 connections are still open to node3 .* run the same command again"):
        keep_out.forget(cast("Fleet", strict), LEAVING, lines.append)
    assert len(forgotten) == 1


def test_remove_takes_names_in_a_list() -> None:
    assert read("provision", {"remove": "node3,node4"}).remove == {"node3", "node4"}
    assert read("provision", {}).remove == frozenset()
    with pytest.raises(UsageError, match="unknown --data remove"):
        read("release", {"remove": "node3"})
