"""Clients that a switch keeps on the old color whatever the weights, and colors that it was made to forget."""

from __future__ import annotations

from orchestrator.plan.inputs import Inputs, SwitchInput
from orchestrator.plan.steps import Action, Stage, Step


def unstick(i: Inputs) -> Stage:
    """Wait until the cookies of the old color have run out, then make the switch forget it: the rest leaves, too."""
    return Stage("unstick", tuple(_step(i, switch, "detach") for switch in i.switches if switch.sticky))


def attach(i: Inputs) -> Stage:
    """Undo of ``unstick``: the switch knows both colors again."""
    return Stage("attach back", tuple(_step(i, switch, "attach", wait=False) for switch in i.switches if switch.sticky))


def attach_first(i: Inputs) -> Stage:
    """Before anything else: a color that an earlier run left forgotten is known again, without traffic.

    A release waits until no cookie leads there any more, since it restarts that color; a rollback wants it at once.
    """
    lost = (switch for switch in i.switches if not switch.attached)
    return Stage("attach", tuple(_step(i, switch, "attach", wait=i.verb == "release") for switch in lost))


def attach_again(i: Inputs) -> Stage:
    """After the commit, once no client can hold a cookie of the old color any more."""
    return Stage("attach again", tuple(_step(i, switch, "attach") for switch in i.switches if switch.sticky))


def _step(i: Inputs, switch: SwitchInput, action: str, wait: bool = True) -> Step:
    after = switch.sticky if wait else 0.0
    told = Action(action, {"kind": switch.kind, "color": i.color.other, "after": after})
    return Step(switch.place, told, after + i.settings.deadlines.switch)
