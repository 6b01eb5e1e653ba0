"""Point the idle color to the release and start it fresh."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs, Join, NodeInput
from orchestrator.plan.steps import Action, Kind, Place, Stage, Step
from orchestrator.stages.gate import gate_former
from orchestrator.stages.quiet import quiet

START = Kind("start", ("node",), hooks=True, each_batch=True)
RESTORE = Kind("restore", ("node",))


@dataclass(frozen=True)
class Start(Action):
    """Point a color to a release and start it; without a release, stop it.

    + out: whether the node gets no traffic, so that the color may be the live one
    + services: whether all services of the settings have to run
    """

    name = "start"
    handler = "orchestrator.run.handlers.start:StartHandler"
    prints = True

    color: Color
    release: str | None
    out: bool
    services: bool


def start(i: Inputs) -> Stage:
    """Start the release in the idle color. The undo waits for quiet, restores the former release and gates it."""
    return Stage(
        START,
        tuple(_start(i, node, i.release, services=_complete(i)) for node in i.nodes),
        undo=(
            quiet(i),
            Stage(RESTORE, tuple(_start(i, node, node.former, services=False) for node in i.nodes)),
            gate_former(i),
        ),
    )


def _complete(i: Inputs) -> bool:
    """Whether all services have to run. False for a former release, which may be older than some service."""
    former = i.asked.former_release if isinstance(i.asked, Join) else None
    return i.release != former and not i.cold


def _start(i: Inputs, node: NodeInput, release: str | None, services: bool) -> Step:
    # a node that joins gets no traffic, whatever its own link says
    action = Start(i.color, release, out=i.verb == "join", services=services)
    return Step(Place("node", node.name), action, i.settings.deadlines.start)
