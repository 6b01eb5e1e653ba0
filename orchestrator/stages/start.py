"""Point the idle color to the release and restart the color's processes."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color
from orchestrator.plan.chains import PROCESSES
from orchestrator.plan.inputs import Inputs, NodeInput
from orchestrator.plan.steps import Action, Kind, Place, Stage, Step
from orchestrator.stages.gate import gate_former
from orchestrator.stages.quiet import quiet

START = Kind("start", ("node",), hooks=True, each_batch=True, chain=PROCESSES)
RESTORE = Kind("restore", ("node",))
RETIRE = Kind("retire", ("node",), skipped="the idle color has no release", hooks=True)


@dataclass(frozen=True)
class Start(Action):
    """Point a color to a release and restart the color's processes.

    If the color already runs this release with all its workers, the processes are not restarted.

    + release: the release; None to leave the color without a release, so that its processes serve nothing
    + out: whether the node is barred. If False, the step fails if the color is the live color
    + services: whether the step fails if a service of the release does not run after the restart
    + warms: whether the run warms the color after the start. If not, the color is cold: a rollback to the color first
      warms it. Earlier versions of this tool did not write this field to the journal
    """

    name = "start"
    handler = "orchestrator.run.handlers.start:StartHandler"
    prints = True
    disturbs = True

    color: Color
    release: str | None
    out: bool
    services: bool
    warms: bool = True


def start(i: Inputs) -> Stage:
    """Return the stage that starts the release in the color ``i.color`` of every node.

    In a release or rollback, ``i.color`` is the idle color. A `join` starts both colors of a barred node, by one stage
    for each color. The undo has three steps: wait until the color has no request in flight, start the color's former
    release again, and check the color with the gate. The undo does not warm the color, so the color is cold afterwards.
    If a switch may still send requests to the color, the undo stops before it restarts the color.
    """
    steps = tuple(_start(i, node, i.release, services=True, warms=True) for node in i.nodes)
    return Stage(START, steps, undo=_former(i))


def retire(i: Inputs) -> Stage:
    """Return the stage that leaves the idle color, ``i.color``, without a release: the former release is stopped.

    The undo is the same as after a start: the color gets its former release again.
    """
    nodes = [node for node in i.nodes if node.former]
    steps = tuple(_start(i, node, None, services=False, warms=False) for node in nodes)
    return Stage(RETIRE, steps, undo=_former(i) if steps else ())


def _former(i: Inputs) -> tuple[Stage, ...]:
    """Return the stages that start the former release of the color ``i.color`` again."""
    restore = tuple(_start(i, node, node.former, services=False, warms=False) for node in i.nodes)
    return (quiet(i), Stage(RESTORE, restore), gate_former(i))


def _start(i: Inputs, node: NodeInput, release: str | None, services: bool, warms: bool) -> Step:
    # a node that joins is barred, so its live color may be restarted too
    action = Start(i.color, release, out=i.verb == "join", services=services, warms=warms)
    place = Place("node", node.name)
    return Step(place, action, i.settings.deadlines.start, i.no_traffic(place))
