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
DETACH_NEW = Kind("detach new", ("api",), proves=True)
ATTACH_AGAIN = Kind("attach again", ("api",), skipped="the switch keeps no client on a color", hooks=True)

HEALTH = 15.0
"""Seconds within which a switch behind an API reports the first health checks of a color that was attached."""


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
    """Wait for some seconds and until a color is quiet, then attach the color to a switch.

    If the color is attached already, the action changes nothing and does not wait.

    + kind: the switch's kind, such as ``alb``
    + color: the color to attach
    + after: seconds to wait first
    + still: seconds for which the color must have had no request
    + nodes: the nodes at which the color must have had no request; empty to attach without this check
    """

    name = "attach"
    handler = "orchestrator.run.handlers.attach:AttachHandler"

    kind: str
    color: Color
    after: float
    still: float
    nodes: tuple[str, ...]


def unstick(i: Inputs) -> Stage:
    """Return the stage that waits for the duration of the stickiness, then detaches the old color.

    During the wait, cookies expire if they are not renewed. After this stage, the switch sends no client to the old
    color any more.
    """
    return Stage(UNSTICK, _detach(i, i.color.other, wait=True))


def detach_new(i: Inputs) -> Stage:
    """Return the stage of an undo that detaches the new color, so that no client stays on this color.

    The stage comes after the shift back, and does not wait for cookies to expire, because the new color is to lose all
    its clients at once. The color stays detached, until the next release or rollback attaches it (`attach_first`).
    """
    return Stage(DETACH_NEW, _detach(i, i.color, wait=False))


def attach(i: Inputs) -> Stage:
    """Return the stage that undoes ``unstick``. The stage attaches the old color again, without a wait."""
    sticky = (switch for switch in i.switches if switch.sticky)
    return Stage(ATTACH_BACK, tuple(_attach(i, switch, i.color.other, wait=False) for switch in sticky))


def attach_first(i: Inputs) -> Stage:
    """Return the stage that attaches a color which an earlier run left detached.

    The stage comes before all work on the nodes, and does not change the weights. A detached color is always the idle
    color. If the run restarts the idle color, the stage first waits until no client has a cookie of the color and the
    color gets no request. A rollback to a warm color needs the color at once, so that the stage does not wait.
    """
    lost = (switch for switch in i.switches if not switch.attached)
    wait = i.verb != "rollback" or i.cold
    return Stage(ATTACH, tuple(_attach(i, switch, i.color, wait) for switch in lost))


def attach_again(i: Inputs) -> Stage:
    """Return the stage that attaches the old color again, after the commit.

    The stage first waits for the duration of the stickiness, so that no client has a cookie of the old color any more.
    Then the stage waits until the old color gets no request. If an address of the switch still sends clients to the old
    color, the stage fails, and the color stays detached until the next release or rollback.
    """
    sticky = (switch for switch in i.switches if switch.sticky)
    return Stage(ATTACH_AGAIN, tuple(_attach(i, switch, i.color.other, wait=True) for switch in sticky))


def _detach(i: Inputs, color: Color, wait: bool) -> tuple[Step, ...]:
    """Return one step for each sticky switch. The step detaches a color from the switch.

    + wait: whether the step first waits for the duration of the stickiness
    """
    return tuple(
        Step(switch.place, Detach(switch.kind, color, after), after + i.settings.deadlines.switch)
        for switch in i.switches
        if switch.sticky
        for after in [switch.sticky if wait else 0.0]
    )


def _attach(i: Inputs, switch: SwitchInput, color: Color, wait: bool) -> Step:
    """Return the step that attaches a color to a switch.

    + wait: whether the step first waits for the duration of the stickiness, and then until the color is quiet
    """
    after = switch.sticky if wait else 0.0
    still = max(one.quiet for one in i.settings.switches) if wait else 0.0
    nodes = tuple(node.name for node in i.nodes) if wait else ()
    quiet = i.settings.drain.limit + still + i.settings.deadlines.look if wait else 0.0
    deadline = after + quiet + i.settings.deadlines.switch + HEALTH
    return Step(switch.place, Attach(switch.kind, color, after, still, nodes), deadline)
