"""Random statements, of which label.py runs those that the lint accepts."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from orchestrator.database.lint import lint
from orchestrator.database.model import Engine, Phase
from tests.database.cases import Case

TYPES = {
    Engine.POSTGRES: [
        *(
            "smallint",
            "int",
            "bigint",
            "numeric(6,2)",
            "real",
            "double precision",
            "boolean",
            "text",
            "varchar(5)",
            "json",
        ),
        *(
            "char(5)",
            "date",
            "time",
            "timetz",
            "timestamp",
            "timestamptz(3)",
            "interval",
            "jsonb",
            "uuid",
            "bytea",
            "inet",
        ),
        *(
            "bit(3)",
            "varbit(3)",
            "int4range",
            "text[]",
            "int[]",
            "money",
            "xml",
            "cidr",
            "tsvector",
            "name",
            "oid",
            "mood",
        ),
    ],
    Engine.MARIADB: [
        *(
            "tinyint",
            "smallint",
            "int",
            "bigint unsigned",
            "decimal(6,2)",
            "float",
            "double",
            "boolean",
            "text",
            "json",
        ),
        *(
            "varchar(5)",
            "char(5)",
            "date",
            "time(3)",
            "datetime",
            "timestamp",
            "year",
            "blob",
            "varbinary(5)",
            "bit(3)",
        ),
        *("enum('abc', 'x')", "set('abc', 'x')", "uuid", "inet6", "mediumtext", "longblob", "point"),
    ],
}
DEFAULTS = {
    Engine.POSTGRES: [
        *(
            "",
            "",
            "0",
            "-1.5",
            "100000",
            "99999999999",
            "''",
            "'abc'",
            "'abcdefgh'",
            "true",
            "NULL",
            "now()",
            "'{}'",
            "(5)",
        ),
        *(
            "CURRENT_DATE",
            "LOCALTIMESTAMP",
            "'2026-01-01'",
            "'{1,2}'",
            "ARRAY[]::text[]",
            "1 + 1",
            "current_user",
            "'now'",
        ),
        *(
            "gen_random_uuid()",
            "random()",
            "E'a\\n'",
            "'1'::text",
            "interval '1 day'",
            "'10.0.0.1'",
            "'a' || 'b'",
            "B'101'",
        ),
        *(
            "'now'::timestamptz",
            "date '2026-01-01'",
            "NULL::int",
            "-(1)",
            "'infinity'",
            "lower('A')",
            "clock_timestamp()",
        ),
    ],
    Engine.MARIADB: [
        *(
            "",
            "",
            "0",
            "-1.5",
            "100000",
            "99999999999",
            "''",
            "'abc'",
            "'abcdefgh'",
            "true",
            "NULL",
            "now()",
            "'{}'",
            "(5)",
        ),
        *(
            "CURRENT_TIMESTAMP",
            "CURRENT_DATE",
            "'2026-01-01'",
            "(1 + 1)",
            "(uuid())",
            "(rand())",
            "b'101'",
            "x'1F'",
            "''",
        ),
        *("CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP", "('abc')", "('{}')", "(NULL)", "(now())", "'0000-00-00'"),
    ],
}
REST = {
    Engine.POSTGRES: ["", "", "NOT NULL", "NULL", 'COLLATE "C"', "UNIQUE", "REFERENCES customers ON DELETE SET NULL"],
    Engine.MARIADB: ["", "", "NOT NULL", "NULL", "COMMENT 'x'", "UNIQUE", "INVISIBLE", "FIRST", "AFTER total"],
}
OTHERS = {
    Engine.POSTGRES: [
        *("ALTER COLUMN total DROP NOT NULL", "ALTER ref SET DEFAULT {default}", "ALTER small SET DEFAULT {default}"),
        *("ALTER COLUMN created SET DEFAULT {default}", "ALTER COLUMN body SET STORAGE EXTERNAL", "DROP COLUMN body"),
        *("ALTER COLUMN qty DROP DEFAULT", "ADD CHECK (total > 10) NOT VALID", "RENAME body TO content"),
    ],
    Engine.MARIADB: [
        *(
            "ADD INDEX (total)",
            "ADD KEY k (qty, total)",
            "ALTER qty SET DEFAULT {default}",
            "ALTER small SET DEFAULT {default}",
        ),
        *(
            "COMMENT 'x'",
            "AUTO_INCREMENT = 50000",
            "DEFAULT CHARACTER SET latin1",
            "DROP COLUMN body",
            "MODIFY total bigint",
        ),
        *(
            "ADD UNIQUE (total)",
            "ALTER COLUMN created SET DEFAULT {default}",
            "ALGORITHM=INPLACE",
            "LOCK=NONE",
            "FORCE",
        ),
    ],
}
INDEXES = {
    Engine.POSTGRES: ["CREATE INDEX CONCURRENTLY {name} ON orders USING {method} ({columns}) {where}"],
    Engine.MARIADB: [
        "CREATE INDEX {name} ON orders ({columns})",
        "CREATE INDEX {name} ON orders ({columns}) LOCK=NONE",
    ],
}
METHODS = ["btree", "btree", "hash", "gin", "gist", "brin"]
COLUMNS = ["total", "ref", "created", "lower(ref)", "status, total DESC", "customer_id", "qty", "body(10)", "total + 1"]
WHERES = [
    "",
    "",
    "WHERE total > 5",
    "WHERE ref IS NOT NULL AND total <> 3",
    "WHERE status = 'new'",
    "WHERE 1 / total > 0",
]


def accepted(engine: Engine, random: Random, count: int) -> Iterator[Case]:
    """Yield ``count`` different random cases that the lint accepts."""
    seen: set[str] = set()
    while len(seen) < count:
        sql = _statement(engine, random)
        if sql not in seen and not lint(sql, "", engine, Phase.EXPAND).open:
            seen.add(sql)
            yield Case(engine, sql, sql, "", "", False)


def _statement(engine: Engine, random: Random) -> str:
    if random.random() < 0.15:
        parts = {"method": METHODS, "columns": COLUMNS, "where": WHERES}
        said = {key: random.choice(values) for key, values in parts.items()}
        return random.choice(INDEXES[engine]).format(name="random_idx", **said).strip()
    actions = []
    for number in range(random.choice([1, 1, 1, 2, 3])):
        default = random.choice(DEFAULTS[engine])
        if random.random() < 0.7:
            words = ["ADD COLUMN", f"new{number}", random.choice(TYPES[engine])]
            words += [f"DEFAULT {default}" if default else "", random.choice(REST[engine])]
            actions.append(" ".join(word for word in words if word))
        else:
            actions.append(random.choice(OTHERS[engine]).format(default=default or "1"))
    return f"ALTER TABLE orders {', '.join(actions)}"
