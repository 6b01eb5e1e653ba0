"""Hand the queue over: the new release's workers start, and after the commit the old release's workers end.

Until the commit, the workers of the old release go on. Therefore an undo only has to end the new workers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from typing_extensions import override

from orchestrator.config.worker import FINISH
from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Place, Stage, Step

QUIET_WORKERS = Kind("quiet workers", ("node",), hooks=True, each_batch=True)
START_WORKERS = Kind("start workers", ("node",), hooks=True)
RETIRE_WORKERS = Kind("retire workers", ("node",), hooks=True)
STOP_WORKERS = Kind("stop workers", ("node",))
END_WORKERS = Kind("end workers", ("node",))

DAY = 86400.0
"""Seconds for which a run waits for a process at most, if the setting ``workers.over`` is ``wait``."""


@dataclass(frozen=True)
class StartWorkers(Action):
    """Start the workers of a color's release, and check that they survive their first seconds.

    + only: names of the workers to start; empty for all workers of the release
    + hold: whether this color's workers also start at boot from now on, and the other color's workers do not
    """

    name = "start workers"
    handler = "orchestrator.run.handlers.start_workers:StartWorkersHandler"
    prints = True

    color: Color
    only: tuple[str, ...] = ()
    hold: bool = False


@dataclass(frozen=True)
class StopWorkers(Action):
    """Tell the workers of colors to take no further job, and to end after their present jobs.

    + colors: the colors whose workers end
    + keep: the color that has the workers from now on. At boot, this color's workers start. Before the workers of
      ``colors`` are told to end, the missing workers of this color start. ``none``: no workers start at boot. Empty to
      change nothing about this
    + waits: whether the step waits until the processes have ended, as the setting ``workers.over`` says
    + outside: whether the node takes no part in the run, or cannot be reached by a rollback. Then a failure is only a
      warning
    """

    name = "stop workers"
    handler = "orchestrator.run.handlers.stop_workers:StopWorkersHandler"

    colors: tuple[Color, ...]
    keep: str = ""
    waits: bool = True
    outside: bool = False

    @property
    @override
    def advisory(self) -> bool:
        return self.outside


def quiet_workers(i: Inputs, colors: tuple[Color, ...] = ()) -> tuple[Stage, ...]:
    """Return the stage that ends a color's workers before the color is started. () if there are no workers.

    Usually no worker of the color runs, because the run that retired the color's release has ended them. The undo
    waits until the workers of the new release have ended, before the files of the release are removed.

    A rollback to a warm color does not wait for jobs: the color is not started, and the jobs belong to the release that
    gets the traffic.

    + colors: the colors whose workers end; empty for the color that the run prepares
    """
    if not i.workers:
        return ()
    ends = StopWorkers(colors or (i.color,))
    steps = _stop(i, replace(ends, waits=i.verb != "rollback" or i.cold))
    return (Stage(QUIET_WORKERS, steps, undo=() if colors else (Stage(END_WORKERS, _stop(i, ends)),)),)


def start_workers(i: Inputs, weight: int) -> tuple[Stage, ...]:
    """Return the stage that starts workers of the new release when the new color has a share of the traffic.

    Return () if no worker starts at this moment. The undo tells the new workers to end, and does not wait until they
    have ended, so that the switches get their former weights without delay.

    + weight: per cent of the traffic that the new color has now
    """
    if not i.workers:
        return ()
    begin = {one.name: _weight(i, one.start, one.share) for one in i.settings.workers}
    # the last stage starts all workers that do not run yet, also workers of the release that the settings do not name
    only = tuple(name for name, begins in begin.items() if begins == weight) if weight < 100 else ()
    if weight < 100 and not only:
        return ()
    first = weight == min((*begin.values(), 100))
    undo = (Stage(STOP_WORKERS, _stop(i, StopWorkers((i.color,), waits=False))),) if first else ()
    return (Stage(START_WORKERS, _start(i, StartWorkers(i.color, only)), undo=undo, weight=weight),)


def retire_workers(i: Inputs) -> tuple[Stage, ...]:
    """Return the stage after the commit that ends the workers of the old release. () if there are no workers.

    The stage also ends the workers on nodes that take no part in the run, so that no process there goes on with the old
    release. If a node that a rollback could not reach answers by now, its workers change over as on the other nodes,
    because this node may have traffic.
    """
    if not i.workers:
        return ()
    retire = StopWorkers((i.color.other,), keep=i.color.value)
    none = StopWorkers(tuple(Color), keep="none", waits=False, outside=True)
    late = replace(retire, waits=False, outside=True)
    there = (
        Step(Place("node", name), action, i.settings.deadlines.look)
        for names, action in ((i.workers.outside, none), (i.workers.unreached, late))
        for name in names
    )
    return (Stage(RETIRE_WORKERS, (*_stop(i, retire), *there)),)


def join_workers(i: Inputs) -> tuple[Stage, ...]:
    """Return the stage of a join that starts the live release's workers on the node. () if there are no workers."""
    if not i.workers:
        return ()
    stop = StopWorkers(tuple(Color), keep="none", waits=False)
    undo = (Stage(STOP_WORKERS, _stop(i, stop)),)
    return (Stage(START_WORKERS, _start(i, StartWorkers(i.color, hold=True)), undo=undo),)


def _weight(i: Inputs, start: str, share: str) -> int:
    """Return the share of the traffic at which a worker of the settings starts; 0 for before the cutover."""
    if start == "before":
        return 0
    return i.shares[0].weight if share == "first" else 100


def _start(i: Inputs, action: StartWorkers) -> tuple[Step, ...]:
    survive = max((one.survive for one in i.settings.workers), default=0.0)
    deadline = i.settings.deadlines.start + survive
    return tuple(Step(place, action, deadline) for place in _places(i))


def _stop(i: Inputs, action: StopWorkers) -> tuple[Step, ...]:
    deadline = i.settings.deadlines.start
    if action.waits:
        waits = any(one.over == "wait" for one in i.settings.workers)
        deadline += DAY if waits else max((one.finish for one in i.settings.workers), default=FINISH)
    return tuple(Step(place, action, deadline) for place in _places(i))


def _places(i: Inputs) -> tuple[Place, ...]:
    """Return the nodes of the run, without the nodes that a rollback cannot reach."""
    unreached = i.workers.unreached if i.workers else ()
    return tuple(place for place in i.node_places if place.name not in unreached)
