"""Decides how a run that stopped without a recorded end goes on: from its journal, and by looking at the places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from orchestrator import __version__
from orchestrator.config import Settings
from orchestrator.errors import OrchestratorError, Refused
from orchestrator.journal.history import RunHistory, history_of, unfinished
from orchestrator.journal.store import Record
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Plan, Stage
from orchestrator.run.walk import Ended, Walk
from orchestrator.stages import plan


class OpenRun(NamedTuple):
    """A run that has to be settled, and its plan made anew from its Inputs."""

    history: RunHistory
    inputs: Inputs
    plan: Plan


def open_run(runs: Sequence[Sequence[Record]], now: Settings) -> OpenRun | None:
    """The newest run if it has to be settled, else None.

    + now: the present settings, which have the secrets

    Raises Refused if this version cannot read what another version recorded.
    """
    records = unfinished(runs)
    if records is None:
        return None
    run = history_of(records)
    inputs = _inputs_of(run, now)
    return OpenRun(run, inputs, plan(inputs))


def _inputs_of(run: RunHistory, now: Settings) -> Inputs:
    """Read the recorded Inputs. Raises Refused if another version recorded what this version cannot read."""
    assert run.inputs is not None
    try:
        return Inputs.from_json(run.inputs, now)
    except (OrchestratorError, KeyError, TypeError, ValueError) as error:
        problem = f"{type(error).__name__} {error}" if not isinstance(error, OrchestratorError) else str(error)
        raise Refused(
            f"{run.name} has to be settled first, but orchestrator {__version__} cannot read what orchestrator "
            f"{run.version or '0.1.0'} recorded of it ({problem}): run deploys/abort.py with that version"
        ) from error


def begun_stages(run: RunHistory, whole: Plan) -> list[Stage]:
    """The stages with a recorded intent, in the plan's order.

    A stage that takes over an earlier run's work (``Kind.at_once``) counts as begun once the Inputs are recorded.
    """
    return [stage for stage in whole.until_commit if stage.name in run.begun or stage.kind.at_once]


def shows(stages: Iterable[Stage]) -> bool:
    """Whether these stages or their undos may show output of the application's own commands."""
    return any(step.action.prints for stage in stages for part in (stage, *stage.undo) for step in part.do)


def settle(run: RunHistory, whole: Plan, walk: Walk) -> Ended:
    """Carry a committed run forward; undo any other run. Idempotent, because every stage and undo is idempotent."""
    if run.committed:
        return walk.forward(whole.after_commit)
    reason = OrchestratorError(f"{run.name} stopped without a recorded end")
    return walk.undo(begun_stages(run, whole), reason)


def remaining(run: RunHistory, whole: Plan) -> list[Stage]:
    """The stages that a resumed run still has to do until its commit.

    A stage that changes something and is recorded as done is left out. A stage that only looks is repeated, unless a
    later change has made it meaningless: a color that was started need not be quiet, and 5% of the traffic need not
    be verified once the color has 25%.
    """
    stages = whole.until_commit
    begun = [index for index, stage in enumerate(stages) if stage.kind.changes and stage.name in run.begun]
    last = max(begun, default=-1)

    def is_left(index: int, stage: Stage) -> bool:
        if stage.kind.valid_until:
            # a resumed run has a new number, for which no node is armed any more
            return not any(
                later.kind.name == stage.kind.valid_until and later.weight == stage.weight and later.name in run.done
                for later in stages
            )
        if stage.kind.changes:
            return stage.name not in run.done
        return index > last or stage.kind.standing

    return [stage for index, stage in enumerate(stages) if is_left(index, stage)]
