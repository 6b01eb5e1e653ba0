"""Judges all statements of a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from orchestrator.database.decide import Seen, together
from orchestrator.database.findings import Finding, Problem, finding
from orchestrator.database.judge import judge
from orchestrator.database.model import Engine, Phase
from orchestrator.database.ranges import Misfit, ranged
from orchestrator.database.split import Comment, Statement, split
from orchestrator.database.state import State, Step

TryOut = Callable[[Sequence[Statement], Phase], Sequence[Seen]]
"""Runs the statements of a file on a shadow, and returns what was seen, in the order of the statements."""

ALWAYS = {"unfinished", "backfill-range"}
"""Rules that no comment and no operator overrides, because the file cannot run."""
_MARKER = re.compile(r"(?:--|#|/\*)\s*orchestrator\s*:\s*(.*)", re.IGNORECASE | re.DOTALL)
_SAFE = re.compile(r"safe\s+because\b\W*(?=\w)", re.IGNORECASE)


@dataclass(frozen=True)
class Judged:
    """The result for one file.

    + name: name of the file
    + phase: the phase for which the file was judged
    + statements: number of statements
    + findings: all findings in the order of the lines, including the findings that the author has overridden
    """

    name: str
    phase: Phase
    statements: int
    findings: tuple[Finding, ...]

    @property
    def open(self) -> tuple[Finding, ...]:
        """The findings that the author has not overridden."""
        return tuple(one for one in self.findings if not one.reason)


def lint(
    text: str,
    name: str,
    engine: Engine,
    phase: Phase,
    try_out: TryOut | None = None,
    ran: Collection[int] = (),
) -> Judged:
    """Judge the SQL of a file.

    + text: content of the file
    + name: name of the file, for the result
    + try_out: function that runs the statements on a shadow. The lint and the shadow then decide together. None: there
      is no shadow, and only the lint decides
    + ran: indexes, from 0, of the statements that the live database has carried out already. They have no findings, and
      do not run on the shadow
    """
    statements = split(text, engine)
    real = [one for one in statements if one.text]
    state = State(engine, phase)
    problems = [judge(one, state) for one in real]
    for number, problem in _order(state.steps, engine):
        problems[number - 1].append(problem)
    if phase is Phase.BACKFILL and real:
        misfit = ranged(real, engine)
        if isinstance(misfit, Misfit):
            at = next(index for index, one in enumerate(real) if one.line == misfit.line)
            problems[at].append(Problem("backfill-range", misfit.why))
    if state.in_transaction:
        problems[-1].append(Problem("transaction", "no COMMIT"))
    left = [index for index in range(len(real)) if index not in ran]
    problems = [theirs if index in left else [] for index, theirs in enumerate(problems)]
    if try_out is not None and phase is not Phase.CHECK:
        seen = try_out([real[index] for index in left], phase)
        for index, what in zip(left, seen, strict=True):
            problems[index] = together(problems[index], what, real[index].clean, engine, phase)
    found = [*_markers(statements, engine)]
    for one, theirs in zip(real, problems, strict=True):
        reason = reason_of(one)
        made = [finding(problem, one.text, one.line, engine) for problem in theirs]
        found += [each.accepted(reason) if reason and each.rule not in ALWAYS else each for each in made]
    return Judged(name, phase, len(real), tuple(sorted(found, key=lambda one: one.line)))


def reason_of(statement: Statement) -> str:
    """The reason in the comment ``orchestrator: safe because`` before a statement; empty without such a comment."""
    block = _block(statement)
    for index, comment in enumerate(block):
        said = _marker(comment)
        if said is not None and _SAFE.match(said):
            more = [one.text.lstrip("-").strip() for one in block[index + 1 :]]
            return " ".join([_SAFE.sub("", said, count=1).strip(), *more]).strip()
    return ""


def _block(statement: Statement) -> list[Comment]:
    """Return the comments ``-- ...`` that fill the lines directly before a statement."""
    block: list[Comment] = []
    line = statement.line
    for comment in reversed(statement.comments):
        if comment.line != line - 1 or not comment.alone or not comment.text.startswith("--"):
            break
        block.insert(0, comment)
        line = comment.line
    return block if statement.text else []


def _marker(comment: Comment) -> str | None:
    """The text behind ``orchestrator:``; None if the comment is not for the orchestrator."""
    said = _MARKER.match(comment.text)
    return said[1] if said else None


def _markers(statements: Sequence[Statement], engine: Engine) -> Iterator[Finding]:
    """Find comments ``orchestrator: ...`` that have no effect: without a reason, or not directly before a statement."""
    for statement in statements:
        good = [one for one in _block(statement) if _SAFE.match(_marker(one) or "")]
        for comment in (*statement.comments, *statement.inner):
            if _marker(comment) is not None and comment not in good:
                yield finding(Problem("marker", "comment"), comment.text, comment.line, engine)


def _order(steps: Sequence[Step], engine: Engine) -> Iterator[tuple[int, Problem]]:
    """Find contracts that drop a trigger and its column in an order that breaks inserts of the new code."""
    for trigger in (one for one in steps if one.kind == "trigger"):
        for column in (one for one in steps if one.kind == "column"):
            if trigger.table not in ("", column.table):
                continue
            together = engine is Engine.POSTGRES and 0 < trigger.transaction == column.transaction
            before = [one.number for one in steps if one[:3] == ("relax", column.table, column.column)]
            relaxed = any(number < trigger.number for number in before) and trigger.number < column.number
            if not together and not relaxed:
                first = min(trigger.number, column.number)
                yield first, Problem("contract-order", f"column {column.table}.{column.column}")
