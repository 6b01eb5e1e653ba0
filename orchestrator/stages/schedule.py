"""Note on each node which schedules the node runs, and which node runs the single-node schedules.

At each scheduled time (a tick of the timer), a node reads the symlink ``live`` and its own note. Therefore the
schedules move to the new release with the symlink, and most runs have no stage for schedules.
"""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.facts.schedule import Runs
from orchestrator.plan.inputs import Inputs, ScheduleInput
from orchestrator.plan.steps import Action, Kind, Place, Stage, Step

END_SCHEDULE = Kind("end schedule", ("node",), hooks=True)
START_SCHEDULE = Kind("start schedule", ("node",), hooks=True)

JOBS = 60.0
"""Seconds for which a run waits for commands on the node that ran the single-node schedules before."""


@dataclass(frozen=True)
class HoldSchedule(Action):
    """Note which schedules a node runs.

    + runs: ``one`` for all schedules, ``each`` for the schedules with ``"on": "each"``, ``none`` for no schedule
    + holder: name of the node that runs the single-node schedules; empty if unknown
    + after: names of nodes that ran the single-node schedules before. The step fails if one of these nodes still runs
      such a schedule after JOBS seconds
    + outside: whether the node takes no part in the run. Then a failure is only a warning
    """

    name = "hold schedule"
    handler = "orchestrator.run.handlers.hold_schedule:HoldScheduleHandler"

    runs: Runs
    holder: str = ""
    after: tuple[str, ...] = ()
    outside: bool = False

    @property
    @override
    def advisory(self) -> bool:
        return self.outside


def schedules(i: Inputs) -> tuple[Stage, ...]:
    """Return the stages after the commit that correct which node runs which schedules. () if nothing has to change.

    First the other nodes stop running the single-node schedules, and nodes that take no part stop running any schedule.
    Only then the node that has to run the single-node schedules may start, so that no two nodes ever run them.
    """
    return changed(i.schedule, i.settings) if i.schedule else ()


def changed(found: ScheduleInput, settings: Settings) -> tuple[Stage, ...]:
    """Return the stages that make changes of the nodes' schedules. See `schedules`."""
    steps = [_step(settings, name, HoldSchedule("each", found.holder)) for name in found.each]
    steps += [_step(settings, name, HoldSchedule("none", found.holder, outside=True)) for name in found.none]
    one = (_step(settings, found.one, HoldSchedule("one", found.one, found.after)),) if found.one else ()
    stages = (Stage(END_SCHEDULE, tuple(steps)), Stage(START_SCHEDULE, one))
    return tuple(stage for stage in stages if stage.do)


def join_without_schedules(i: Inputs) -> tuple[Stage, ...]:
    """Return the stage of a join in which the node stops running schedules. () if there are no schedules."""
    if not i.schedule:
        return ()
    steps = tuple(_step(i.settings, node.name, HoldSchedule("none", i.schedule.holder)) for node in i.nodes)
    return (Stage(END_SCHEDULE, steps),)


def join_schedules(i: Inputs) -> tuple[Stage, ...]:
    """Return the stage of a join in which the node begins to run schedules again. () if there are no schedules."""
    if not i.schedule:
        return ()
    steps = tuple(step for stage in changed(i.schedule, i.settings) for step in stage.do)
    return (Stage(START_SCHEDULE, steps, undo=join_without_schedules(i)),)


def _step(settings: Settings, name: str, action: HoldSchedule) -> Step:
    deadline = settings.deadlines.look
    return Step(Place("node", name), action, deadline + JOBS if action.after else deadline)
