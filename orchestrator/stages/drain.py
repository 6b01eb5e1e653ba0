"""End the open connections of the node of a `join`, before the join restarts the colors of this node."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

DRAIN = Kind("drain", ("node",), hooks=True)
END_DRAIN = Kind("end drain", ("node",), hooks=True)


@dataclass(frozen=True)
class Drain(Action):
    """Make nginx on a node end each connection after its next answer, or keep connections open again.

    + on: True to end each connection after its next answer, False to keep connections open
    """

    name = "drain"
    handler = "orchestrator.run.handlers.drain:DrainHandler"

    on: bool


def drain(i: Inputs) -> Stage:
    """Return the stage that makes nginx on the node end each connection after its next answer.

    A balancer opens no new connections to a barred node. But an nginx balancer sends further requests on connections
    that were open when the node was barred. Only if the node itself ends these connections, the requests end, too.
    """
    return Stage(DRAIN, _drain(i, on=True), undo=(end_drain(i),))


def end_drain(i: Inputs) -> Stage:
    """Return the stage that makes nginx on the node keep connections open again."""
    return Stage(END_DRAIN, _drain(i, on=False))


def _drain(i: Inputs, on: bool) -> tuple[Step, ...]:
    return tuple(Step(place, Drain(on), i.settings.deadlines.switch) for place in i.node_places)
