"""Which changes of a schema of MariaDB may have copied a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.database.catalog import Catalog, Column, Index, Table
from orchestrator.database.copies import copies
from orchestrator.database.model import Engine

NAME = Column("name", "varchar(50)", collation="utf8mb4 utf8mb4_bin")
STATUS = Column("status", "enum('a','b')", collation="utf8mb4 utf8mb4_bin")
TOTAL = Column("total", "int(11)", nullable=False)
TABLE = Table("t", "InnoDB", (NAME, STATUS, TOTAL))
X = Column("x", "int(11)")
INDEX = Index("i", ("name",), "CREATE INDEX USING BTREE (`name`)")


def after(*columns: Column, index: Index | None = None, kind: str = "InnoDB") -> list[str]:
    now = replace(TABLE, columns=columns, indexes=(index,) if index else (), kind=kind)
    before = Catalog(Engine.MARIADB, (TABLE,))
    return [one.rule for one in copies(before, Catalog(Engine.MARIADB, (now, replace(now, name="new", kind="Aria"))))]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ((NAME, STATUS, TOTAL, X), []),
        ((NAME, STATUS, TOTAL, replace(X, default="'it''s'")), []),
        ((NAME, STATUS, TOTAL, replace(X, default="current_timestamp()")), []),
        ((NAME, STATUS, TOTAL, replace(X, default="uuid()")), ["rewrite"]),
        ((NAME, STATUS, TOTAL, replace(X, default="`total` + 1")), ["rewrite"]),
        ((NAME, STATUS, TOTAL, replace(X, identity="AUTO_INCREMENT")), ["rewrite"]),
        ((NAME, STATUS, TOTAL, replace(X, generated="1 STORED")), ["rewrite"]),
        ((NAME, STATUS, TOTAL, replace(X, generated="1 VIRTUAL")), []),
        ((NAME, STATUS, replace(TOTAL, nullable=True)), []),
        ((NAME, STATUS, replace(TOTAL, type="bigint(20)")), ["type-change"]),
        ((NAME, replace(STATUS, type="enum('a','b','c')"), TOTAL), []),
        ((NAME, replace(STATUS, type="enum('a','c','b')"), TOTAL), ["type-change"]),
        ((replace(NAME, type="varchar(63)"), STATUS, TOTAL), []),
        ((replace(NAME, type="varchar(64)"), STATUS, TOTAL), ["type-change"]),
        ((replace(NAME, type="varchar(49)"), STATUS, TOTAL), ["type-change"]),
        ((replace(NAME, collation="utf8mb4 utf8mb4_general_ci"), STATUS, TOTAL), ["type-change"]),
    ],
)
def test_a_change_of_columns_copies_or_does_not(columns: tuple[Column, ...], said: list[str]) -> None:
    assert after(*columns) == said


def test_an_index_blocks_writes_only_if_it_is_no_tree() -> None:
    assert after(*TABLE.columns, index=INDEX) == []
    full = replace(INDEX, definition="CREATE INDEX USING FULLTEXT (`name`)")
    assert after(*TABLE.columns, index=full) == ["index-lock"]


def test_another_engine_copies_the_table() -> None:
    assert after(*TABLE.columns, kind="Aria") == ["lock"]
