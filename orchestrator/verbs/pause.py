"""Check the pauses of a plan. At a pause, a run stops and waits for the operator."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.errors import Refused, UsageError
from orchestrator.journal.history import RunHistory, history_of, unfinished
from orchestrator.journal.records import Json
from orchestrator.plan.steps import Plan


def check_pause(whole: Plan, until: str, after: str = "") -> None:
    """Raise UsageError if the plan has no pause ``until``, or if the run has already passed that pause.

    + whole: the plan of the run
    + until: the value of ``--data until=``; empty for no pause
    + after: the pause at which the run waits now; empty if the run has not begun
    """
    left = whole.pauses[whole.pauses.index(after) + 1 :] if after else whole.pauses
    if until and until not in left:
        where = f"the run can stop at {', '.join(left)}" if left else "the run has passed every pause"
        raise UsageError(f"--data until={until}: the run cannot stop at {until}; {where}")


def refuse_paused(run: RunHistory, unjournaled: bool = False) -> None:
    """Raise Refused if the run is paused. Only the verbs `promote` and `abort` may end a pause.

    + unjournaled: whether the refused run does without lock and journal, because they do not work
    """
    if run.paused and unjournaled:
        raise Refused(f"{run.name} waits ({run.paused}): deploys/abort.py --data journal=off undoes the release")
    if run.paused:
        raise Refused(
            f"{run.name} waits ({run.paused}): deploys/promote.py continues the release, "
            "deploys/abort.py undoes the release"
        )


def refuse_open(runs: Sequence[Sequence[Json]]) -> None:
    """Raise Refused if a run is paused, or if a run stopped before its end.

    Only verbs that do not settle an earlier run call this function.

    + runs: the records of each run in the journal, oldest run first
    """
    records = unfinished(runs)
    if records is None:
        return
    run = history_of(records)
    refuse_paused(run)
    raise Refused(
        f"{run.name} stopped before its end: complete that run with deploys/resume.py, or undo that run with "
        "deploys/abort.py, and then run this command again; nothing was changed"
    )
