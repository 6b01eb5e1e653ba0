"""This package has one function for each verb. A verb is a command for the fleet, such as ``release``.

The file ``deploys/VERB.py`` and the console command ``orchestrator VERB`` run the function of the verb. Related verbs
share a module.
"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.fleet import Fleet
from orchestrator.options import Options
from orchestrator.verbs.asked import asked
from orchestrator.verbs.bound import Approved
from orchestrator.verbs.exec import run_command
from orchestrator.verbs.maintenance import maintenance
from orchestrator.verbs.provision import provision
from orchestrator.verbs.recover import abort, promote, resume
from orchestrator.verbs.release import code, contract, inputs, join, release, rollback
from orchestrator.verbs.remove import remove, show_removal
from orchestrator.verbs.schedule import schedule
from orchestrator.verbs.show import show_for_approval, show_plan
from orchestrator.verbs.status import show_status
from orchestrator.verbs.task import confirm, run_task, show_tasks, task_of
from orchestrator.verbs.unlock import show_lock, unlock

__all__ = [
    "PLANNED",
    "VERBS",
    "Approved",
    "abort",
    "asked",
    "code",
    "confirm",
    "contract",
    "inputs",
    "join",
    "maintenance",
    "promote",
    "provision",
    "release",
    "remove",
    "resume",
    "rollback",
    "show_for_approval",
    "show_lock",
    "show_plan",
    "show_removal",
    "show_status",
    "task_of",
    "unlock",
]

PLANNED: dict[str, Callable[[Fleet, Options, Approved | None], int]] = {
    "release": release,
    "code": code,
    "rollback": rollback,
    "join": join,
    "contract": contract,
    "provision": provision,
}
"""Verb -> function that executes the verb, for the verbs whose plan is shown for approval before the run.

The third argument of a function is the approved plan, or None without approval. If the plan of the run differs from the
approved plan, the function refuses the run.
"""

VERBS: dict[str, Callable[[Fleet, Options], int]] = {
    "release": release,
    "code": code,
    "rollback": rollback,
    "join": join,
    "contract": contract,
    "promote": promote,
    "resume": resume,
    "abort": abort,
    "unlock": unlock,
    "schedule": schedule,
    "exec": run_command,
    "maintenance": maintenance,
    "status": show_status,
    "task": run_task,
    "tasks": show_tasks,
    "provision": provision,
    "remove": remove,
}
"""Verb -> function that executes the verb.

The arguments of a function are the fleet and the options. The result is the exit status (docs/exit-codes.md).
"""
