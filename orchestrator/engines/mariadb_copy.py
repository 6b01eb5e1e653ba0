"""Copies the schema of a database of MariaDB, by SHOW CREATE.

The program mariadb-dump would have to be on the machine, and would need the privilege to create objects in the name of
other users (DEFINER). SHOW CREATE needs neither: the user of the shadow becomes the owner of all objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.database.reach import names
from orchestrator.engines.base import Connection
from orchestrator.engines.mariadb_catalog import quoted
from orchestrator.errors import Refused, StatementFailed

_DEFINER = re.compile(r"\sDEFINER\s*=\s*`(?:[^`]|``)*`@`(?:[^`]|``)*`", re.IGNORECASE)
_COUNTER = re.compile(r"\sAUTO_INCREMENT=\d+")


@dataclass(frozen=True)
class _Object:
    """An object and the statement that creates the object. ``mode`` is the sql_mode for the statement, if any."""

    title: str
    statement: str
    mode: str = ""


def fill(inside: Connection, live: Connection) -> None:
    """Copy the schema of ``live`` into the empty database ``inside``.

    Events are not copied, because they would run. Triggers and routines that name another database are not copied,
    because the shadow must not change that database.

    Raises Refused if a table or view refers to another database, or if the user may not create an object.
    """
    others = [str(name) for (name,) in live.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")]
    tables, views = _tables(live), _views(live)
    code = [one for one in _code(live) if not any(names(one.statement, name) for name in others)]
    for one in (*tables, *views):
        named = [name for name in others if names(one.statement, name)]
        if named and not (one in views and named == [live.url.database]):
            raise Refused(
                f"{one.title} of {live.url} refers to the database {named[0]}, so statements on the shadow could change"
                f" {named[0]}: with --shadow-server, name another server that has a copy of {named[0]}"
            )
    [[before]] = inside.query("SELECT @@sql_mode")
    inside.execute("SET foreign_key_checks = 0")
    inside.execute("SET sql_mode = 'NO_ENGINE_SUBSTITUTION'")
    _make(inside, tables, live)
    _make(inside, [one for one in code if one.title.startswith("function")], live)
    _make(inside, [_here(one, live.url.database) for one in views], live)
    _make(inside, [one for one in code if not one.title.startswith("function")], live)
    inside.query("SET sql_mode = %s", (before,))
    inside.execute("SET foreign_key_checks = 1")


def _here(view: _Object, database: str) -> _Object:
    """The same view without the name of the live database, so that the view reads the tables of the shadow."""
    text = re.sub(rf"`{re.escape(database)}`\.", "", view.statement)
    return _Object(view.title, text)


def _make(inside: Connection, objects: Sequence[_Object], live: Connection) -> None:
    """Create objects. If an object needs an object that is still missing, it is tried again later."""
    left = list(objects)
    while left:
        failed: list[tuple[_Object, StatementFailed]] = []
        for one in left:
            try:
                if one.mode:
                    inside.query("SET sql_mode = %s", (one.mode,))
                inside.execute(one.statement)
            except StatementFailed as error:
                failed.append((one, error))
        if len(failed) == len(left):
            first, why = failed[0]
            raise Refused(
                f"the shadow of {live.url} cannot have {first.title} ({why}): name another server with --shadow-server"
            )
        left = [one for one, _ in failed]


def _tables(live: Connection) -> list[_Object]:
    found = []
    for name, kind in live.query(
        "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
        " AND TABLE_TYPE NOT IN ('VIEW', 'SYSTEM VIEW') ORDER BY TABLE_TYPE DESC, TABLE_NAME"
    ):
        what = "SEQUENCE" if kind == "SEQUENCE" else "TABLE"
        [[_, text]] = live.query(f"SHOW CREATE {what} {quoted(name)}")
        found.append(_Object(f"{what.lower()} {name}", _COUNTER.sub("", str(text))))
    return found


def _views(live: Connection) -> list[_Object]:
    found = []
    for (name,) in live.query("SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()"):
        [row] = live.query(f"SHOW CREATE VIEW {quoted(name)}")
        found.append(_Object(f"view {name}", _DEFINER.sub("", str(row[1]), count=1)))
    return found


def _code(live: Connection) -> list[_Object]:
    return [*_routines(live), *_triggers(live)]


def _routines(live: Connection) -> Iterator[_Object]:
    for kind, name in live.query(
        "SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()"
    ):
        [row] = live.query(f"SHOW CREATE {kind} {quoted(name)}")
        if row[2] is None:
            raise Refused(f"the user of {live.url} may not read the {kind.lower()} {name}: grant SHOW CREATE ROUTINE")
        yield _Object(f"{kind.lower()} {name}", _DEFINER.sub("", str(row[2]), count=1), str(row[1]))


def _triggers(live: Connection) -> Iterator[_Object]:
    for (name,) in live.query(
        "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY ACTION_ORDER"
    ):
        [row] = live.query(f"SHOW CREATE TRIGGER {quoted(name)}")
        yield _Object(f"trigger {name}", _DEFINER.sub("", str(row[2]), count=1), str(row[1]))
