"""Judges the SQL files or the command with which a run is about to change the schema, with lint and shadow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from orchestrator.database.accept import accepted
from orchestrator.database.findings import Problem, finding_of_command
from orchestrator.database.ledger import Work, ran
from orchestrator.database.lint import Judged, lint
from orchestrator.database.model import Engine, Phase
from orchestrator.database.render import block, count, overridden, summary
from orchestrator.engines.shadow import Shadow
from orchestrator.engines.trial import Trial
from orchestrator.errors import CommandFailed

LONGEST = 400
"""The largest number of lines of a message with findings."""


class FilesRefused(CommandFailed):
    """The check of SQL files, or of a command, has findings. ``output`` has some lines for each finding.

    + hint: what to do to see more than LONGEST lines
    """

    def __init__(self, message: str, lines: Sequence[str], hint: str = ": orchestrator db lint shows all") -> None:
        super().__init__(message)
        cut = len(lines) - LONGEST
        self.output = (*lines[:LONGEST], *([f"... and {cut} more lines{hint}"] * (cut > 0)))


@dataclass(frozen=True)
class Command:
    """A command of the application that changes the schema.

    + text: the shell command
    + setting: the setting that has the command, such as ``database.migrate.expand``
    + database: the name of the database; empty for the section ``database``
    """

    text: str
    setting: str = "database.migrate.expand"
    database: str = ""


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


def verdict(judged: Sequence[Judged], database: str = "") -> list[str]:
    """Return the lines about files that may run: a summary, and each finding that is overridden, with its reason.

    Raises FilesRefused if a finding is not overridden.

    + database: the name of the database; empty for the section ``database``
    """
    lines = [line for file in judged for one in file.open for line in block(file, one)]
    if lines:
        raise FilesRefused(
            f"{summary(judged)}: the statements would break or block the live release, or it is unknown whether they "
            "would. Change the files as the findings say. If a statement is safe, write a comment with the reason "
            f"before the statement, or repeat the command with {_repeat(database)}",
            lines,
        )
    over = [overridden(file, one) for file in judged for one in file.findings if one.reason]
    return [summary(judged) if judged else "no file is to run", *over]


def judge_command(command: Command, engine: Engine, problems: Sequence[Problem], accept: Accept) -> Judged:
    """Judge a command of the phase ``expand`` by the problems that were seen on a shadow.

    Raises UsageError if ``accept`` names no finding.
    """
    findings = tuple(finding_of_command(one, command.text, engine) for one in problems)
    [judged] = accepted([Judged(command.setting, Phase.EXPAND, 1, findings)], accept.ids, accept.reason)
    return judged


def verdict_of_command(judged: Judged, command: Command, output: Sequence[str]) -> list[str]:
    """Return the lines about a command that may run: a summary, and each finding that is overridden, with its reason.

    Raises FilesRefused if a finding is not overridden.

    + output: the last lines of a command that has failed; empty if the command has succeeded
    """
    if judged.open:
        lines = [line for one in judged.open for line in block(judged, one)]
        if output:
            lines += ["the last lines of the command:", *(f"    {line}" for line in output)]
        raise FilesRefused(
            f"{judged.name}: {count(len(judged.open), 'finding')}: the command would break or block the live release, "
            "or it is unknown whether the command would. Nothing has changed in the database. Change the migrations as "
            f"the findings say. If a change is safe, repeat the command with {_repeat(command.database)}",
            lines,
            "",
        )
    over = [overridden(judged, one) for one in judged.findings]
    return [f"the command ran on a copy of the schema: {count(len(over), 'finding')}", *over]


def _repeat(database: str) -> str:
    """Return the options with which an operator accepts a finding at a database."""
    return f'--data accept={f"{database}:" if database else ""}FINDING --data reason="WHY"'
