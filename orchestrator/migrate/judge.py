"""Judges the SQL files that a run is about to run, with the lint and with a shadow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from orchestrator.database.accept import accepted
from orchestrator.database.ledger import Work, ran
from orchestrator.database.lint import Judged, lint
from orchestrator.database.model import Engine
from orchestrator.database.render import block, overridden, summary
from orchestrator.engines.shadow import Shadow
from orchestrator.engines.trial import Trial
from orchestrator.errors import CommandFailed

LONGEST = 400
"""The largest number of lines of a message with findings."""


class FilesRefused(CommandFailed):
    """The check of SQL files has findings. ``output`` has some lines for each finding."""

    def __init__(self, message: str, lines: Sequence[str]) -> None:
        super().__init__(message)
        cut = len(lines) - LONGEST
        self.output = (*lines[:LONGEST], *([f"... and {cut} more lines: orchestrator db lint shows all"] * (cut > 0)))


@dataclass(frozen=True)
class Accept:
    """The findings that the operator of a run accepts.

    + ids: ids of findings
    + reason: why the operator accepts the findings; empty if ``ids`` is empty
    """

    ids: tuple[str, ...] = ()
    reason: str = ""


def judge(
    works: Sequence[Work], engine: Engine, shadow: Callable[[], AbstractContextManager[Shadow]] | None, accept: Accept
) -> list[Judged]:
    """Judge the files that are to run. Statements that have run are not judged again.

    Raises UsageError if ``accept`` names no finding, and the errors of ``shadow``.

    + shadow: makes an empty copy of the schema; None for the lint alone, because MySQL has no shadow
    """
    if not works:
        return list(accepted([], accept.ids, accept.reason))
    if shadow is None:
        judged = [_one(work, engine, None) for work in works]
    else:
        with shadow() as made:
            trial = Trial(made)
            judged = [_one(work, engine, trial) for work in works]
    return accepted(judged, accept.ids, accept.reason)


def _one(work: Work, engine: Engine, trial: Trial | None) -> Judged:
    file = work.file
    return lint(file.text, file.name, engine, file.phase, trial.run if trial else None, ran(work, engine))


def verdict(judged: Sequence[Judged]) -> list[str]:
    """Return the lines about files that may run: a summary, and each finding that is overridden, with its reason.

    Raises FilesRefused if a finding is not overridden.
    """
    lines = [line for file in judged for one in file.open for line in block(file, one)]
    if lines:
        raise FilesRefused(
            f"{summary(judged)}: the statements would break or block the live release, or it is unknown whether they "
            "would. Change the files as the findings say. If a statement is safe, write a comment with the reason "
            'before the statement, or repeat the command with --data accept=FINDING --data reason="WHY"',
            lines,
        )
    over = [overridden(file, one) for file in judged for one in file.findings if one.reason]
    return [summary(judged) if judged else "no file is to run", *over]
