"""Compares what a journal knows about a database with what the database itself has noted. Pure.

A run that changes the schema writes a mark into the database, and its own records into the journal. If the database was
restored from a backup, or is another database, the mark is missing. If someone has changed the schema with
``orchestrator db``, there is a mark that the journal does not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from typing_extensions import override

RESOLVED = "resolve"
"""The phase of the mark with which an operator confirms, after a run, that the schema is correct."""
SHOWN = 5
"""The largest number of tables that a message names."""


@dataclass(frozen=True)
class Mark:
    """A mark in the database: a run has changed the schema, or an operator has confirmed the schema.

    + run: name of the run; for ``resolve``, the run that the operator confirms
    + phase: ``expand``, ``contract`` or ``resolve``
    + state: ``started``, ``done`` or ``failed``
    + release: the release for which the schema changed; empty if none was named
    + inventory: the application and inventory of the run; empty for ``orchestrator db``
    + host: the machine of the run
    + at: when the run began (UTC)
    + tables: what ``digests`` of digests.py returned after the run, as JSON; empty if the run did not get so far
    """

    run: str
    phase: str
    state: str
    release: str
    inventory: str
    host: str
    at: str
    tables: str = ""

    @override
    def __str__(self) -> str:
        who = f"inventory {self.inventory}" if self.inventory else f"orchestrator db on {self.host}"
        of = f" of {self.release}" if self.release else ""
        return f"{self.phase}{of} at {self.at} UTC (run {self.run}, {who})"


@dataclass(frozen=True)
class Known:
    """The last run of a journal that has changed the schema.

    + run: name of the run
    + phase: ``expand`` or ``contract``
    + release: the release for which the schema changed
    + at: when the run began (UTC)
    """

    run: str
    phase: str
    release: str
    at: str

    @override
    def __str__(self) -> str:
        return f"{self.phase} of {self.release} (run {self.run}, begun {self.at})"


def last_mark(marks: Sequence[Mark]) -> str | None:
    """Return the line about the last change of the schema; None if the database has no mark."""
    if not marks:
        return None
    return f"last change: {marks[-1]}{'' if marks[-1].state == 'done' else f', {marks[-1].state}'}"


def differs(known: Known | None, marks: Sequence[Mark], inventory: str) -> str | None:
    """Return how the database differs from the journal, and what to do; None if both agree.

    Other inventories may share the database, so a later mark of another inventory is no difference.

    + known: the last run of the journal that has changed the schema; None if the journal has none
    + marks: the marks of the database, oldest first
    + inventory: the application and inventory of the journal
    """
    if known is None:
        return None
    found = [index for index, one in enumerate(marks) if one.run == known.run]
    do = (
        "Compare the schema with your migrations. If the schema is right, run orchestrator db resolve --run"
        f" {known.run}"
    )
    if not found:
        return f"{_missing(known, marks, inventory)}. {do}"
    last = marks[found[-1]]
    if last.phase != RESOLVED and last.state != "done":
        return (
            f"the database was restored from a backup: the journal says that {known} is done, but in the database the"
            f" run has not ended. {do}"
        )
    by_hand = [one for one in marks[found[-1] + 1 :] if not one.inventory and one.phase != RESOLVED]
    if by_hand:
        return f"the schema was migrated by hand after {known}: {', '.join(map(str, by_hand[:SHOWN]))}. {do}"
    return None


def _missing(known: Known, marks: Sequence[Mark], inventory: str) -> str:
    """Say why the mark of the last run of the journal may be missing."""
    ours = [one for one in marks if one.inventory == inventory]
    if ours:
        return f"the database was restored from a backup: it has no mark of {known}. Its last mark is {ours[-1]}"
    others = [one for one in marks if one.inventory]
    if others:
        return f"the database is that of another inventory: it has no mark of {known}. Its last mark is {others[-1]}"
    return f"the database was restored from a backup, or database.url names another database: it has no mark of {known}"


def changed_since(marks: Sequence[Mark], now: str) -> str | None:
    """Return which tables were changed by hand since the last mark; None if none was changed, or if this is unknown.

    New tables do not count, because many applications create tables themselves.

    + now: what ``digests`` of digests.py returns at present
    """
    if not marks or not marks[-1].tables:
        return None
    before, present = _read(marks[-1].tables), _read(now)
    if before.get("form") != present.get("form"):
        return None
    old, new = before.get("tables", {}), present.get("tables", {})
    wrong = sorted(name for name, digest in old.items() if new.get(name) != digest)
    if not wrong:
        return None
    more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    return (
        f"the schema was changed by hand since {marks[-1]}: {', '.join(wrong[:SHOWN])}{more}. Compare the schema with"
        f" your migrations. If the schema is right, run orchestrator db resolve --run {marks[-1].run}"
    )


def _read(text: str) -> Mapping[str, dict[str, str]]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def key(phase: str, name: str, run: str) -> str:
    """Return the name of a command that changes the schema, such as ``expand-20260101T120000000000``.

    + name: the name of the database; empty for the section ``database``
    + run: the text that is different for each run
    """
    return "-".join(word for word in (phase, name, run) if word)
