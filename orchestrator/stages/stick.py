"""Sticky switches: they keep clients on the old color, whatever the weights are, until they are made to forget it."""

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
    """Make a switch forget a color.

    + kind: the switch's kind
    + color: the color that the switch forgets
    + after: seconds to wait first
    """

    name = "detach"
    handler = "orchestrator.run.handlers.detach:DetachHandler"

    kind: str
    color: Color
    after: float


@dataclass(frozen=True)
class Attach(Action):
    """Let a switch know both colors again.

    + kind: the switch's kind
    + color: the color that the switch forgot
    + after: seconds to wait first
    """

    name = "attach"
    handler = "orchestrator.run.handlers.attach:AttachHandler"

    kind: str
    color: Color
    after: float


def unstick(i: Inputs) -> Stage:
    """Wait until the old color's cookies have expired, then make the switch forget it, so that all clients leave."""
    return Stage(UNSTICK, tuple(_step(i, switch, Detach) for switch in i.switches if switch.sticky))


def attach(i: Inputs) -> Stage:
    """Undo ``unstick``: the switch knows both colors again."""
    return Stage(ATTACH_BACK, tuple(_step(i, switch, Attach, wait=False) for switch in i.switches if switch.sticky))


def attach_first(i: Inputs) -> Stage:
    """Before all other work, attach a color that the switch forgot in an earlier run. The color gets no traffic yet.

    A release first waits until no cookie leads to that color any more, because the release restarts it. A rollback
    needs the color at once.
    """
    lost = (switch for switch in i.switches if not switch.attached)
    return Stage(ATTACH, tuple(_step(i, switch, Attach, wait=i.verb == "release") for switch in lost))


def attach_again(i: Inputs) -> Stage:
    """Attach the old color after the commit, once no client can hold a cookie of that color any more."""
    return Stage(ATTACH_AGAIN, tuple(_step(i, switch, Attach) for switch in i.switches if switch.sticky))


def _step(i: Inputs, switch: SwitchInput, action: type[Detach | Attach], wait: bool = True) -> Step:
    after = switch.sticky if wait else 0.0
    return Step(switch.place, action(switch.kind, i.color.other, after), after + i.settings.deadlines.switch)
