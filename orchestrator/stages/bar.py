"""Nodes that do not take part get no traffic, from either color, until they have caught up (`join`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.plan.inputs import Inputs, Missing
from orchestrator.plan.steps import Action, Kind, Stage, Step

BAR = Kind("bar", ("balancer", "api"), skipped="every node takes part", hooks=True)
UNBAR = Kind("unbar", ("balancer", "api"))

HEALTHY = 240.0
"""Seconds within which a provider's own checks must find a readmitted node healthy.

AWS's defaults: 5 checks, one every 30 s.
"""


@dataclass(frozen=True)
class Bar(Action):
    """Keep nodes out of both colors at a switch, or let them in again.

    + addresses: the nodes' addresses, as the switch knows them
    + out: True to keep the nodes out, False to let them in
    """

    name = "bar"
    handler = "orchestrator.run.handlers.bar:BarHandler"

    addresses: tuple[str, ...]
    out: bool


def bar(i: Inputs) -> Stage:
    """Bar missing nodes at every balancer before any traffic moves.

    The undo lets only nodes in that were not barred before the run.
    """
    new = [node for node in i.missing if not node.barred]
    undo = (Stage(UNBAR, _bar(i, new, out=False)),) if new else ()
    return Stage(BAR, _bar(i, i.missing, out=True), undo=undo)


def unbar(i: Inputs) -> Stage:
    """Let the nodes of the run in again."""
    return Stage(UNBAR, _bar(i, i.missing, out=False))


def _bar(i: Inputs, nodes: Sequence[Missing], out: bool) -> tuple[Step, ...]:
    if not nodes:
        return ()
    # our balancers know nodes by address, a provider knows them by name
    by_address = Bar(tuple(node.address for node in nodes), out)
    by_name = Bar(tuple(node.name for node in nodes), out)
    # a node is back in only after the balancer has forgotten that the node refused connections
    deadline = i.settings.deadlines.switch + 5.0 * len(nodes)
    return (
        *(Step(switch.place, by_address, deadline) for switch in i.at("balancer")),
        *(Step(switch.place, by_name, deadline + (0.0 if out else HEALTHY)) for switch in i.at("api")),
    )
