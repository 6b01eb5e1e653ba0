"""Bar the nodes that take no part in a run. Until `join` updates these nodes, they get no traffic in either color."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.plan.inputs import Inputs, Missing
from orchestrator.plan.steps import Action, Kind, NoTraffic, Stage, Step

BAR = Kind("bar", ("balancer", "api"), skipped="every node takes part", hooks=True)
UNBAR = Kind("unbar", ("balancer", "api"), hooks=True)

HEALTHY = 240.0
"""Seconds within which a switch behind an API must find a node healthy after the node was let in again.

With AWS's default settings, a node is healthy after 5 checks, and there is one check every 30 s.
"""


@dataclass(frozen=True)
class Bar(Action):
    """Bar nodes at a switch, so that they get no traffic in either color, or let them in again.

    + addresses: for HAProxy and nginx the nodes' addresses, for a switch behind an API the nodes' names
    + out: True to bar the nodes, False to let them in
    """

    name = "bar"
    handler = "orchestrator.run.handlers.bar:BarHandler"

    addresses: tuple[str, ...]
    out: bool


def bar(i: Inputs) -> Stage:
    """Return the stage that keeps traffic away from the nodes that take no part in the run, before any traffic moves.

    The stage bars these nodes at every balancer and every switch behind an API. The undo lets the nodes in again,
    except nodes that were already barred before the run. The nodes do not have the run's release. Therefore the undo
    lets a node in at a switch only after this switch sends no traffic to the run's color.
    """
    new = [node for node in i.missing if not node.barred]
    back = (replace(step, needs=NoTraffic(i.color, (step.place,))) for step in _bar(i, new, out=False))
    undo = (Stage(UNBAR, tuple(back)),) if new else ()
    return Stage(BAR, _bar(i, i.missing, out=True), undo=undo)


def unbar(i: Inputs) -> Stage:
    """Return the stage that ends the bar of the nodes of a `join`, so that these nodes get traffic.

    The undo bars the nodes at every switch again. Otherwise, after a join that failed or was killed in this stage, some
    switches would send traffic to a node that other switches bar.
    """
    back = _bar(i, i.missing, out=True)
    return Stage(UNBAR, _bar(i, i.missing, out=False), undo=(Stage(BAR, back),) if back else ())


def _bar(i: Inputs, nodes: Sequence[Missing], out: bool) -> tuple[Step, ...]:
    if not nodes:
        return ()
    # HAProxy and nginx know a node by the node's address, a switch behind an API by the node's name
    by_address = Bar(tuple(node.address for node in nodes), out)
    by_name = Bar(tuple(node.name for node in nodes), out)
    # for some seconds a balancer remembers that a node refused connections, so letting a node in takes longer
    deadline = i.settings.deadlines.switch + 5.0 * len(nodes)
    return (
        *(Step(switch.place, by_address, deadline) for switch in i.at("balancer")),
        *(Step(switch.place, by_name, deadline + (0.0 if out else HEALTHY)) for switch in i.at("api")),
    )
