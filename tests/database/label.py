"""Labels the statements of ``statements/*.sql``: a real server runs each case beside old code.

The result is in labels.tsv, which ``test_labels.py`` reads.

Run by hand, with psycopg and PyMySQL, on servers that hold nothing else, because the program drops databases:

    python -m tests.database.label postgres --host 127.0.0.1 --port 55432
    python -m tests.database.label mariadb --host 127.0.0.1 --port 53306
    python -m tests.database.label mariadb --port 53306 --random 200 --seed 7

These commands start such servers with Debian's packages, as users other than root:

    initdb -D pg -A trust -E UTF8 --locale=C.UTF-8
    pg_ctl -D pg -w -o "-p 55432 -h 127.0.0.1 -k $PWD -c fsync=off" start
    mariadb-install-db --no-defaults --datadir=$PWD/my --auth-root-authentication-method=normal
    mariadbd --no-defaults --datadir=$PWD/my --port=53306 --bind-address=127.0.0.1 --socket=$PWD/my.sock

A case gets one of these labels:

* ``breaks``: after the case, or while the case runs, a query of the old code fails, finds other rows or gets a much
  worse plan. The old code names all columns. It has new connections, and connections from before the case with prepared
  statements.
* ``blocks``: a lock that stops queries of the old code lasts as long as the server reads or writes the rows of a table.
* ``fails``: a statement fails, on tables with and without rows, and the old code works as before: only the release
  stops.
* ``safe``: none of these.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from typing_extensions import override

from orchestrator.database.model import Engine
from orchestrator.database.split import split
from tests.database.cases import LABELS, Case, cases
from tests.database.random_cases import accepted

ROWS = 20_000
MANY = 1_000
"""A statement that reads or changes this number of rows takes longer on larger tables."""
HELD = 1.0
"""Seconds for which the transaction of a case with "hold" lasts."""

# what the old code does: name, statement, parameters; n is a new number each time
OLD: list[tuple[str, str, Any]] = [
    (
        "select",
        "SELECT id, customer_id, status, total, qty, small, score, ref, owner, body, created FROM orders WHERE id = %s",
        lambda n: (n % 900 + 50,),
    ),
    (
        "insert",
        "INSERT INTO orders (customer_id, status, total, ref, body, owner) VALUES (%s, 'sent', %s, %s, %s, %s)",
        lambda n: (n % 900 + 50, (0, 5, 2_000_000)[n % 3], f"r{n}", "text " * 60, 900_000 + n),
    ),
    ("update", "UPDATE orders SET status = 'paid', total = 3, body = NULL WHERE id = %s", lambda n: (n % 900 + 50,)),
    ("delete", "DELETE FROM orders WHERE id = %s", lambda n: (1_000 + n % 15_000,)),
    (
        "customer",
        "INSERT INTO customers (email, name, note, score) VALUES (%s, %s, %s, 1)",
        lambda n: (f"m{n}@example.org", *["a text of forty characters and no less.."] * 2),
    ),
    (
        "customer without values",
        "INSERT INTO customers (email, name) VALUES (%s, 'x')",
        lambda n: (f"w{n}@example.org",),
    ),
    ("delete customer", "DELETE FROM customers WHERE id = %s", lambda n: (1_000 + n % 15_000,)),
    (
        "join",
        "SELECT c.id, c.email, c.name, c.note, c.grade, c.score, c.active FROM customers c JOIN orders o"
        " ON o.customer_id = c.id WHERE o.id = %s",
        lambda n: (n % 900 + 50,),
    ),
    ("view", "SELECT id, name FROM order_names WHERE id = %s", lambda n: (n % 900 + 50,)),
    ("log", "INSERT INTO log (msg) VALUES (%s)", lambda n: (f"m{n}",)),
    ("event", "INSERT INTO events (id, at) VALUES (7, '2026-03-01')", lambda n: ()),
]
QUIET = ("select", "update", "delete", "join", "view", "log")
"""What the old code does while the case runs. The other queries make rows to which the case may not apply."""
# what the old code must find as before: name, statement
SAME = [
    (
        "orders",
        "SELECT id, customer_id, status, total, qty, small, score, ref, body FROM orders WHERE id <= 40 ORDER BY id",
    ),
    ("customers", "SELECT id, email, name, note, grade, active FROM customers WHERE id <= 40 ORDER BY id"),
    ("log", "SELECT id, msg FROM log WHERE id <= 40 ORDER BY id"),
    ("events", "SELECT count(*) FROM events WHERE id > 100"),
    ("view", "SELECT id, name FROM order_names WHERE id <= 40 ORDER BY id"),
    ("owners", "SELECT count(*) FROM owners"),
    ("orphans", "SELECT count(*) FROM orders o LEFT JOIN customers c ON c.id = o.customer_id WHERE c.id IS NULL"),
    ("upserts", "SELECT count(*) FROM customers WHERE email = 'c2@example.org'"),
]


class Server(ABC):
    """A server of one engine."""

    engine: Engine
    old: list[tuple[str, str, Any]]
    same: list[tuple[str, str]]
    error: type[Exception]
    ignored: tuple[str, ...]

    @abstractmethod
    def reset(self) -> None:
        """Make the database anew."""

    @abstractmethod
    def connect(self, user: str) -> Any:
        """Connect in autocommit mode."""

    @abstractmethod
    def code(self, error: Exception) -> str: ...

    @abstractmethod
    def apply(self, connection: Any, statement: str) -> str:
        """Run a statement, and return why the statement blocks; empty if it does not."""

    @abstractmethod
    def worse(self, connection: Any) -> float:
        """The cost of a query that needs an index."""


class Numbers:
    """Numbers that all threads share."""

    def __init__(self) -> None:
        self._next, self._lock = 0, threading.Lock()

    def __call__(self) -> int:
        with self._lock:
            self._next += 1
            return self._next


class OldCode(threading.Thread):
    """Runs the old code's queries again and again."""

    def __init__(self, server: Server, number: Numbers) -> None:
        super().__init__(daemon=True)
        self.server, self.number = server, number
        self.connection = server.connect("app")
        self.stop = threading.Event()
        self.stall = 0.0
        self.failed: list[str] = []

    @override
    def run(self) -> None:
        while not self.stop.is_set():
            for name, sql, values in self.server.old:
                if name not in QUIET:
                    continue
                began = time.monotonic()
                self.failed += run_one(self.server, self.connection, name, sql, values(self.number()))
                self.stall = max(self.stall, time.monotonic() - began)
            time.sleep(0.01)


