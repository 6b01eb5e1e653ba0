"""Detach and attach the old color at a sticky switch (``alb`` with stickiness).

A sticky switch keeps a client on the color that the client's cookie names, whatever the weights are. When the old color
is detached, the switch sends these clients to the new color.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs, SwitchInput
from orchestrator.plan.steps import Action, Kind, Stage, Step

ATTACH = Kind("attach", ("api",), skipped="the switch knows both colors", hooks=True)
UNSTICK = Kind("unstick", ("api",), hooks=True)
ATTACH_BACK = Kind("attach back", ("api",))
ATTACH_AGAIN = Kind("attach again", ("api",), skipped="the switch keeps no client on a color", hooks=True)


@dataclass(frozen=True)
class Detach(Action):
    """Wait for some seconds, then detach a color from a switch, so that the switch sends no client to this color.

    + kind: the switch's kind, such as ``alb``
    + color: the color to detach
    + after: seconds to wait first
    """

    name = "detach"
    handler = "orchestrator.run.handlers.detach:DetachHandler"

    kind: str
    color: Color
    after: float


@dataclass(frozen=True)
class Attach(Action):
    """Wait for some seconds, then attach the color that is detached from a switch.

    + kind: the switch's kind, such as ``alb``
    + color: the old color of the run. Only the printed plan uses this field. The code that attaches the color finds out
      by itself which color is detached
    + after: seconds to wait first
    """

    name = "attach"
    handler = "orchestrator.run.handlers.attach:AttachHandler"

    kind: str
    color: Color
    after: float


def unstick(i: Inputs) -> Stage:
    """Return the stage that waits for the duration of the stickiness, then detaches the old color.

    During the wait, cookies expire if they are not renewed. After this stage, the switch sends no client to the old
    color any more.
    """
    return Stage(UNSTICK, tuple(_step(i, switch, Detach) for switch in i.switches if switch.sticky))


def attach(i: Inputs) -> Stage:
    """Return the stage that undoes ``unstick``. The stage attaches the old color again, without a wait."""
    return Stage(ATTACH_BACK, tuple(_step(i, switch, Attach, wait=False) for switch in i.switches if switch.sticky))


def attach_first(i: Inputs) -> Stage:
    """Return the stage that attaches a color which an earlier run left detached.

    The stage comes before all work on the nodes, and does not change the weights. A release will restart the color.
    Therefore, in a release, the stage first waits until no client has a cookie of the color any more. A rollback needs
    the color at once, so in a rollback the stage does not wait.
    """
    lost = (switch for switch in i.switches if not switch.attached)
    return Stage(ATTACH, tuple(_step(i, switch, Attach, wait=i.verb == "release") for switch in lost))


def attach_again(i: Inputs) -> Stage:
    """Return the stage that attaches the old color again, after the commit.

    The stage first waits for the duration of the stickiness, so that no client has a cookie of the old color any more.
    """
    return Stage(ATTACH_AGAIN, tuple(_step(i, switch, Attach) for switch in i.switches if switch.sticky))


def _step(i: Inputs, switch: SwitchInput, action: type[Detach | Attach], wait: bool = True) -> Step:
    after = switch.sticky if wait else 0.0
    return Step(switch.place, action(switch.kind, i.color.other, after), after + i.settings.deadlines.switch)
