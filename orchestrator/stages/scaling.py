"""The Auto Scaling group during a run: it is suspended and resumed, or watched for instances that come and go.

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

# The stage waits for a change of the group that is under way.
SLACK = 10.0


@dataclass(frozen=True)
class Scaling(Action):
    """Suspend processes of the Auto Scaling group, resume them, or record that this run has to resume them.

    + instances: the instances that the group had when the run looked at it
    + processes: the processes that this run suspends, and therefore resumes
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
    """Look for instances that came to or left the Auto Scaling group; keep new instances from traffic.

    + instances: the instances that the group had when the run looked at it
    + seconds: the time in which AWS has to answer
    """

    name = "newcomers"
    handler = "orchestrator.run.handlers.newcomers:NewcomersHandler"

    group: str
    region: str | None
    instances: tuple[str, ...]
    seconds: float


def suspend(i: Inputs) -> tuple[Stage, ...]:
    """Suspend the group, as the first stage. Fails if an instance came or left since the run looked at the group.

    The undo, which runs last, resumes only what this stage suspended. During a pause the group stays suspended.
    """
    # a run that an earlier version began has not looked at the group
    if i.settings.scaling is None or not i.settings.scaling.suspend or i.scaling == ScalingInput():
        return ()
    return (Stage(SUSPEND, (_step(i, i.settings.scaling, "suspend"),), undo=resume(i)),)


def resume(i: Inputs) -> tuple[Stage, ...]:
    """Resume the processes that the run suspended, as the last stage.

    The stage is owed: if processes stayed suspended, the next run would assume that the operator had suspended them.
    """
    if i.settings.scaling is None or not i.scaling.suspended:
        return ()
    return (Stage(RESUME, (_step(i, i.settings.scaling, "resume"),)),)


def inherit(i: Inputs) -> tuple[Stage, ...]:
    """Take over the processes that an earlier run could not resume: a rollback begins at once, and resumes them last.

    The stage changes nothing. Because of its record, a later command that settles this run also resumes the processes.
    """
    if i.settings.scaling is None or not i.scaling.suspended:
        return ()
    return (Stage(INHERIT, (_step(i, i.settings.scaling, "inherit"),), undo=resume(i)),)


def newcomers(i: Inputs, when: str = "") -> tuple[Stage, ...]:
    """If the group is not suspended during a run, keep new instances from traffic, and name the instances that left.

    The stage changes nothing on the nodes of the run, so it needs no undo, and a resumed run repeats it. The stage
    never fails: gates, verification and probe judge the effect of a lost node.

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
