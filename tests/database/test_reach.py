"""Which statements may run on a shadow beside the live database."""

from __future__ import annotations

import pytest

from orchestrator.database.model import Engine
from orchestrator.database.reach import outside
from orchestrator.database.split import split

POSTGRES, MARIADB = Engine.POSTGRES, Engine.MARIADB
LIVE = ("mysql", "shop")


def why(text: str, engine: Engine, shared: bool = True) -> str:
    return outside(split(text, engine)[0], engine, LIVE, shared)


@pytest.mark.parametrize(
    ("engine", "text"),
    [
        (POSTGRES, "ALTER TABLE shop.orders ADD COLUMN x int"),
        (POSTGRES, "CREATE UNIQUE INDEX CONCURRENTLY i ON orders (x)"),
        (POSTGRES, "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
        (POSTGRES, "DO $$ BEGIN ALTER TABLE t ADD role text; END $$"),
        (POSTGRES, "GRANT SELECT, INSERT ON orders TO app"),
        (POSTGRES, "SET lock_timeout = '1s'"),
        (POSTGRES, "CREATE TABLE users (role text, system text, server text)"),
        (POSTGRES, "CREATE EXTENSION pg_trgm"),
        (MARIADB, "ALTER TABLE orders ADD COLUMN x int"),
        (MARIADB, "CREATE ALGORITHM=MERGE DEFINER=CURRENT_USER SQL SECURITY INVOKER VIEW v AS SELECT id FROM orders"),
        (MARIADB, "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW SET NEW.x = 1"),
        (MARIADB, "RENAME TABLE orders TO purchases"),
        (MARIADB, "SET SESSION lock_wait_timeout = 1"),
        (MARIADB, "UPDATE orders SET workshop = 1"),
        (MARIADB, "SELECT o.shop FROM orders o"),
    ],
)
def test_a_statement_about_this_database_may_run(engine: Engine, text: str) -> None:
    assert why(text, engine) == ""


OTHERS = [
    (POSTGRES, "ALTER ROLE app PASSWORD 'x'"),
    (POSTGRES, "DROP DATABASE shop"),
    (POSTGRES, "ALTER SYSTEM SET fsync = off"),
    (POSTGRES, "COPY orders TO PROGRAM 'sh'"),
    (POSTGRES, "GRANT admin TO app"),
    (POSTGRES, "GRANT ALL ON DATABASE shop TO app"),
    (POSTGRES, "SET ROLE admin"),
    (POSTGRES, "SELECT pg_terminate_backend(7)"),
    (POSTGRES, "SELECT dblink_exec('dbname=shop', 'DROP TABLE orders')"),
    (POSTGRES, "DO $$ BEGIN EXECUTE 'ALTER ROLE app SUPERUSER'; END $$"),
    (MARIADB, "ALTER TABLE shop.orders DROP COLUMN x"),
    (MARIADB, "ALTER TABLE `shop` . `orders` DROP COLUMN x"),
    (MARIADB, "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW DELETE FROM SHOP.log"),
    (MARIADB, "CREATE OR REPLACE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM log"),
    (MARIADB, "SET GLOBAL read_only = 1"),
    (MARIADB, "SET @a = 1, @@GLOBAL.read_only = 1"),
    (MARIADB, "GRANT ALL ON *.* TO app"),
    (MARIADB, "DROP DATABASE reports"),
    (MARIADB, "/*!50000 DROP TABLE shop.orders */"),
    (MARIADB, "CALL wipe()"),
    (MARIADB, "EXECUTE IMMEDIATE 'DROP TABLE x'"),
    (MARIADB, "SELECT 1 INTO OUTFILE '/tmp/x'"),
    (MARIADB, "SET STATEMENT max_statement_time = 1 FOR DROP TABLE orders"),
    (MARIADB, "BEGIN NOT ATOMIC DELETE FROM orders"),
]


@pytest.mark.parametrize(("engine", "text"), OTHERS)
def test_a_statement_about_other_databases_must_not_run(engine: Engine, text: str) -> None:
    assert why(text, engine) != ""
    assert why(text, engine, shared=False) == ""


@pytest.mark.parametrize("text", ["USE other", "LOCK TABLES orders WRITE", "FLUSH TABLES WITH READ LOCK"])
def test_a_statement_that_hides_the_schema_must_not_run(text: str) -> None:
    assert "no longer read the schema" in why(text, MARIADB, shared=False)
