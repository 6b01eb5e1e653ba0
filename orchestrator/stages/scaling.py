"""The Auto Scaling group of the nodes during a run: suspended and resumed exactly, or watched for who comes and goes.

Without ``scaling`` in the settings no plan has any of these stages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.config.scaling import Scaling as Group
from orchestrator.plan.inputs import Inputs, ScalingInput
from orchestrator.plan.steps import OPERATOR, Action, Kind, Stage, Step

SUSPEND = Kind("suspend", ("operator",))
RESUME = Kind("resume scaling", ("operator",), owed=True)
INHERIT = Kind("inherit", ("operator",), at_once=True)
NEWCOMERS = Kind("newcomers", ("operator",), changes=False)

# A change of the group that is under way is waited for.
SLACK = 10.0


@dataclass(frozen=True)
class Scaling(Action):
    """Suspend processes of the Auto Scaling group, resume them, or note that they are to be resumed.

    + instances: that the group had when the run looked at it
    + processes: that this run suspends, and so resumes
    """

    name = "scaling"
    handler = "orchestrator.run.handlers.scaling:ScalingHandler"

    do: Literal["suspend", "resume", "inherit"]
    group: str
    region: str | None
    instances: tuple[str, ...]
    processes: tuple[str, ...]


@dataclass(frozen=True)
class Newcomers(Action):
    """Look who came to the Auto Scaling group and who went; keep the former from traffic.

    + instances: that the group had when the run looked at it
    + seconds: in which AWS has to answer
    """

    name = "newcomers"
    handler = "orchestrator.run.handlers.newcomers:NewcomersHandler"

    group: str
    region: str | None
    instances: tuple[str, ...]
    seconds: float


def suspend(i: Inputs) -> tuple[Stage, ...]:
    """The first stage of all: no instance comes or goes from here on, and none has since the group was looked at.

    Undone last, by resuming what it suspends and nothing else; a pause is no end, so the group stays suspended.
    """
    # a run of an earlier version has not looked at the group
    if i.settings.scaling is None or not i.settings.scaling.suspend or i.scaling == ScalingInput():
        return ()
    return (Stage(SUSPEND, (_step(i, i.settings.scaling, "suspend"),), undo=resume(i)),)


def resume(i: Inputs) -> tuple[Stage, ...]:
    """The last stage of all. To the next run what stays suspended would look like an operator's wish, so it is owed."""
    if i.settings.scaling is None or not i.scaling.suspended:
        return ()
    return (Stage(RESUME, (_step(i, i.settings.scaling, "resume"),)),)


def inherit(i: Inputs) -> tuple[Stage, ...]:
    """A rollback is not kept back by what an earlier run could not resume: it takes that over, and does it at its end.

    Nothing is done here; that it has begun is on record, so that whoever settles this run resumes, too.
    """
    if i.settings.scaling is None or not i.scaling.suspended:
        return ()
    return (Stage(INHERIT, (_step(i, i.settings.scaling, "inherit"),), undo=resume(i)),)


def newcomers(i: Inputs, when: str = "") -> tuple[Stage, ...]:
    """Where the group goes on during a run: who came is kept from traffic, who went is named.

    Nobody's part in the run is touched, so there is nothing to undo, and a run that goes on does it again. It fails
    no run: what a lost node means is for the gates, the verification and the probe to say.

    + when: tells two such stages of a plan apart
    """
    scaling = i.settings.scaling
    if scaling is None or scaling.suspend or not i.scaling.instances:
        return ()
    seconds = i.settings.deadlines.look
    action = Newcomers(scaling.group, scaling.region, i.scaling.instances, seconds)
    return (Stage(NEWCOMERS, (Step(OPERATOR, action, seconds + SLACK),), label=when),)


def _step(i: Inputs, group: Group, do: Literal["suspend", "resume", "inherit"]) -> Step:
    action = Scaling(do, group.group, group.region, i.scaling.instances, i.scaling.suspended)
    return Step(OPERATOR, action, i.settings.deadlines.switch + SLACK)
