"""Point the idle color to the release and start it fresh."""

from __future__ import annotations

from orchestrator.plan.inputs import Inputs, NodeInput
from orchestrator.plan.steps import Action, Kind, Place, Stage, Step
from orchestrator.stages.gate import gate_former
from orchestrator.stages.quiet import quiet

START = Kind("start", ("node",), hooks=True, each_batch=True)
RESTORE = Kind("restore", ("node",))


def start(i: Inputs) -> Stage:
    """Undone by giving the idle color its former release back: quiet, started and gated as it was."""
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
    """Whether all services have to run: a release of before may be older than one, and has to run all the same."""
    return i.release != i.former_release and not i.cold


def _start(i: Inputs, node: NodeInput, release: str | None, services: bool) -> Step:
    # a node that joins is out of traffic, whatever its own link says
    action = Action("start", {"color": i.color, "release": release, "out": i.verb == "join", "services": services})
    return Step(Place("node", node.name), action, i.settings.deadlines.start)
