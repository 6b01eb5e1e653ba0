"""Settles a run that stopped before its end: completes the run if it was committed, otherwise undoes the run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from orchestrator import __version__
from orchestrator.config import Settings
from orchestrator.errors import OrchestratorError, Unreadable
from orchestrator.journal.history import RunHistory, history_of, unfinished
from orchestrator.journal.store import Record
from orchestrator.plan.chains import chains
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Plan, Stage
from orchestrator.run.walk import Ended, Walk
from orchestrator.stages import plan


class OpenRun(NamedTuple):
    """A run that has to be settled, which means completed or undone.

    + history: the journal's records of the run
    + inputs: the Inputs that the run recorded
    + plan: the plan that is made from these Inputs
    """

    history: RunHistory
    inputs: Inputs
    plan: Plan


def open_run(runs: Sequence[Sequence[Record]], now: Settings) -> OpenRun | None:
    """Return the newest run if it has to be settled, else None.

    + runs: the records of each run in the journal, oldest run first
    + now: the present settings, which supply the secrets that the journal does not hold

    Raises Unreadable if this version of the tool cannot read the recorded Inputs, because another version recorded them
    or because the journal is damaged.
    """
    records = unfinished(runs)
    if records is None:
        return None
    run = history_of(records)
    assert run.inputs is not None
    try:
        inputs = Inputs.from_json(run.inputs, now)
        return OpenRun(run, inputs, plan(inputs))
    except Exception as error:
        # the data of a damaged journal may have any shape
        problem = f"{type(error).__name__} {error}" if not isinstance(error, OrchestratorError) else str(error)
        raise _unreadable(run, " ".join(problem.split())) from error


def _unreadable(run: RunHistory, problem: str) -> Unreadable:
    """Return the error about a run that has to be settled, but whose record cannot be read.

    + problem: one line that says what cannot be read
    """
    if run.version == __version__:
        what, ways = "the record of that run is damaged", "run "
    else:
        what = f"orchestrator {__version__} cannot read what {run.written_by} recorded of that run"
        ways = "run deploys/abort.py with that version, or "
    return Unreadable(
        f"{run.name} must be settled first, but {what} ({problem}): {ways}deploys/rollback.py, which continues without "
        "settling that run",
        run.name,
        "" if run.committed else str((run.inputs or {}).get("release", "")),
    )


def begun_stages(run: RunHistory, whole: Plan) -> list[Stage]:
    """Return the begun stages of a run, in the plan's order. Stages after the commit are not included.

    A stage has begun if the journal has the record that a run writes before the stage (the intent). If the kind of a
    stage has ``at_once``, the stage counts as begun as soon as the Inputs are recorded.
    """
    return [stage for stage in whole.until_commit if stage.name in run.begun or stage.kind.at_once]


def shows(stages: Iterable[Stage]) -> bool:
    """Return whether an error in these stages, or in their undos, may contain output of the application's commands."""
    return any(step.action.prints for stage in stages for part in (stage, *stage.undo) for step in part.do)


def settle(run: RunHistory, whole: Plan, walk: Walk) -> Ended:
    """Complete the run if it was committed, otherwise undo the run. Return how the walk along the plan ended.

    A second call does no harm, because every stage and every undo is idempotent.

    + whole: the plan of the run
    """
    if run.committed:
        return walk.forward(whole.after_commit)
    what = f"waited {run.waits}, and is aborted" if run.paused else "stopped before its end"
    reason = OrchestratorError(f"{run.name} {what}")
    return walk.undo(begun_stages(run, whole), reason)


def remaining(run: RunHistory, whole: Plan) -> list[Stage]:
    """Return the stages that a resumed run still has to perform before its commit.

    A stage that changes something is left out if the journal records the stage as done. A stage that only checks is
    left out if a stage of a later chain that changes something has begun, because the check is no longer needed. For
    example, `quiet` checks that a color has no requests. After the color was started, this check is not needed any
    more. If a stage of the same chain that changes something has begun, a check is left out only if it is done.

    There are two exceptions:

    * A stage that only checks is always repeated if its kind has ``standing``.
    * If the kind of a stage has ``valid_until``, which is the name of a later stage, the stage is repeated until the
      later stage is done.
    """
    stages = whole.until_commit
    # all stages of a chain begin together, so a check of the same chain may not have ended
    numbered = [(number, stage) for number, chain in enumerate(chains(stages)) for stage in chain]
    begun = [number for number, stage in numbered if stage.kind.changes and stage.name in run.begun]
    last = max(begun, default=-1)

    def is_left(number: int, stage: Stage) -> bool:
        if stage.kind.valid_until:
            # a resumed run has a new number, but the nodes were armed for the old number: arm the nodes again
            return not any(
                later.kind.name == stage.kind.valid_until and later.weight == stage.weight and later.name in run.done
                for later in stages
            )
        if stage.kind.changes:
            return stage.name not in run.done
        return number > last or (number == last and stage.name not in run.done) or stage.kind.standing

    return [stage for number, stage in numbered if is_left(number, stage)]