def run_one(server: Server, connection: Any, name: str, sql: str, values: tuple[Any, ...]) -> list[str]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
    except server.error as error:
        code = server.code(error)
        return [] if code in server.ignored else [f"{name}: {code} {first(error)}"]
    return []


def first(error: Exception) -> str:
    return str(error.args[-1] if error.args else error).splitlines()[0][:90]


def all_old(server: Server, connection: Any, number: Numbers) -> Iterator[str]:
    for name, sql, values in server.old:
        for _ in range(3):
            yield from run_one(server, connection, name, sql, values(number()))


def seen(server: Server, connection: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, sql in server.same:
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                found[name] = cursor.fetchall()
        except server.error as error:
            found[name] = f"{server.code(error)} {first(error)}"
    return found


def statements(case: Case) -> list[str]:
    return [one.text for one in split(case.sql, case.engine) if one.text]


def label(server: Server, case: Case, number: Numbers, empty: bool = False) -> tuple[str, str, str]:
    """Run a case, and return its label, how the label was found, and the error of the case itself.

    + empty: the table orders has no rows
    """
    server.reset()
    admin = server.connect("")
    for one in [part for part in case.setup.split("; ") if part] + (["DELETE FROM orders"] if empty else []):
        with admin.cursor() as cursor:
            cursor.execute(one)
    lasting = server.connect("app")
    with lasting.cursor() as cursor:
        cursor.execute("BEGIN")
        wrong = [*all_old(server, lasting, number), *all_old(server, lasting, number)]
        cursor.execute("ROLLBACK")
    # psycopg forgets its prepared statements at ROLLBACK, and prepares a statement at its second execution
    for name, sql, values in [one for one in server.old if one[0] in QUIET] * 3:
        wrong += run_one(server, lasting, name, sql, values(number()))
    if wrong:
        raise AssertionError(f"{case.name}: the old code fails before the case: {wrong[0]}")
    before, cost = seen(server, lasting), server.worse(lasting)
    thread = OldCode(server, number)
    thread.start()
    time.sleep(0.05)
    blocks, failed = run_case(server, case, admin)
    admin.close()
    thread.stop.set()
    thread.join(30)
    if case.hold and thread.stall > HELD / 2:
        blocks.append(f"a query of the old code waited {thread.stall:.1f} s")
    if case.new and not failed:
        fresh = server.connect("")
        with fresh.cursor() as cursor:
            for one in case.new.split("; "):
                cursor.execute(one)
        fresh.close()
    # the plan for a table without rows says nothing
    breaks = [*thread.failed, *_afterwards(server, lasting, number, before, float("inf") if empty else cost)]
    lasting.close()
    thread.connection.close()
    if breaks:
        return "breaks", breaks[0], failed
    if blocks:
        return "blocks", blocks[0], failed
    return "safe", "no error, the same rows, no lasting lock", failed


def run_case(server: Server, case: Case, admin: Any) -> tuple[list[str], str]:
    """Run the statements of a case. Return why they block, and the error of the case itself."""
    blocks = []
    try:
        for one in statements(case):
            blocks += [why for why in [server.apply(admin, one)] if why]
        if case.hold:
            time.sleep(HELD)
    except server.error as error:
        return blocks, f"{server.code(error)} {first(error)}"
    return blocks, ""


def _afterwards(server: Server, lasting: Any, number: Numbers, before: dict[str, Any], cost: float) -> Iterator[str]:
    yield from all_old(server, lasting, number)
    try:
        fresh = server.connect("app")
    except server.error as error:
        yield f"connect: {first(error)}"
        return
    yield from all_old(server, fresh, number)
    after = seen(server, fresh)
    for name, rows in before.items():
        if after[name] != rows:
            yield f"{name}: {after[name] if isinstance(after[name], str) else 'other rows than before'}"
    try:
        now = server.worse(fresh)
    except server.error as error:
        yield f"index: {first(error)}"
    else:
        if now > 5 * cost:
            yield f"index: the cost of a query of the old code went from {cost:.0f} to {now:.0f}"
    fresh.close()


class Postgres(Server):
    engine = Engine.POSTGRES
    ignored = ("40P01", "55P03")
    strong = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")

    def __init__(self, given: argparse.Namespace) -> None:
        import psycopg

        self.psycopg, self.error = psycopg, psycopg.Error
        self.where = {"host": given.host, "port": given.port}
        self.old = [
            *OLD,
            (
                "upsert",
                "INSERT INTO customers (email, name) VALUES ('c2@example.org', %s) ON CONFLICT (email) DO UPDATE"
                " SET score = customers.score",
                lambda n: (f"n{n}",),
            ),
            (
                "named upsert",
                "INSERT INTO customers (email, name) VALUES ('c2@example.org', 'x') ON CONFLICT ON CONSTRAINT"
                " customers_email_key DO NOTHING",
                lambda n: (),
            ),
            ("log upsert", "INSERT INTO log (id, msg) VALUES (1, 'x') ON CONFLICT (id) DO NOTHING", lambda n: ()),
            ("sequence", "SELECT nextval('ticket')", lambda n: ()),
            ("function", "SELECT tax(%s)", lambda n: (n,)),
            ("schema", "SELECT id FROM shop.items", lambda n: ()),
        ]
        self.same = [*SAME, ("items", "SELECT id FROM shop.items ORDER BY id")]
        self._server("DROP DATABASE IF EXISTS labels", "DROP DATABASE IF EXISTS labels_base")
        with suppress(self.error):
            self._server("CREATE ROLE app LOGIN")
        self._server("CREATE DATABASE labels_base")
        base = psycopg.connect(dbname="labels_base", user="postgres", autocommit=True, **self.where)
        base.execute(POSTGRES_BASE)
        base.execute("VACUUM ANALYZE")
        base.close()

    def _server(self, *texts: str) -> None:
        with self.psycopg.connect(dbname="postgres", user="postgres", autocommit=True, **self.where) as server:
            for text in texts:
                server.execute(text)

    @override
    def reset(self) -> None:
        self._server("DROP DATABASE IF EXISTS labels (FORCE)", "CREATE DATABASE labels TEMPLATE labels_base")

    @override
    def connect(self, user: str) -> Any:
        connection = self.psycopg.connect(dbname="labels", user=user or "postgres", autocommit=True, **self.where)
        connection.prepare_threshold = 1
        return connection

    @override
    def code(self, error: Exception) -> str:
        return str(getattr(error, "sqlstate", ""))

    @override
    def worse(self, connection: Any) -> float:
        row = connection.execute("EXPLAIN (FORMAT JSON) SELECT total FROM orders WHERE customer_id = 77").fetchone()
        return float(row[0][0]["Plan"]["Total Cost"])

    def _files(self, connection: Any) -> dict[int, int]:
        rows = connection.execute("SELECT oid, pg_relation_filenode(oid) FROM pg_class WHERE relkind IN ('r', 'p')")
        return {oid: node for oid, node in rows.fetchall() if oid >= 16384 and node}

    @override
    def apply(self, connection: Any, statement: str) -> str:
        word = statement.split()[0].upper()
        old = self._files(connection)
        if word in ("BEGIN", "COMMIT", "ROLLBACK", "SET", "PREPARE", "EXECUTE"):
            why = self._seen(connection, old) if word == "COMMIT" else ""
            if word == "COMMIT":
                time.sleep(HELD)
            connection.execute(statement)
            return why
        inside = connection.info.transaction_status.name == "INTRANS"
        if not inside:
            connection.execute("BEGIN")
        try:
            connection.execute(statement, prepare=False)
        except self.psycopg.errors.ActiveSqlTransaction:
            connection.execute("ROLLBACK")
            return self._alone(connection, statement, old)
        why = self._seen(connection, old)
        if statement.startswith("LOCK"):
            time.sleep(HELD)
        if not inside:
            connection.execute("COMMIT")
        return why

    def _seen(self, connection: Any, old: dict[int, int]) -> str:
        """Look at the locks and at the rows of the present transaction."""
        locks = connection.execute(
            "SELECT l.relation, l.mode, c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
            " WHERE l.pid = pg_backend_pid() AND l.granted"
        ).fetchall()
        work = connection.execute(
            "SELECT relid, seq_tup_read + coalesce(idx_tup_fetch, 0), n_tup_upd + n_tup_del"
            " FROM pg_stat_xact_user_tables"
        ).fetchall()
        new = self._files(connection)
        for oid, read, written in work:
            if oid in old and written >= MANY:
                return f"{written} rows are locked"
            modes = [mode for relation, mode, _ in locks if relation == oid and mode in self.strong]
            if oid in old and modes and (read >= MANY or new.get(oid) != old[oid]):
                what = "the table is copied" if new.get(oid) != old[oid] else f"{read} rows are read"
                return f"{modes[-1]} while {what}"
        for oid, mode, name in locks:
            if oid in old and mode in self.strong and new.get(oid, old[oid]) != old[oid]:
                return f"{mode} while {name} is copied"
        return ""

    def _alone(self, connection: Any, statement: str, old: dict[int, int]) -> str:
        """Run a statement that cannot be in a transaction, and watch its locks from another connection."""
        watch, found, stop = self.connect(""), set(), threading.Event()
        pid = connection.info.backend_pid

        def look() -> None:
            while not stop.is_set():
                rows = watch.execute(
                    "SELECT relation, mode FROM pg_locks WHERE pid = %s AND granted AND relation IS NOT NULL", (pid,)
                )
                found.update(rows.fetchall())

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            connection.execute(statement, prepare=False)
        finally:
            stop.set()
            thread.join(10)
            watch.close()
        new = self._files(connection)
        copied = [oid for oid, node in old.items() if new.get(oid) != node]
        modes = [mode for oid, mode in found if oid in copied and mode in self.strong]
        return f"{modes[0]} while the table is copied" if modes else ""


POSTGRES_BASE = f"""
CREATE TYPE mood AS ENUM ('new', 'paid', 'sent');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN filled AS int NOT NULL;
CREATE SEQUENCE ticket;
CREATE SCHEMA shop;
CREATE TABLE shop.items (id int PRIMARY KEY);
INSERT INTO shop.items VALUES (1);
CREATE FUNCTION tax(x int) RETURNS int LANGUAGE sql AS 'SELECT x / 5';
CREATE TABLE owners (id int PRIMARY KEY);
CREATE TABLE customers (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, email varchar(100) NOT NULL
    CONSTRAINT customers_email_key UNIQUE, name varchar(50) NOT NULL, note varchar(60), grade varchar(3) NOT NULL
    DEFAULT 'A', score int, active boolean NOT NULL DEFAULT false);
INSERT INTO customers (email, name, note, score) SELECT 'c' || i || '@example.org', 'name ' || i, 'n', i
    FROM generate_series(1, {ROWS}) i;
CREATE TABLE orders (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, customer_id int NOT NULL CONSTRAINT
    orders_customer REFERENCES customers (id) ON DELETE CASCADE, status mood NOT NULL, total int NOT NULL, qty int NOT
    NULL DEFAULT 1, small smallint NOT NULL DEFAULT 1, score int, ref varchar(50) CONSTRAINT orders_ref_key UNIQUE,
    owner int, body text, created timestamp NOT NULL DEFAULT now());
INSERT INTO orders (customer_id, status, total, owner, body) SELECT i, 'new', i % 100, i % 100, 'body ' || i
    FROM generate_series(1, {ROWS}) i;
CREATE INDEX orders_customer_idx ON orders (customer_id);
CREATE TABLE log (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, msg varchar(100), at timestamp);
INSERT INTO log (msg) SELECT 'm' || i FROM generate_series(1, {ROWS}) i;
CREATE TABLE events (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
INSERT INTO events SELECT i, '2026-01-01' FROM generate_series(1, {ROWS}) i WHERE i <> 7;
INSERT INTO events SELECT i, '2025-01-01' FROM generate_series(1, {ROWS}) i WHERE i <> 7;
CREATE VIEW order_names AS SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id;
GRANT ALL ON ALL TABLES IN SCHEMA public, shop TO app;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app;
GRANT USAGE ON SCHEMA shop TO app;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO app;
"""  # noqa: S608 (the number is a constant)


class MariaDB(Server):
    engine = Engine.MARIADB
    ignored = ("1213", "1205")

    def __init__(self, given: argparse.Namespace) -> None:
        import pymysql

        self.pymysql, self.error = pymysql, pymysql.MySQLError
        self.where = {"host": given.host, "port": given.port}
        upsert = (
            "INSERT INTO customers (email, name) VALUES ('c2@example.org', %s) ON DUPLICATE KEY UPDATE score = score"
        )
        self.old = [
            *OLD,
            ("upsert", upsert, lambda n: (f"n{n}",)),
            ("sequence", "SELECT NEXTVAL(ticket)", lambda n: ()),
            ("plain", "INSERT INTO plain (id, msg) VALUES (%s, 'x')", lambda n: (1_000_000 + n,)),
        ]
        self.same = SAME
        admin = self._admin()
        with admin.cursor() as cursor:
            cursor.execute("SET GLOBAL innodb_stats_persistent = 0")
            cursor.execute("CREATE OR REPLACE USER app@'127.0.0.1'")
            cursor.execute("CREATE OR REPLACE USER app@localhost")
        admin.close()

    def _admin(self, database: str | None = None) -> Any:
        return self.pymysql.connect(user="root", database=database, autocommit=True, **self.where)

    @override
    def reset(self) -> None:
        admin = self._admin()
        with admin.cursor() as cursor:
            cursor.execute("SET GLOBAL read_only = 0")
            for text in ("shop", "other", "reports_of_the_shop"):
                cursor.execute(f"DROP DATABASE IF EXISTS {text}")
            cursor.execute("CREATE DATABASE other")
            cursor.execute("CREATE DATABASE shop CHARACTER SET utf8mb4")
            cursor.execute("USE shop")
            for one in MARIADB_BASE.split(";\n"):
                cursor.execute(one)
            for table in (*TABLES, "ticket", "order_names"):
                cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO app@'127.0.0.1', app@localhost")
        admin.close()

    @override
    def connect(self, user: str) -> Any:
        if not user:
            return self._admin("shop")
        return self.pymysql.connect(user=user, database="shop", autocommit=True, **self.where)

    @override
    def code(self, error: Exception) -> str:
        return str(error.args[0] if error.args else "")

    @override
    def worse(self, connection: Any) -> float:
        with connection.cursor() as cursor:
            cursor.execute("SELECT total FROM orders FORCE INDEX (orders_customer_idx) WHERE customer_id = 77")
            cursor.execute("EXPLAIN FORMAT=JSON SELECT total FROM orders WHERE customer_id = 77")
            plan = json.loads(cursor.fetchone()[0])["query_block"]["nested_loop"][0]["table"]
            return float(max(1, plan["rows"]))

    @override
    def apply(self, connection: Any, statement: str) -> str:
        with connection.cursor() as cursor:
            alter = re.match(r"(?i)ALTER TABLE\b", statement)
            index = re.match(r"(?i)(?:CREATE|DROP)\b.*\bINDEX\b", statement)
            said = re.search(r"(?i)\b(ALGORITHM|LOCK)\s*=\s*(\w+)(?:,\s*LOCK\s*=\s*(\w+))?", statement)
            table = re.search(r"(?i)\b(?:TABLE|ON)\s+`?(\w+)", statement)
            ours = table is not None and table[1] in TABLES
            if (alter or index) and ours and not said and "/*" not in statement and "TABLESPACE" not in statement:
                return self._cheapest(cursor, statement, ", " if alter else " ")
            if re.match(r"(?i)CREATE TABLE.*\bSELECT\b", statement):
                return self._beside_a_row_lock(cursor, statement)
            write = re.match(r"(?i)(?:INSERT|UPDATE|DELETE|REPLACE)\b", statement)
            if write:
                cursor.execute("START TRANSACTION")
            cursor.execute(statement)
            if write:
                return self._rows(cursor)
            while cursor.nextset():
                pass
        words = {word.upper() for word in said.groups() if word} if said else set()
        bad = {"COPY", "SHARED", "EXCLUSIVE"} & words
        return f"the statement asks for {bad.pop()}" if bad else ""

    def _rows(self, cursor: Any) -> str:
        cursor.execute(
            "SELECT trx_rows_locked FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = CONNECTION_ID()"
        )
        row = cursor.fetchone()
        cursor.execute("COMMIT")
        return f"{row[0]} rows are locked" if row and row[0] >= MANY else ""

    def _cheapest(self, cursor: Any, statement: str, glue: str) -> str:
        """Run a statement with the cheapest algorithm that the server accepts without a lock."""
        comma = ", " if glue == ", " else " "
        tried = ["ALGORITHM=INSTANT", f"ALGORITHM=NOCOPY{comma}LOCK=NONE", f"ALGORITHM=INPLACE{comma}LOCK=NONE"]
        if re.search(r"(?i)\bENGINE\s*=\s*(?!InnoDB)", statement):
            # the server copies the table into another engine, and ignores ALGORITHM=INSTANT
            cursor.execute(statement)
            return "the table is copied into another engine"
        for clause in tried:
            try:
                cursor.execute(f"{statement}{glue}{clause}")
            except self.error as error:
                if self.code(error) not in ("1845", "1846", "1064", "1221"):
                    raise
            else:
                return ""
        cursor.execute(statement)
        return "the server refuses LOCK=NONE: it copies the table or blocks writes"

    def _beside_a_row_lock(self, cursor: Any, statement: str) -> str:
        """Whether a statement locks the rows that it reads: it then waits for a lock of another session."""
        other = self._admin("shop")
        with other.cursor() as locked:
            locked.execute("START TRANSACTION")
            locked.execute("SELECT id FROM orders WHERE id = 15000 FOR UPDATE")
            cursor.execute("SET innodb_lock_wait_timeout = 1")
            try:
                cursor.execute(statement)
            except self.error as error:
                if self.code(error) != "1205":
                    raise
                why = "the rows that it reads are locked"
            else:
                why = ""
        other.close()
        return why


TABLES = ("customers", "orders", "log", "events", "plain", "owners")
MARIADB_BASE = f"""
CREATE SEQUENCE ticket;
CREATE TABLE owners (id int PRIMARY KEY);
CREATE TABLE customers (id int AUTO_INCREMENT PRIMARY KEY, email varchar(100) NOT NULL, name varchar(50) NOT NULL,
    note varchar(60), grade varchar(3) NOT NULL DEFAULT 'A', score int, active boolean NOT NULL DEFAULT false,
    UNIQUE KEY customers_email_key (email));
INSERT INTO customers (id, email, name, note, score) SELECT seq, concat('c', seq, '@example.org'), concat('name ', seq),
    'n', seq FROM seq_1_to_{ROWS};
CREATE TABLE orders (id int AUTO_INCREMENT PRIMARY KEY, customer_id int NOT NULL, status enum('new', 'paid', 'sent') NOT
    NULL, total int NOT NULL, qty int NOT NULL DEFAULT 1, small smallint NOT NULL DEFAULT 1, score int, ref varchar(50),
    owner int, body text, created timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, UNIQUE KEY orders_ref_key (ref),
    KEY orders_customer_idx (customer_id), KEY customer_and_id (customer_id, id),
    CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE);
INSERT INTO orders (id, customer_id, status, total, owner, body) SELECT seq, seq, 'new', seq % 100, seq % 100,
    concat('body ', seq) FROM seq_1_to_{ROWS};
CREATE TABLE log (id int AUTO_INCREMENT PRIMARY KEY, msg varchar(100), at timestamp NULL);
INSERT INTO log (id, msg) SELECT seq, concat('m', seq) FROM seq_1_to_{ROWS};
CREATE TABLE events (id int, at date);
INSERT INTO events SELECT seq, '2026-01-01' FROM seq_8_to_{ROWS};
CREATE TABLE plain (id int PRIMARY KEY, msg varchar(100));
INSERT INTO plain SELECT seq, concat('m', seq) FROM seq_1_to_{ROWS};
CREATE VIEW order_names AS SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id
"""  # noqa: S608 (the number is a constant)


def labelled(server: Server, case: Case, number: Numbers) -> tuple[str, str]:
    """The label of a case. If the case fails on tables with rows, the label is that of an empty table."""
    word, how, failed = label(server, case, number)
    if word != "safe" or not failed:
        return word, how
    word, how, again = label(server, case, number, empty=True)
    if word != "safe":
        return word, f"fails with {failed}; on an empty table: {how}"
    return ("fails" if again else "breaks"), f"fails with {failed}"


def run_random(server: Server, found: Iterable[Case], number: Numbers) -> int:
    """Print the label of each case, and return the number of cases that break or block old code."""
    counts: Counter[str] = Counter()
    for case in found:
        word, how = labelled(server, case, number)
        counts[word] += 1
        print(f"{word:6} {case.sql}: {how}", flush=True)
    print(dict(counts))
    return counts["breaks"] + counts["blocks"]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Label SQL statements by what a real server does.")
    parser.add_argument("engine", choices=["postgres", "mariadb"])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--only", help="label only cases with this text in the name")
    parser.add_argument("--random", type=int, metavar="COUNT", help="run random statements that the lint accepts")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random statements")
    given = parser.parse_args(argv)
    server: Server = Postgres(given) if given.engine == "postgres" else MariaDB(given)
    number, rows = Numbers(), []
    if given.random:
        return run_random(server, accepted(server.engine, Random(given.seed), given.random), number)
    for case in cases(server.engine):
        if given.only and given.only not in case.name:
            continue
        word, how = labelled(server, case, number)
        print(f"{word:6} {case.name}: {how}", flush=True)
        rows.append({"engine": given.engine, "case": case.name, "digest": case.digest, "label": word, "how": how})
    _store(rows)
    return 0


def _store(rows: list[dict[str, str]]) -> None:
    """Put labels into the file, in the order of the cases."""
    known = {}
    if LABELS.exists():
        with LABELS.open(newline="") as file:
            known = {(row["engine"], row["case"]): row for row in csv.DictReader(file, delimiter="\t")}
    known |= {(row["engine"], row["case"]): row for row in rows}
    order = [(one.engine.value, one.name) for each in (Engine.POSTGRES, Engine.MARIADB) for one in cases(each)]
    with LABELS.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["engine", "case", "digest", "label", "how"], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(known[key] for key in order if key in known)


if __name__ == "__main__":
    raise SystemExit(main())
