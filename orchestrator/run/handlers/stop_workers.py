"""The handler of the action `stop workers`, which tells workers to end, and waits until they have ended."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.config.worker import FINISH, OVER, Worker
from orchestrator.facts.workers import WorkerKey, WorkerProcess
from orchestrator.operations.stop_workers import stop_workers
from orchestrator.plan.steps import Step
from orchestrator.run.handler import INTERVAL, Call, OperationHandler
from orchestrator.run.walk import WARNING
from orchestrator.stages.workers import StopWorkers
from orchestrator.survey import workers_at


class StopWorkersHandler(OperationHandler[StopWorkers]):
    """Tells the workers to end, with ``operations/stop_workers.py``. Then looks until no process is left.

    systemd itself waits for the processes, and kills them if the setting ``workers.over`` says so. Therefore the
    workers end in the same way if the operator's machine dies meanwhile.
    """

    @classmethod
    @override
    def call(cls, step: Step[StopWorkers], settings: Settings) -> Call:
        action, node = step.action, settings.node
        arguments = {"root": node.root, "colors": action.colors, "program": node.workers}
        return Call(stop_workers, {**arguments, "keep": action.keep})

    @override
    def at_host(self, host: Host, step: Step[StopWorkers], undoing: bool) -> str:
        action = step.action
        if not action.keep and not workers_at(self.fleet, host).of(*action.colors):
            return ""
        super().at_host(host, step, undoing)
        told: dict[WorkerKey, WorkerProcess] = {}
        while action.waits:
            processes = workers_at(self.fleet, host).of(*action.colors)
            told |= {one.key: one for one in processes if not one.ended}
            if not blocking(processes, self.settings.workers, undoing):
                return "\n".join(report(told, processes, self.settings.workers))
            time.sleep(INTERVAL)
        return ""


def blocking(
    processes: Sequence[WorkerProcess], workers: Sequence[Worker], undoing: bool = False
) -> list[WorkerProcess]:
    """Return the processes for which a run still has to wait. Pure.

    + processes: the processes of the colors whose workers were told to end
    + workers: the settings of the workers
    + undoing: whether the run is being undone. An undo never waits longer than ``finish`` for a job
    """
    found = []
    for one in processes:
        finish, over = _ends(one, workers)
        leaves = over == "leave" or (undoing and over == "wait")
        if not one.ended and not (leaves and one.told >= finish):
            found.append(one)
    return found


def report(
    told: dict[WorkerKey, WorkerProcess], processes: Sequence[WorkerProcess], workers: Sequence[Worker]
) -> list[str]:
    """Return the lines of the report about processes that were told to end. Pure.

    + told: the processes that ran after the command, as they were seen last
    + processes: the processes now
    """
    now = {one.key: one for one in processes}
    lines = [f"ended: {len(told)}"] if told and not any(not one.ended for one in processes) else []
    for key, last in told.items():
        finish, over = _ends(last, workers)
        one = now.get(key)
        what = f"{last.label} (process {last.pid}, release {last.release or 'unknown'})"
        if one is not None and not one.ended:
            lines.append(f"{WARNING}{what} still finishes a job {one.told} s after it was told to end, and is left")
        elif one is not None and one.result == "timeout":
            lines.append(f"{WARNING}{what} did not end within {finish:g} s, and was killed")
        elif over == "wait" and last.told > finish:
            lines.append(f"{WARNING}{what} ended {last.told} s after it was told to end, later than {finish:g} s")
    return lines


def _ends(process: WorkerProcess, workers: Sequence[Worker]) -> tuple[float, str]:
    """Return the settings ``finish`` (seconds) and ``over`` of a process's worker."""
    worker = next((one for one in workers if one.name == process.name), None)
    return (worker.finish, worker.over) if worker else (FINISH, OVER)
