"""Decides from two schemas of MariaDB whether the server may have copied a table, if the statements are not known."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.database.catalog import Catalog, Column, Table
from orchestrator.database.findings import Problem

_TEXT = re.compile(r"varchar\((\d+)\)", re.IGNORECASE)
_CONSTANT = re.compile(r"-?[\d.]+|'(?:[^'\\]|''|\\.)*'|b'[01]*'|(?:current_timestamp|curdate)\(\d*\)", re.IGNORECASE)
_BYTES = {"utf8mb4": 4, "utf8mb3": 3, "utf8": 3, "ucs2": 2, "utf16": 4, "utf32": 4}
_SHORT = 255
"""Bytes of the longest text of which InnoDB stores the length in one byte."""


def copies(before: Catalog, after: Catalog) -> tuple[Problem, ...]:
    """Return a problem for each table of ``before`` that the server may have copied, or on which it blocked writes."""
    known = {one.name: one for one in before.tables}
    tables = [(known[one.name], one) for one in after.tables if one.name in known and one != known[one.name]]
    return tuple(dict.fromkeys(problem for old, now in tables for problem in _table(old, now)))


def _table(old: Table, now: Table) -> Iterator[Problem]:
    columns = {one.name: one for one in old.columns}
    for one in now.columns:
        title = f"column {now.name}.{one.name}"
        if one.name not in columns:
            if one.identity or "STORED" in one.generated or not _computed_once(one.default):
                yield Problem("rewrite", title)
        elif not _same_bytes(columns[one.name], one):
            yield Problem("type-change", title)
    for index in now.indexes:
        if index not in old.indexes and not re.search(r"USING (?:BTREE|HASH)", index.definition):
            yield Problem("index-lock", f"index {index.name} of table {now.name}")
    if now.kind != "InnoDB" or old.kind != now.kind:
        yield Problem("lock", f"table {now.name}")


def _computed_once(default: str | None) -> bool:
    return default is None or _CONSTANT.fullmatch(default) is not None


def _same_bytes(old: Column, now: Column) -> bool:
    """Whether the rows of a column need not change: the type is the same, or is longer in the same representation."""
    if old.collation != now.collation:
        return False
    texts = _TEXT.fullmatch(old.type), _TEXT.fullmatch(now.type)
    if texts[0] and texts[1]:
        width = _BYTES.get(now.collation.split()[0] if now.collation else "", 1)
        long = [int(one[1]) * width > _SHORT for one in texts if one]
        return long[0] == long[1] and int(texts[0][1]) <= int(texts[1][1])
    lists = all(re.match(r"(?:enum|set)\(", one.type) for one in (old, now))
    return old.type == now.type or (lists and now.type.startswith(f"{old.type[:-1]},"))
