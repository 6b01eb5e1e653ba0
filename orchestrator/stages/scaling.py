"""Suspend the Auto Scaling group during a run, or find out which instances were added and removed during the run.

Plans have these stages only if the settings have ``scaling``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.config.scaling import Scaling as Group
from orchestrator.plan.inputs import Inputs, ScalingInput
from orchestrator.plan.steps import OPERATOR, Action, Kind, Stage, Step

SUSPEND = Kind("suspend", ("operator",), hooks=True)
RESUME = Kind("resume scaling", ("operator",), owed=True, hooks=True)
INHERIT = Kind("inherit", ("operator",), at_once=True, hooks=True)
NEWCOMERS = Kind("newcomers", ("operator",), changes=False, hooks=True)
NEWCOMERS_AFTER = Kind("newcomers after", ("operator",), changes=False, hooks=True)

# additional seconds, because AWS refuses calls while another change of the group is in progress
SLACK = 10.0


@dataclass(frozen=True)
class Scaling(Action):
    """Suspend or resume processes of the Auto Scaling group, or record that this run will resume them at its end.

    + do: the work of the step. "inherit" only records that this run will resume the processes at its end, because an
      earlier run suspended them and could not resume them
    + group: the name of the group
    + region: the AWS region of the group; None for the default region
    + instances: the ids of the group's instances when the run first read the state of the group
    + processes: the names of the group's processes to suspend or resume
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
    """Find the instances that were added to or removed from the Auto Scaling group. Keep added instances from traffic.

    + group: the name of the group
    + region: the AWS region of the group; None for the default region
    + instances: the ids of the group's instances when the run first read the state of the group
    + seconds: seconds within which AWS has to answer
    """

    name = "newcomers"
    handler = "orchestrator.run.handlers.newcomers:NewcomersHandler"

    group: str
    region: str | None
    instances: tuple[str, ...]
    seconds: float


def suspend(i: Inputs) -> tuple[Stage, ...]:
    """Return the stage that suspends the Auto Scaling group, the first stage of a plan.

    Return () if the setting ``scaling.suspend`` is off, or if the Inputs do not have the state of the group.

    The stage fails if an instance was added or removed since the run first read the state of the group. The undo
    resumes only the processes that this stage suspended. During a pause of the run, the group stays suspended.
    """
    # if an older version of this tool began the run, the Inputs do not have the state of the group
    if i.settings.scaling is None or not i.settings.scaling.suspend or i.scaling == ScalingInput():
        return ()
    return (Stage(SUSPEND, (_step(i, i.settings.scaling, "suspend"),), undo=resume(i)),)


def resume(i: Inputs) -> tuple[Stage, ...]:
    """Return the stage that resumes the suspended processes of the group, the last stage of a plan.

    Return () if no processes are to be resumed. The stage resumes the processes that this run suspended. In a rollback,
    these may also be processes that an earlier run could not resume.

    If the stage fails, the next command must first repeat the stage (``Kind.owed``). Without this rule, the next run
    would assume that the operator had suspended these processes, and would never resume them.
    """
    if i.settings.scaling is None or not i.scaling.suspended:
        return ()
    return (Stage(RESUME, (_step(i, i.settings.scaling, "resume"),)),)


def inherit(i: Inputs) -> tuple[Stage, ...]:
    """Return the stage which records that this rollback will resume the group's processes at its end.

    Return () if no earlier run has left processes of the Auto Scaling group suspended. The stage itself changes
    nothing. If the rollback is undone, the undo of this stage resumes the processes.
    """
    if i.settings.scaling is None or not i.scaling.suspended:
        return ()
    return (Stage(INHERIT, (_step(i, i.settings.scaling, "inherit"),), undo=resume(i)),)


def newcomers(i: Inputs, kind: Kind = NEWCOMERS) -> tuple[Stage, ...]:
    """Return the stage that keeps new instances from traffic, and warns about instances that were removed.

    Return () if the run suspends the group, or if there is no group. The stage needs no undo, because the stage changes
    nothing on the nodes of the run. If AWS does not answer or a node was terminated, the stage does not fail. The
    stages `verify`, `bake` and `proof` notice the effect of a lost node on the traffic.

    + kind: NEWCOMERS for the stage before the commit, or NEWCOMERS_AFTER for the stage after the commit
    """
    scaling = i.settings.scaling
    if scaling is None or scaling.suspend or not i.scaling.instances:
        return ()
    seconds = i.settings.deadlines.look
    action = Newcomers(scaling.group, scaling.region, i.scaling.instances, seconds)
    return (Stage(kind, (Step(OPERATOR, action, seconds + SLACK),)),)


def _step(i: Inputs, group: Group, do: Literal["suspend", "resume", "inherit"]) -> Step:
    action = Scaling(do, group.group, group.region, i.scaling.instances, i.scaling.suspended)
    return Step(OPERATOR, action, i.settings.deadlines.switch + SLACK)
