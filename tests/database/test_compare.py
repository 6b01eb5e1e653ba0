"""The comparison of two schemas, as old code sees it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from orchestrator.database.catalog import (
    Catalog,
    Check,
    Column,
    Enum,
    ForeignKey,
    Grant,
    Index,
    Named,
    Routine,
    Table,
    View,
    from_json,
)
from orchestrator.database.compare import _COMPARED, compare, new_values
from orchestrator.database.findings import RULES
from orchestrator.database.model import Engine
from orchestrator.database.types import computes_safely, indexes_safely, only_adds_columns, wider

ID = Column("id", "integer", nullable=False, identity="BY DEFAULT")
TOTAL = Column("total", "integer", nullable=False)
NOTE = Column("note", "text")
QTY = Column("qty", "int", nullable=False, default="1")
KEY = Index("orders_pkey", ("id",), "CREATE UNIQUE INDEX ON orders USING btree (id)", unique=True, primary=True)
BY_NOTE = Index("by_note", ("note",), "CREATE INDEX ON orders USING btree (note)")
CHECK = Check("positive", "(total > 0)")
ORDERS = Table("orders", columns=(ID, NOTE, QTY, TOTAL), indexes=(BY_NOTE, KEY), checks=(CHECK,), owner="shop")
LINES = Table(
    "lines", columns=(ID,), foreign_keys=(ForeignKey("of", ("id",), "orders", ("id",), "CASCADE", "CASCADE"),)
)
VIEW = View("notes", (ID,), "SELECT o.id FROM orders o WHERE o.total > 1")
BEFORE = Catalog(
    Engine.POSTGRES,
    tables=(LINES, ORDERS),
    views=(VIEW,),
    sequences=(Named("ticket", "integer START 1"),),
    enums=(Enum("mood", ("new", "paid")),),
    domains=(Named("positive", "integer CHECK (VALUE > 0)"),),
    routines=(Routine("tax", "integer", "SELECT $1 / 5"),),
    others=(Named("schema public", ""),),
    grants=(Grant("table orders", "app", "SELECT"),),
)
MARIADB = replace(BEFORE, engine=Engine.MARIADB)


def orders(before: Catalog = BEFORE, **changes: Any) -> Catalog:
    return replace(before, tables=(LINES, replace(ORDERS, **changes)))


def column(old: Column, before: Catalog = BEFORE, **changes: Any) -> Catalog:
    columns = tuple(replace(one, **changes) if one == old else one for one in ORDERS.columns)
    return orders(before, columns=columns)


def more(*columns: Column, before: Catalog = BEFORE, **changes: Any) -> Catalog:
    return orders(before, columns=(*ORDERS.columns, *columns), **changes)


def table(**parts: Any) -> Catalog:
    return replace(BEFORE, tables=(*BEFORE.tables, Table("new", **parts)))


def key(target: str = "orders", action: str = "NO ACTION", column: str = "x") -> ForeignKey:
    return ForeignKey("f", (column,), target, ("id",), action, "NO ACTION")


X = Column("x", "integer")
GENERATED = Column("x", "int(11)", generated="`total` * 2 VIRTUAL")


HARMLESS = [
    BEFORE,
    more(X),
    more(Column("x", "integer", nullable=False, default="0")),
    more(X, indexes=(*ORDERS.indexes, Index("i", ("x",), "CREATE INDEX ON orders USING btree (x)"))),
    more(X, indexes=(*ORDERS.indexes, Index("i", ("x",), "CREATE UNIQUE INDEX ON o USING btree (x)", unique=True))),
    more(X, foreign_keys=(key(action="SET NULL"),)),
    more(GENERATED, before=MARIADB),
    column(TOTAL, nullable=True),
    column(NOTE, default="'x'::text"),
    column(QTY, default="2"),
    column(QTY, MARIADB, type="bigint"),
    table(columns=(Column("x", "integer", nullable=False),), checks=(CHECK,)),
    table(columns=(X,), foreign_keys=(key(action="CASCADE"),)),
    replace(BEFORE, enums=(Enum("mood", ("draft", "new", "paid")), Enum("size", ("s",)))),
    replace(
        BEFORE, views=(replace(VIEW, columns=(ID, NOTE), definition=f"SELECT o.id, o.note {VIEW.definition[12:]}"),)
    ),
    replace(BEFORE, views=(VIEW, replace(VIEW, name="other"))),
    replace(BEFORE, sequences=(*BEFORE.sequences, Named("other", ""))),
    replace(BEFORE, routines=(*BEFORE.routines, Routine("vat", "", ""))),
    replace(BEFORE, others=(Named("extension citext", "1"), Named("schema other", ""), *BEFORE.others)),
    replace(BEFORE, grants=(*BEFORE.grants, Grant("table lines", "app", "SELECT"))),
    orders(checks=(replace(CHECK, valid=True),)),
]


@pytest.mark.parametrize("after", HARMLESS)
def test_additions_that_old_code_does_not_meet_are_no_problem(after: Catalog) -> None:
    assert compare(replace(BEFORE, engine=after.engine), after) == ()


HARMFUL = [
    (replace(BEFORE, tables=(LINES,)), "drop-table", "table orders"),
    (orders(columns=ORDERS.columns[1:]), "drop-column", "column orders.id"),
    (more(Column("x", "integer", nullable=False)), "required-column", "column orders.x"),
    (more(replace(GENERATED, generated="total * 2 STORED")), "generated-column", "column orders.x"),
    (more(replace(GENERATED, generated="f(`id`) VIRTUAL"), before=MARIADB), "generated-column", "column orders.x"),
    (column(TOTAL, type="bigint"), "type-change", "column orders.total"),
    (column(TOTAL, MARIADB, type="smallint"), "type-change", "column orders.total"),
    (column(NOTE, collation='"C"'), "type-change", "column orders.note"),
    (column(NOTE, nullable=False), "set-not-null", "column orders.note"),
    (column(QTY, default=None), "drop-default", "column orders.qty"),
    (column(ID, identity=""), "drop-default", "column orders.id"),
    (column(TOTAL, identity="ALWAYS"), "generated-column", "column orders.total"),
    (column(TOTAL, generated="qty * 2 STORED"), "generated-column", "column orders.total"),
    (column(TOTAL, default="0"), "set-default", "column orders.total"),
    (column(NOTE, extra="INVISIBLE"), "not-recognised", "column orders.note"),
    (orders(indexes=(KEY,)), "drop-index", "by_note of table orders"),
    (orders(indexes=(BY_NOTE,)), "drop-constraint", "orders_pkey of table orders"),
    (orders(indexes=(KEY, replace(BY_NOTE, name="b"))), "rename-index", "by_note of table orders"),
    (orders(indexes=(KEY, replace(BY_NOTE, valid=False))), "invalid-index", "by_note of table orders"),
    (orders(indexes=(*ORDERS.indexes, replace(KEY, name="k", primary=False))), "unique", "k of table orders"),
    (
        orders(indexes=(*ORDERS.indexes, Index("i", ("1/total",), "CREATE INDEX ON o USING btree ((1 / total))"))),
        "index-expression",
        "i of table orders",
    ),
    (more(X, foreign_keys=(key(),)), "foreign-key", "f of table orders"),
    (orders(foreign_keys=(key(action="SET NULL", column="note"),)), "foreign-key", "f of table orders"),
    (orders(checks=()), "drop-constraint", "positive of table orders"),
    (orders(checks=(CHECK, Check("c", "(qty > 0)"))), "check", "c of table orders"),
    (orders(checks=(replace(CHECK, expression="(total > 10)"),)), "check", "positive of table orders"),
    (orders(triggers=(Named("t", "BEFORE INSERT"),)), "trigger", "t of table orders"),
    (orders(rules=(Named("r", "DO INSTEAD NOTHING"),)), "trigger", "r of table orders"),
    (orders(security="enabled"), "row-security", "table orders"),
    (orders(policies=(Named("p", ""),)), "row-security", "table orders"),
    (orders(owner="other"), "permission", "table orders"),
    (orders(partition_of="all FOR VALUES IN (1)"), "partition", "table orders"),
    (orders(storage="unlogged"), "maintenance", "table orders"),
    (table(columns=(X,), foreign_keys=(key(),)), "foreign-key", "f of table new"),
    (table(partition_of="orders DEFAULT"), "partition", "table new"),
    (replace(BEFORE, views=()), "drop-object", "view notes"),
    (replace(BEFORE, views=(replace(VIEW, definition="SELECT o.id FROM orders o"),)), "view", "view notes"),
    (replace(BEFORE, views=(replace(VIEW, columns=(NOTE,)),)), "view", "view notes"),
    (replace(BEFORE, sequences=(Named("ticket", "bigint START 1"),)), "not-recognised", "sequence ticket"),
    (replace(BEFORE, enums=(Enum("mood", ("paid", "new")),)), "enum-value", "type mood"),
    (replace(BEFORE, enums=()), "drop-object", "type mood"),
    (replace(BEFORE, domains=(Named("positive", "integer"),)), "type-change", "type positive"),
    (replace(BEFORE, routines=()), "drop-object", "function tax(integer)"),
    (replace(BEFORE, routines=(Routine("tax", "integer", "SELECT 1 / 0"),)), "hidden-code", "function tax(integer)"),
    (
        replace(BEFORE, routines=(*BEFORE.routines, Routine("tax", "bigint", ""))),
        "not-recognised",
        "function tax(bigint)",
    ),
    (replace(BEFORE, others=(*BEFORE.others, Named("extension x", ""))), "not-recognised", "extension x"),
    (replace(BEFORE, grants=()), "permission", "SELECT on table orders of app"),
]


@pytest.mark.parametrize(("after", "rule", "what"), HARMFUL)
def test_each_harm_to_old_code_is_a_problem(after: Catalog, rule: str, what: str) -> None:
    found = compare(replace(BEFORE, engine=after.engine), after)
    assert [(one.rule, one.object) for one in found] == [(rule, what)]
    assert rule in RULES


def test_a_table_below_a_cascade_must_not_stop_the_delete() -> None:
    parent = Table("parent", columns=(X,), foreign_keys=(key(action="CASCADE"),))
    child = Table("child", columns=(X,), foreign_keys=(key("parent"),))
    free = replace(parent, foreign_keys=())
    for other, said in ((parent, [("foreign-key", "f of table child")]), (free, [])):
        found = compare(BEFORE, replace(BEFORE, tables=(*BEFORE.tables, child, other)))
        assert [(one.rule, one.object) for one in found] == said


def test_a_default_of_a_unique_column_is_a_problem() -> None:
    unique = Index("u", ("note",), "CREATE UNIQUE INDEX ON orders USING btree (note)", unique=True)
    before = orders(indexes=(KEY, unique))
    after = orders(indexes=(KEY, unique), columns=(ID, replace(NOTE, default="'x'"), QTY, TOTAL))
    assert [one.rule for one in compare(before, after)] == ["set-default"]


def test_new_values_are_those_that_old_inserts_store() -> None:
    default = Column("y", "integer", default="1")
    assert new_values(BEFORE, more(default, X, replace(ID, name="z"))) == (("orders", default), ("orders", X))
    assert new_values(BEFORE, column(QTY, default="7")) == (("orders", replace(QTY, default="7")),)
    assert new_values(BEFORE, column(QTY, default=None)) == ()
    assert new_values(BEFORE, column(QTY, nullable=True)) == ()
    assert new_values(BEFORE, table(columns=(QTY,))) == ()


def test_a_part_of_a_table_without_comparison_is_a_problem() -> None:
    assert set(_COMPARED) == {one.name for one in fields(Table)} - {"name"}


def test_json_keeps_the_catalog_and_its_digest() -> None:
    again = from_json(BEFORE.as_json())
    assert again == BEFORE
    assert again.digest == BEFORE.digest
    assert orders(owner="other").digest != BEFORE.digest


@pytest.mark.parametrize(
    ("old", "now", "said"),
    [
        ("enum('a','b')", "enum('a','b','c')", True),
        ("enum('a','b')", "enum('a','c','b')", False),
        ("enum('a,''b')", "enum('a,''b','c')", True),
        ("enum('a')", "set('a')", False),
        ("varchar(50)", "varchar(80)", True),
        ("varchar(50)", "varchar(49)", False),
        ("int(11)", "bigint(20)", True),
        ("int(11) unsigned", "bigint(20)", False),
        ("decimal(8,2)", "decimal(10,2)", True),
        ("decimal(8,2)", "decimal(10,3)", False),
        ("text", "longtext", True),
        ("text", "varchar(90)", False),
    ],
)
def test_a_wider_type_keeps_all_values(old: str, now: str, said: bool) -> None:
    assert wider(old, now) is said


@pytest.mark.parametrize(
    ("old", "now", "said"),
    [
        ("SELECT a FROM t", "SELECT a, b FROM t", True),
        ("SELECT a FROM t", "SELECT a, 1/0 AS b FROM t", False),
        ("SELECT a FROM t", "SELECT b AS a FROM t", False),
        ("SELECT a FROM t", "SELECT a FROM t WHERE a > 1", False),
        ("SELECT DISTINCT a FROM t", "SELECT DISTINCT a, b FROM t", False),
        ("SELECT a, count(*) FROM t GROUP BY a", "SELECT a, count(*), b FROM t GROUP BY a", False),
        ("SELECT a FROM t UNION SELECT a FROM u", "SELECT a FROM t UNION ALL SELECT a FROM u", False),
        ("select `o`.`id` AS `id` from `orders` `o`", "select `o`.`id` AS `id`,`o`.`x` AS `x` from `orders` `o`", True),
    ],
)
def test_a_view_may_only_get_more_plain_columns(old: str, now: str, said: bool) -> None:
    assert only_adds_columns(old, now) is said


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ("CREATE INDEX ON public.o USING btree (a, b DESC) WHERE ((s = 'new'::mood) AND (total > 5))", True),
        ("CREATE INDEX ON o USING btree (lower((name)::text))", True),
        ("CREATE INDEX ON o USING btree ((100 / total))", False),
        ("CREATE INDEX ON o USING btree (id) WHERE ((100 / total) > 1)", False),
        ("CREATE INDEX ON o USING btree (((name)::integer))", False),
    ],
)
def test_an_index_that_computes_values_is_not_safe(definition: str, said: bool) -> None:
    assert indexes_safely(definition, Engine.POSTGRES) is said


def test_only_simple_virtual_columns_are_safe() -> None:
    assert computes_safely("`a` * 2 + 1 VIRTUAL", Engine.MARIADB)
    assert not computes_safely("`a` * 2 STORED", Engine.MARIADB)
    assert not computes_safely("`a` / 2 VIRTUAL", Engine.MARIADB)
    assert not computes_safely("`a` * 2 VIRTUAL", Engine.POSTGRES)
