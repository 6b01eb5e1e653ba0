"""End the open connections of the node of a `join`, before the join restarts the colors of this node."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

DRAIN = Kind("drain", ("node",), hooks=True)
END_DRAIN = Kind("end drain", ("node",), hooks=True)


@dataclass(frozen=True)
class Drain(Action):
    """Make nginx on a node end each connection after its next answer, or keep connections open again.

    + on: True to end each connection after its next answer, False to keep connections open
    + undo: whether the step undoes the drain of a join that failed. Then an error is only a warning, because the node
      stays barred, and the next join writes and removes the drain mark again
    """

    name = "drain"
    handler = "orchestrator.run.handlers.drain:DrainHandler"

    on: bool
    undo: bool = False

    @property
    @override
    def advisory(self) -> bool:
        return self.undo


def drain(i: Inputs) -> Stage:
    """Return the stage that makes nginx on the node end each connection after its next answer.

    A balancer opens no new connections to a barred node. But an nginx balancer sends further requests on connections
    that were open when the node was barred. These requests end only if the node itself ends these connections.
    """
    return Stage(DRAIN, _steps(i, Drain(on=True)), undo=(Stage(END_DRAIN, _steps(i, Drain(on=False, undo=True))),))


def end_drain(i: Inputs) -> Stage:
    """Return the stage that makes nginx on the node keep connections open again.

    If a provisioning was killed while it drained the node, the stage also ends this drain, because the join lets the
    node in afterwards.
    """
    return Stage(END_DRAIN, _steps(i, Drain(on=False)))


def _steps(i: Inputs, action: Drain) -> tuple[Step, ...]:
    return tuple(Step(place, action, i.settings.deadlines.switch) for place in i.node_places)
