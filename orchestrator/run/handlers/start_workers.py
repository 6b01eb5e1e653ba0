"""The handler of the action `start workers`, which starts the workers of a release and watches their first seconds."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.config.worker import SURVIVE
from orchestrator.errors import CommandFailed
from orchestrator.facts.workers import WorkerKey, WorkerProcess, WorkerState
from orchestrator.operations.start_workers import start_workers
from orchestrator.plan.steps import Step
from orchestrator.run.handler import INTERVAL, Call, OperationHandler
from orchestrator.stages.workers import StartWorkers
from orchestrator.survey import workers_at

WHY = {
    "oom-kill": ", because it needed more memory than memory_mb",
    "signal": ", because a signal killed it, such as the kernel's if it needs more memory than memory_mb",
}
"""The result of a process, as systemd names it -> the reason that a message gives.

With version 1 of control groups, systemd does not know that the kernel killed a process because of its memory.
"""

SHOWN = 3
"""The largest number of processes that a message names."""


class StartWorkersHandler(OperationHandler[StartWorkers]):
    """Starts the workers with ``operations/start_workers.py``. Fails if a process ends in its first seconds."""

    @classmethod
    @override
    def call(cls, step: Step[StartWorkers], settings: Settings) -> Call:
        action, node = step.action, settings.node
        arguments = {"root": node.root, "color": action.color, "program": node.workers}
        return Call(start_workers, {**arguments, "hold": action.hold, "only": action.only})

    @override
    def at_host(self, host: Host, step: Step[StartWorkers], undoing: bool) -> str:
        survive = {one.name: one.survive for one in self.settings.workers}
        # some processes may run already, because this stage was interrupted, or because the worker starts before the
        # cutover. systemd may have restarted such a process before, so only restarts from now on count
        before = workers_at(self.fleet, host).of(step.action.color)
        ran = {one.key: one.restarts for one in before if not one.ended}
        # these processes were ending before the start, so their end says nothing about the start
        leaving = frozenset(one.key for one in before if one.state == "deactivating")
        super().at_host(host, step, undoing)
        began = time.monotonic()
        while True:
            state, seconds = workers_at(self.fleet, host, step.action.color), time.monotonic() - began
            found = judge(state, step.action, survive, seconds, ran, leaving)
            if found.ended:
                raise CommandFailed("; ".join(found.ended[:SHOWN]))
            if not found.waits:
                return detail(state, step.action)
            if found.missing and seconds > self.settings.deadlines.start / 2:
                raise CommandFailed("; ".join(found.missing))
            time.sleep(INTERVAL)


@dataclass(frozen=True)
class Judged:
    """What is known about the processes that were started.

    + ended: one line for each process that has ended
    + missing: one line for each worker that has fewer processes than its release says
    + waits: whether to look again
    """

    ended: tuple[str, ...]
    missing: tuple[str, ...]
    waits: bool


def judge(
    state: WorkerState,
    action: StartWorkers,
    survive: Mapping[str, float],
    seconds: float,
    ran: Mapping[WorkerKey, int],
    leaving: Collection[WorkerKey] = (),
) -> Judged:
    """Judge the processes of a color some seconds after their start. Pure.

    + survive: name of a worker -> seconds for which its processes must run
    + seconds: seconds since the start
    + ran: process that ran before the start -> how often systemd had started it again
    + leaving: the processes that were ending before the start. The function ignores such a process unless it runs
    """
    processes = [
        one
        for one in state.of(action.color)
        if (not action.only or one.name in action.only) and (one.runs or one.key not in leaving)
    ]
    ended = [one for one in processes if one.restarts > ran.get(one.key, 0) or one.state == "failed"]
    runs = Counter(one.name for one in processes if one.runs)
    missing = [
        f"the worker {name} has {runs[name]} of {count} processes"
        for (color, name), count in state.expected.items()
        if color is action.color and (not action.only or name in action.only) and runs[name] < count
    ]
    young = any(survive.get(one.name, SURVIVE) > seconds for one in processes)
    return Judged(
        tuple(dict.fromkeys(line(one, state.said.get("/".join(map(str, one.key)), "")) for one in ended)),
        tuple(missing),
        bool(missing) or young,
    )


def line(process: WorkerProcess, said: str) -> str:
    """Return the line about a process that ended in its first seconds.

    + said: the last line that the process wrote; empty if there is none
    """
    words = said or "it wrote no line, see the journal of systemd there"
    return f"the worker {process.name} ended in its first seconds{WHY.get(process.result, '')}: {words}"


def detail(state: WorkerState, action: StartWorkers) -> str:
    """Return the line for the report: how many processes of each worker run."""
    runs = Counter(one.name for one in state.of(action.color) if one.runs)
    return ", ".join(f"{count} {name}" for name, count in sorted(runs.items()))
