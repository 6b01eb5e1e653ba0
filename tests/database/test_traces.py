"""Which objects tell whether a statement was carried out."""

from __future__ import annotations

import pytest

from orchestrator.database.model import Engine
from orchestrator.database.traces import traces


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CREATE TABLE s.orders (id int)", ["table s.orders"]),
        ("CREATE TABLE IF NOT EXISTS orders (id int)", ["table orders"]),
        ("CREATE TABLE a AS SELECT 1 AS x", ["table a"]),
        ("-- words\nALTER TABLE orders ADD COLUMN total int NOT NULL DEFAULT 0", ["column orders.total"]),
        ("ALTER TABLE orders ADD a int, ADD COLUMN b int", ["column orders.a", "column orders.b"]),
        ("ALTER TABLE orders DROP COLUMN total", ["no column orders.total"]),
        ("CREATE UNIQUE INDEX i ON s.orders (total)", ["index i of the table s.orders"]),
        ("CREATE TEMPORARY TABLE a (x int)", []),
        ("ALTER TABLE orders ADD COLUMN a int, ALTER COLUMN b SET DEFAULT 5", []),
        ("ALTER TABLE orders RENAME COLUMN a TO b", []),
        ("ALTER TABLE orders ADD CONSTRAINT c CHECK (a > 0)", []),
        ("UPDATE orders SET a = 1", []),
        ("DROP TABLE orders", []),
        ("nonsense", []),
        ("CREATE TABLE a (x int); CREATE TABLE b (x int)", []),
    ],
)
def test_only_what_the_catalog_tells_is_a_trace(text: str, found: list[str]) -> None:
    for engine in Engine:
        seen = traces(text, engine)
        assert [f"{'' if one.present else 'no '}{one}" for one in seen] == found


def test_names_are_those_of_the_server() -> None:
    assert [str(one) for one in traces("CREATE INDEX CONCURRENTLY I ON Orders (a)", Engine.POSTGRES)] == [
        "index i of the table orders"
    ]
    assert [str(one) for one in traces("CREATE TABLE `Orders` (a int)", Engine.MARIADB)] == ["table Orders"]
    assert traces('CREATE TABLE "a b" (x int)', Engine.POSTGRES) == []
