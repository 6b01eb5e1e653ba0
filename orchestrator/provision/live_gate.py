"""Gate: a host that has loaded its configuration still answers with the live release.

The gate checks only hosts that answered with the live release before provisioning loaded anything. So provisioning can
also repair a host that does not answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyinfra.api.host import Host

from orchestrator.errors import NotYet
from orchestrator.facts.served import Served
from orchestrator.fleet import Fleet
from orchestrator.gates import http
from orchestrator.layout import HEALTH
from orchestrator.model import Color
from orchestrator.plan.fleet_state import FleetState
from orchestrator.survey import color_answers
from orchestrator.waiting import until

LOOK = 60.0
"""Seconds after which the requests on one host count as failed."""


@dataclass(frozen=True)
class Answering:
    """The hosts that answered with the live release before provisioning loaded anything.

    + live: the color that gets all the traffic; None if no color does
    + nodes: node -> the release that the answer of the node's live color named
    + balancers: names of the balancers through which at least one node answered
    """

    live: Color | None = None
    nodes: Mapping[str, str] = field(default_factory=dict)
    balancers: frozenset[str] = frozenset()

    @property
    def release(self) -> str | None:
        """The release that most nodes answered with; None if no node answered."""
        found = list(self.nodes.values())
        return max(found, key=found.count) if found else None


def answering(fleet: Fleet, seen: FleetState, live: Color | None) -> Answering:
    """Send requests to the live color on each node and through each balancer, and return the hosts that answered.

    + seen: the state of the fleet
    + live: the color that gets all the traffic; None if the fleet does not serve traffic
    """
    if live is None:
        return Answering()
    releases = {name: release for name, state in seen.node_states.items() if (release := state.release[live])}

    def at_node(host: Host) -> bool:
        return _problem_of_node(fleet, host, live, releases[host.name]) is None

    def at_balancer(host: Host) -> bool:
        return _problem_of_balancer(fleet, host) is None

    nodes = {reply.name: releases[reply.name] for reply in fleet.each(releases, at_node, LOOK) if reply.value}
    return Answering(
        live, nodes, frozenset(reply.name for reply in fleet.each(fleet.balancers, at_balancer, LOOK) if reply.value)
    )


def require_node(fleet: Fleet, before: Answering, host: Host) -> None:
    """If the live color of a node answered with a release before, wait until it answers with this release again.

    Raises CommandFailed, with the last problem, if this takes longer than ``gate.deadline`` seconds.
    """
    gate, live, release = fleet.settings.gate, before.live, before.nodes.get(host.name)
    if live is None or release is None:
        return

    def look() -> None:
        if problem := _problem_of_node(fleet, host, live, release):
            raise NotYet(
                f"since the new configuration was loaded, {live} no longer answers with the live release: {problem}"
            )

    until(look, gate.deadline, gate.interval)


def require_balancer(fleet: Fleet, before: Answering, host: Host) -> None:
    """If nodes answered through a balancer before, wait until a node answers through this balancer again.

    Raises CommandFailed if this takes longer than ``gate.deadline`` seconds.
    """
    if host.name not in before.balancers:
        return

    def look() -> None:
        if problem := _problem_of_balancer(fleet, host):
            raise NotYet(f"since the new configuration was loaded, {problem}")

    until(look, fleet.settings.gate.deadline, fleet.settings.gate.interval)


def _problem_of_node(fleet: Fleet, host: Host, live: Color, release: str) -> str | None:
    """Return why the live color of a node does not answer with a release; None if it answers with this release."""
    successes = fleet.settings.gate.successes
    said = color_answers(fleet, host, live, successes)
    return "no answer" if said is None else http.judge(said.answers, release, successes, said.why)


def _problem_of_balancer(fleet: Fleet, host: Host) -> str | None:
    """Return that no node answers through a balancer; None if a node does."""
    return None if served(fleet, host, 2) else "no node answers through the balancer"


def served(fleet: Fleet, host: Host, count: int) -> frozenset[str]:
    """Send requests for the health page through a balancer, and return the names of the nodes that answered.

    + count: number of requests
    """
    settings = fleet.settings
    found: frozenset[str] = fleet.look(
        host,
        Served,
        stdin=settings.token + "\n",
        port=fleet.switch_of(host.name).listen,
        path=HEALTH,
        hostname=settings.gate.host,
        count=count,
        https=settings.gate.https,
    )
    return found
