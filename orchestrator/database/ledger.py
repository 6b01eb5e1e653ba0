"""Decide which steps of the SQL files run next, from the steps that have run. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.database.files import Change, File, checksum
from orchestrator.database.model import Engine, Phase
from orchestrator.database.split import Statement
from orchestrator.errors import Refused

_SETTING = re.compile(r"SET\b(?!\s+(?:STATEMENT\b|PASSWORD|DEFAULT\s+ROLE|GLOBAL|PERSIST|@@))", re.IGNORECASE)
_BEGIN = re.compile(r"(?:BEGIN|START\s+TRANSACTION)\b(?!\s+NOT\b)[^;]*", re.IGNORECASE)
_COMMIT = re.compile(r"(?:COMMIT|END)(?:\s+(?:WORK|TRANSACTION))?", re.IGNORECASE)
_CONTROL = re.compile(
    r"(?:BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION|LOCK\s+TABLES"
    r"|UNLOCK\s+TABLES|SET\s+(?:SESSION\s+)?autocommit|XA)\b",
    re.IGNORECASE,
)
_ALONE = re.compile(
    r"(?:CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY|DROP\s+INDEX\s+CONCURRENTLY|REINDEX\b.*\bCONCURRENTLY"
    r"|ALTER\s+TABLE\b.*\bDETACH\s+PARTITION\b.*\bCONCURRENTLY|VACUUM|CLUSTER\s*$|ALTER\s+SYSTEM"
    r"|(?:CREATE|DROP)\s+(?:DATABASE|TABLESPACE|SUBSCRIPTION))\b",
    re.IGNORECASE | re.DOTALL,
)
_TABLES = re.compile(
    r"\b(?:TABLE|ON|INTO|UPDATE|FROM|JOIN|REFERENCES|TRUNCATE)\s+(?:IF\s+EXISTS\s+|ONLY\s+)*([\w.\"`]+)", re.IGNORECASE
)
_OBJECTS = re.compile(
    r"\b(?:VIEW|FUNCTION|PROCEDURE|TRIGGER|TYPE|DOMAIN|SEQUENCE)\s+(?:IF\s+EXISTS\s+)?([\w.\"`]+)", re.IGNORECASE
)


class State(StrEnum):
    """The state of a step, as the ledger records it.

    + STARTED: the statement was sent to the server, and its result is not noted
    + FAILED: the server did not carry out the statement
    """

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Row:
    """A row of the ledger: a step, which is a statement of a file.

    + step: number of the statement in its file, from 1
    + steps: the number of steps that the file had when the step ran
    + checksum: checksum of the statement
    + release: the release for which the step ran; empty if none was named
    + run: name of the run
    + host: the machine of the run
    + at: when the step began (UTC)
    """

    change: str
    phase: Phase
    step: int
    steps: int
    checksum: str
    statement: str
    state: State
    release: str = ""
    run: str = ""
    host: str = ""
    at: str = ""
    error: str = ""

    @property
    def where(self) -> str:
        """The step in messages."""
        return f"step {self.step} of {self.change}.{self.phase}.sql"


@dataclass(frozen=True)
class Step:
    """A statement that is to run.

    + number: number of the step in its file, from 1
    + settings: the SET statements before the statement in its file. A session runs them once before the statement
    + group: steps of the same group run in one transaction; None if the step cannot run in a transaction
    """

    number: int
    statement: str
    settings: tuple[str, ...]
    group: int | None


@dataclass(frozen=True)
class Work:
    """The steps of a file that are to run.

    + steps: the steps that are not done
    + total: the number of all steps of the file
    """

    file: File
    steps: tuple[Step, ...]
    total: int


def steps_of(file: File, engine: Engine) -> list[Step]:
    """Divide a file into steps: each statement is a step, but not SET, BEGIN and COMMIT.

    Some statements of PostgreSQL cannot run in a transaction. The steps between two such statements are a group. Raises
    Refused if the file has other statements that control transactions: only BEGIN and COMMIT are permitted, and only in
    PostgreSQL.
    """
    found: list[Step] = []
    settings: list[str] = []
    group = 0
    for one in file.statements(engine):
        if _SETTING.match(one.bare) and not _CONTROL.match(one.bare):
            settings.append(one.text)
        elif _CONTROL.match(one.bare):
            _check_control(one, file, engine)
        else:
            alone = engine is not Engine.POSTGRES or _ALONE.match(one.bare.strip()) is not None
            group += alone
            found.append(Step(len(found) + 1, one.text, tuple(settings), None if alone else group))
    return found


def ran(work: Work, engine: Engine) -> frozenset[int]:
    """Return which statements of a file have run, as indexes (from 0) into the list of ``File.statements``."""
    left = {one.number for one in work.steps}
    own = [
        index
        for index, one in enumerate(work.file.statements(engine))
        if not _CONTROL.match(one.bare) and not _SETTING.match(one.bare)
    ]
    return frozenset(index for number, index in enumerate(own, start=1) if number not in left)


def _check_control(statement: Statement, file: File, engine: Engine) -> None:
    plain = _BEGIN.fullmatch(statement.bare.strip()) or _COMMIT.fullmatch(statement.bare.strip())
    if engine is Engine.POSTGRES and plain:
        return
    why = (
        "the statements of a file already run in one transaction"
        if engine is Engine.POSTGRES
        else f"{engine} commits at each change of the schema"
    )
    raise Refused(f"{file.name}:{statement.line}: remove {statement.text.split()[0]}, because {why}")


def work(changes: Sequence[Change], rows: Iterable[Row], phase: Phase, engine: Engine) -> list[Work]:
    """Return what is to run in a phase, in the order of the numbers.

    Raises Refused if a step has no result, if a statement was edited after it ran, or, for contract, if the expand of
    the same change is not done. The message names the file.
    """
    known = _by_file(rows)
    refuse_unclear(known)
    edited = [
        problem
        for change in changes
        for file in change.files.values()
        if (problem := _edited(file, known.get((file.change, file.phase), {}), engine))
    ]
    if edited:
        raise Refused("\n".join(edited))
    found = []
    for change in changes:
        file = change.files.get(phase)
        if file is None:
            continue
        pending = _pending(file, known, engine)
        if pending.steps:
            expand = change.files.get(Phase.EXPAND)
            if phase is Phase.CONTRACT and expand and _pending(expand, known, engine).steps:
                raise Refused(f"{file.name} cannot run, because {expand.name} is not done: run db expand first")
            found.append(pending)
    return found


def refuse_unclear(known: Mapping[tuple[str, Phase], Mapping[int, Row]]) -> None:
    """Raise Refused if a step was started and has no result."""
    for row in (row for rows in known.values() for row in rows.values() if row.state is State.STARTED):
        raise Refused(
            f"{row.where} was started by run {row.run} from {row.host} at {row.at} UTC and has no result: look in the"
            f' database whether the server has carried out "{" ".join(row.statement.split())[:200]}". If so, run'
            " orchestrator db resolve --done, and otherwise orchestrator db resolve --retry"
        )


def refuse_earlier(
    earlier: Sequence[Change], works: Sequence[Work], defer: bool, engine: Engine, do: str, or_else: str = ""
) -> None:
    """Raise Refused if the contract of an earlier release must run before ``works``, which are of the phase expand.

    + earlier: the changes of earlier releases whose contract is pending
    + defer: accept contracts that change no table of ``works``
    + do: advice for the operator, at the end of the message
    + or_else: more advice, about ``defer``
    """
    text = " ".join(step.statement for work in works for step in work.steps).lower()
    for change in earlier if works else ():
        contract = change.files[Phase.CONTRACT]
        if not defer:
            raise Refused(f"{contract.name} is pending, and belongs to an earlier release: {do}{or_else}")
        names = _changed(change, engine)
        common = sorted(name for name in names if re.search(rf"\b{re.escape(name)}\b", text))
        if common or not names:
            raise Refused(
                f"{contract.name} is pending and changes the same tables ({', '.join(common) or 'unknown'}) as the new"
                f" files: {do}"
            )


def pending(
    changes: Sequence[Change], rows: Iterable[Row], engine: Engine, release: str = "", live: bool = False
) -> list[Change]:
    """Return the changes whose expand is done, and whose contract is not.

    + release: if this release itself has expanded a change, the change does not count; empty to count all changes
    + live: whether the changes are those of the live release. If True, a change without an expand file counts. If
      False, such a change does not count, because it may belong to the release that is to come
    """
    known = _by_file(rows)
    found = []
    for change in changes:
        contract, expand = change.files.get(Phase.CONTRACT), change.files.get(Phase.EXPAND)
        expanded = known.get((change.name, Phase.EXPAND), {})
        if contract is None or not _pending(contract, known, engine).steps:
            continue
        done = live if expand is None else bool(expanded) and not _pending(expand, known, engine).steps
        if done and not (release and expanded and all(row.release == release for row in expanded.values())):
            found.append(change)
    return found


def _changed(change: Change, engine: Engine) -> set[str]:
    """Return the names of the tables and other objects that the contract of a change changes; empty if unknown.

    A statement such as DROP TRIGGER of MariaDB names no table. Then the tables of the expand file count, because that
    file has made the trigger.
    """
    texts = [step.statement for step in steps_of(change.files[Phase.CONTRACT], engine)]
    silent = not all(_TABLES.search(text) for text in texts)
    expand = change.files.get(Phase.EXPAND)
    more = tables(expand, engine) if silent and expand else set()
    if silent and not more:
        return set()
    objects = {_bare(name) for text in texts for name in _OBJECTS.findall(text)}
    return tables(change.files[Phase.CONTRACT], engine) | more | objects


def complete(change: Change, phase: Phase, rows: Iterable[Row], engine: Engine) -> bool:
    """Whether all steps of a file of a change are done."""
    return not _pending(change.files[phase], _by_file(rows), engine).steps


def tables(file: File, engine: Engine) -> set[str]:
    """Names that may be tables in a file."""
    texts = (step.statement for step in steps_of(file, engine))
    return {_bare(name) for text in texts for name in _TABLES.findall(text)}


def _bare(name: str) -> str:
    """Return the name of an object without its schema and without quotes."""
    return name.strip('"`').split(".")[-1].strip('"`').lower()


def _by_file(rows: Iterable[Row]) -> dict[tuple[str, Phase], dict[int, Row]]:
    found: dict[tuple[str, Phase], dict[int, Row]] = {}
    for row in rows:
        found.setdefault((row.change, row.phase), {})[row.step] = row
    return found


def _pending(file: File, known: Mapping[tuple[str, Phase], Mapping[int, Row]], engine: Engine) -> Work:
    steps, rows = steps_of(file, engine), known.get((file.change, file.phase), {})
    pending = tuple(one for one in steps if one.number not in rows or rows[one.number].state is not State.DONE)
    return Work(file, pending, len(steps))


def _edited(file: File, rows: Mapping[int, Row], engine: Engine) -> str:
    """The message for a file that was edited after one of its statements ran; empty if the file was not edited."""
    done = {number: row for number, row in rows.items() if row.state is State.DONE}
    if not done:
        return ""
    steps = {one.number: one for one in steps_of(file, engine)}
    for number, row in done.items():
        if number not in steps or checksum(steps[number].statement) != row.checksum:
            return (
                f"{file.name} was edited after its step {number} ran ({row.at} UTC): undo the edit, and add a new file"
            )
    complete = any(number == row.steps for number, row in done.items()) and all(
        number in done for number in range(1, max(done) + 1)
    )
    if complete and len(steps) != max(done):
        return f"{file.name} was edited after it ran: undo the edit, and put the new statements into a new file"
    return ""


def summary(change: Change, rows: Iterable[Row], engine: Engine) -> dict[Phase, str]:
    """The state of each file of a change, for the operator: ``done``, ``pending``, ``2 of 3 steps done``, ..."""
    known = _by_file(rows)
    found = {}
    for phase, file in change.files.items():
        theirs, total = known.get((change.name, phase), {}), len(steps_of(file, engine))
        done = sum(row.state is State.DONE for row in theirs.values())
        bad = next((row for row in theirs.values() if row.state is not State.DONE), None)
        word = "done" if total and done >= total else f"{done} of {total} steps done" if done else "pending"
        if bad is not None:
            how = "failed" if bad.state is State.FAILED else "was started and has no result"
            word += f", step {bad.step} {how}{f' ({bad.error})' if bad.error else ''}"
        if _edited(file, theirs, engine):
            word += ", edited since"
        found[phase] = "" if phase in (Phase.CHECK, Phase.BACKFILL) else word
    return found
