"""What the lint says about whole files: markers, phases, and statements that depend on earlier statements."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.database import judge
from orchestrator.database.findings import RULES
from orchestrator.database.lint import lint
from orchestrator.database.model import Engine, Phase, phase_of
from orchestrator.database.syntax import parse
from tests.database.cases import PASSES, cases, labels
from tests.database.test_split import TEXTS

PG, MARIADB, MYSQL = Engine.POSTGRES, Engine.MARIADB, Engine.MYSQL


def rules(text: str, engine: Engine = PG, phase: Phase = Phase.EXPAND) -> list[str]:
    return [one.rule for one in lint(text, "x.sql", engine, phase).open]


def test_a_finding_names_statement_line_and_object() -> None:
    text = "SELECT 1;\n\n-- the end\nALTER TABLE orders\n  DROP COLUMN a, RENAME COLUMN b TO c;\n"
    judged = lint(text, "x.sql", PG, Phase.EXPAND)
    assert judged.statements == 2
    assert [(one.rule, one.line, one.object) for one in judged.findings] == [
        ("drop-column", 4, "column orders.a"),
        ("rename-column", 4, "column orders.b"),
    ]
    first = judged.findings[0]
    assert first.statement == "ALTER TABLE orders\n  DROP COLUMN a, RENAME COLUMN b TO c"
    assert (first.harm, first.instead) == (RULES["drop-column"].harm, RULES["drop-column"].advice(PG))
    moved = lint("\n\n" + text.replace("orders\n ", "orders"), "y.sql", PG, Phase.EXPAND)
    assert moved.findings[0].id == first.id
    assert first.id != judged.findings[1].id


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ("-- orchestrator: safe because nobody reads it\n", "nobody reads it"),
        ("  --orchestrator:SAFE BECAUSE nobody reads it\n", "nobody reads it"),
        ("-- first\n-- orchestrator: safe because nobody\n-- reads it\n", "nobody reads it"),
        ("-- orchestrator: safe because: nobody reads it\r\n", "nobody reads it"),
    ],
)
def test_a_marker_overrides_the_findings_of_its_statement(before: str, reason: str) -> None:
    drop = "ALTER TABLE t DROP COLUMN a, DROP COLUMN b"
    judged = lint(f"{before}{drop};\n{drop};", "x.sql", PG, Phase.EXPAND)
    assert [one.reason for one in judged.findings] == [reason, reason, "", ""]
    assert [one.object for one in judged.open] == ["column t.a", "column t.b"]


@pytest.mark.parametrize(
    "text",
    [
        "-- orchestrator: safe\nDROP TABLE t;",
        "-- orchestrator: safe because\nDROP TABLE t;",
        "-- orchestrator: safe because ...\nDROP TABLE t;",
        "-- orchestrator: off\nDROP TABLE t;",
        "-- orchestrator: safe because x\n\nDROP TABLE t;",
        "/* orchestrator: safe because x */\nDROP TABLE t;",
        "SELECT 1; -- orchestrator: safe because x\nDROP TABLE t;",
        "DROP TABLE t -- orchestrator: safe because x\n;",
        "DROP TABLE t; -- orchestrator: safe because x",
        "DROP TABLE t;\n-- orchestrator: safe because x\n",
    ],
)
def test_a_marker_without_effect_is_a_finding(text: str) -> None:
    assert sorted(rules(text)) == ["drop-table", "marker"]


def test_a_marker_does_not_hide_other_statements() -> None:
    assert rules("-- orchestrator: safe because x\nSELECT 1; DROP TABLE t;") == ["drop-table"]
    assert rules("-- orchestrator: safe because x\nSELECT 'a; DROP TABLE t;") == ["unfinished"]
    assert rules("# orchestrator: safe because x\nDROP TABLE t;", MARIADB) == ["marker", "drop-table"]
    # a table that was created under another name is not the table of the old code
    unsure = "CREATE TABLE t (a int);\n-- orchestrator: safe because x\nSET search_path = y;\nDROP TABLE t;"
    assert rules(unsure) == ["drop-table"]


@pytest.mark.parametrize("phase", Phase)
def test_the_name_of_a_file_says_its_phase(phase: Phase) -> None:
    assert phase_of(f"db/0007_a.b.{phase}.sql") is phase
    assert phase_of(f"db/0007_{phase}.sql") is phase_of(f"0007.{phase}.sql.txt") is None


@pytest.mark.parametrize(
    ("engine", "text"),
    [
        (PG, "ALTER TABLE t DROP COLUMN a"),
        (PG, "DROP TABLE t; DROP VIEW v; DROP INDEX CONCURRENTLY i; ALTER TABLE t DROP CONSTRAINT c"),
        (PG, "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a); ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i"),
        (
            PG,
            "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u (id) NOT VALID;"
            "ALTER TABLE t VALIDATE CONSTRAINT c",
        ),
        (
            PG,
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c;"
            "ALTER TABLE t ALTER COLUMN a SET NOT NULL; ALTER TABLE t DROP CONSTRAINT c",
        ),
        (PG, "BEGIN; DROP TRIGGER g ON t; ALTER TABLE t DROP COLUMN a; COMMIT"),
        (PG, "ALTER TABLE t ALTER COLUMN a DROP NOT NULL; DROP TRIGGER g ON t; ALTER TABLE t DROP COLUMN a"),
        (PG, "DROP TRIGGER g ON u; ALTER TABLE t DROP COLUMN a"),
        (MARIADB, "ALTER TABLE t ALTER COLUMN a SET DEFAULT 0; DROP TRIGGER g; ALTER TABLE t DROP COLUMN a"),
        (
            MARIADB,
            "ALTER TABLE t MODIFY a int NULL, ALGORITHM=INPLACE, LOCK=NONE; DROP TRIGGER g; ALTER TABLE t DROP a",
        ),
        (MYSQL, "ALTER TABLE t ADD UNIQUE u (a)"),
    ],
)
def test_contract_may_remove_what_only_old_code_used(engine: Engine, text: str) -> None:
    assert rules(text, engine, Phase.CONTRACT) == []
    assert rules(text, engine) != []


@pytest.mark.parametrize(
    ("engine", "text", "rule"),
    [
        (PG, "DROP TRIGGER g ON t; ALTER TABLE t DROP COLUMN a", "contract-order"),
        (PG, "ALTER TABLE t DROP COLUMN a; DROP TRIGGER g ON t", "contract-order"),
        (PG, "BEGIN; DROP TRIGGER g ON t; COMMIT; BEGIN; ALTER TABLE t DROP COLUMN a; COMMIT", "contract-order"),
        (PG, "DROP TRIGGER g ON t; ALTER TABLE t ALTER a DROP NOT NULL; ALTER TABLE t DROP COLUMN a", "contract-order"),
        (MARIADB, "DROP TRIGGER g; ALTER TABLE t DROP COLUMN a", "contract-order"),
        (MARIADB, "ALTER TABLE t ALTER b SET DEFAULT 0; DROP TRIGGER g; ALTER TABLE t DROP COLUMN a", "contract-order"),
        (MARIADB, "START TRANSACTION; DROP TRIGGER g; ALTER TABLE t DROP COLUMN a; COMMIT", "contract-order"),
        (MARIADB, "ALTER TABLE t MODIFY a int NULL", "modify"),
        (MARIADB, "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u (id)", "foreign-key"),
        (PG, "ALTER TABLE t ALTER COLUMN a SET NOT NULL", "set-not-null"),
        (
            PG,
            "ALTER TABLE t ADD CONSTRAINT c CHECK (b IS NOT NULL) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c;"
            "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
            "set-not-null",
        ),
        (
            PG,
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NULL) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c;"
            "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
            "set-not-null",
        ),
        (PG, "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "check"),
        (PG, "ALTER TABLE t RENAME COLUMN a TO b", "rename-column"),
        (PG, "CREATE UNIQUE INDEX i ON t (a)", "index-lock"),
        (PG, "ALTER TABLE t DROP COLUMN a CASCADE", "cascade"),
        (PG, "DROP INDEX i", "drop-index"),
        (PG, "TRUNCATE t", "data-loss"),
        (PG, "DO $$ BEGIN NULL; END $$", "hidden-code"),
    ],
)
def test_contract_is_refused_where_new_code_would_suffer(engine: Engine, text: str, rule: str) -> None:
    assert rules(text, engine, Phase.CONTRACT) == [rule]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("UPDATE t SET b = a WHERE {} AND b IS NULL", []),
        ("UPDATE s.t SET b = lower(a), c = 1 WHERE b IS NULL AND {} AND c IS NULL AND a > 5", []),
        ("UPDATE t SET b = a WHERE {}", ["backfill"]),
        ("UPDATE t SET b = a WHERE {} AND a IS NULL", ["backfill"]),
        ("UPDATE t SET b = a WHERE {} AND b IS NOT NULL", ["backfill"]),
        ("UPDATE t SET b = a WHERE {} AND NOT b IS NULL", ["backfill"]),
        ("UPDATE t SET b = a, a = 1 WHERE {} AND b IS NULL", ["backfill"]),
        ("UPDATE t SET b = a WHERE {} AND (b IS NULL OR a > 1)", ["backfill"]),
        ("UPDATE t SET b = (SELECT 1) WHERE {} AND b IS NULL", ["backfill"]),
        ("UPDATE t SET b = f(a) WHERE {} AND b IS NULL", ["backfill"]),
        ("UPDATE t SET b = a WHERE b IS NULL", ["backfill-range"]),
        ("UPDATE t SET b = a", ["backfill", "backfill-range"]),
        ("UPDATE t SET b = u.a FROM u WHERE t.id BETWEEN :first AND :last", ["backfill", "backfill-range"]),
        ("DELETE FROM t WHERE a IS NULL", ["data-loss", "backfill-range"]),
        ("ALTER TABLE t DROP COLUMN a", ["drop-column", "backfill-range"]),
        ("ALTER TABLE t ADD COLUMN a int", ["backfill-range"]),
        ("INSERT INTO u (a) SELECT a FROM t WHERE {}", ["bulk-write", "backfill-range"]),
    ],
)
def test_backfill_fills_only_what_is_null(text: str, found: list[str]) -> None:
    for engine in Engine:
        assert rules(text.format("id BETWEEN :first AND :last"), engine, Phase.BACKFILL) == found


def test_a_backfill_may_add_rows_to_another_table() -> None:
    insert = "INSERT INTO u (a, b) SELECT t.a, lower(t.b) FROM t WHERE t.id BETWEEN :first AND :last"
    keep = {PG: " ON CONFLICT (a) DO NOTHING", MARIADB: " ON DUPLICATE KEY UPDATE u.a = u.a"}
    for engine, text in keep.items():
        assert rules(insert + text, engine, Phase.BACKFILL) == []
        assert rules(insert + text, engine, Phase.EXPAND) != []
        assert rules(insert.replace("lower", "f") + text, engine, Phase.BACKFILL) != []
    assert rules(f"{insert} ON CONFLICT (a) DO UPDATE SET b = 1", PG, Phase.BACKFILL) == [
        "row-change",
        "backfill-range",
    ]
    assert rules(f"{insert} ON DUPLICATE KEY UPDATE u.b = 1", MARIADB, Phase.BACKFILL) == [
        "row-change",
        "backfill-range",
    ]


def test_no_comment_makes_a_range_unnecessary() -> None:
    marker = "-- orchestrator: safe because the table has 20 rows\n"
    assert rules(f"{marker}UPDATE t SET b = 1 WHERE id BETWEEN :first AND :last", phase=Phase.BACKFILL) == []
    assert rules(f"{marker}UPDATE t SET b = 1", phase=Phase.BACKFILL) == ["backfill-range"]
    two = "UPDATE t SET b = a WHERE id BETWEEN :first AND :last AND b IS NULL;\n"
    [found] = lint(two * 2, "x.sql", PG, Phase.BACKFILL).open
    assert (found.rule, found.line) == ("backfill-range", 2)
    assert found.object == "the file has 2 statements: write one statement per backfill file"


def test_a_check_only_reads() -> None:
    assert rules("SELECT count(*) FROM t WHERE b IS NULL AND a IS NOT NULL", phase=Phase.CHECK) == []
    for text in ("UPDATE t SET a = 1", "SELECT f()", "SELECT a FROM t FOR UPDATE", "SELECT 1 INTO x", "nonsense"):
        assert rules(text, phase=Phase.CHECK) == ["check-query"]


def test_the_order_of_the_statements_of_a_file_counts() -> None:
    assert rules("CREATE TABLE t (a int); ALTER TABLE T DROP COLUMN a; DROP TABLE t") == []
    assert rules('CREATE TABLE t (a int); DROP TABLE "T"') == ["drop-table"]
    assert rules("CREATE TABLE a.t (a int); DROP TABLE t") == ["drop-table"]
    assert rules("CREATE TABLE t (a int); DROP TABLE T", MARIADB) == ["drop-table"]
    assert rules("CREATE TABLE t (a int); DROP TABLE t; DROP TABLE t") == ["drop-table"]
    assert rules("CREATE TABLE t (a int); INSERT INTO t (a) SELECT a FROM u WHERE a > 1; DROP TABLE t") == []
    assert rules("CREATE TABLE t (a int); INSERT INTO t (a) SELECT f(a) FROM u") == ["bulk-write"]
    assert rules("CREATE TABLE t (a int); INSERT INTO t (a) SELECT a FROM u", MARIADB) == ["bulk-write"]
    assert rules("CREATE TEMPORARY TABLE t (a int); DROP TABLE t") == ["drop-table"]
    assert rules("CREATE TABLE IF NOT EXISTS t (a int); DROP TABLE t") == ["drop-table"]
    assert rules("CREATE TABLE t (a int); ALTER TABLE t RENAME TO u; ALTER TABLE t ADD a int NOT NULL") == [
        "required-column"
    ]
    assert rules("BEGIN; CREATE INDEX CONCURRENTLY i ON t (a); COMMIT") == ["transaction"]
    assert rules("BEGIN; ALTER TABLE t ADD a int; SELECT count(*) FROM t; COMMIT") == ["transaction"]
    assert rules("BEGIN; ALTER TABLE t ADD a int") == ["transaction"]
    assert rules("ALTER TABLE t ADD a int; ALTER TABLE t VALIDATE CONSTRAINT c") == ["transaction"]
    assert rules("ALTER TABLE u ADD a int; ALTER TABLE t VALIDATE CONSTRAINT c") == []
    assert rules("BEGIN; ALTER TABLE t VALIDATE CONSTRAINT c; COMMIT") == ["transaction"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *(("SET lock_timeout = '2s'", []), ("SET lock_timeout = 500", []), ("SET lock_timeout TO '1min'", ["setting"])),
        *(("SET lock_timeout = 0", ["setting"]), ("SET LOCAL statement_timeout = '1h'", ["setting"])),
        *(("SET statement_timeout = '10min'", []), ("RESET lock_timeout", ["not-recognised"])),
    ],
)
def test_only_short_waits_for_locks_may_be_set(text: str, found: list[str]) -> None:
    assert rules(text) == found


@pytest.mark.parametrize(
    ("engine", "text"),
    [
        (PG, "SELECT 1; -- a\rDROP TABLE log"),
        (PG, r"ALTER TABLE t ADD a text DEFAULT 'a\', DROP COLUMN b, ADD c text DEFAULT '\b'"),
        (MARIADB, r"ALTER TABLE t ADD a text DEFAULT 'a\\', DROP COLUMN b, ADD c text DEFAULT 'b'"),
        (MARIADB, "ALTER TABLE t ADD a int -- \r/*\n, DROP COLUMN b -- */"),
        (MARIADB, "INSERT INTO t (a) VALUES (1--1, (SELECT max(a) FROM u FOR UPDATE)\n)"),
        (MARIADB, "ALTER TABLE t ADD a int {# #} , DROP COLUMN b {# #}"),
        (PG, 'CREATE TABLE "a.b" (c int); DROP TABLE a.b'),
        (PG, 'CREATE TABLE "a b" (c int); DROP TABLE "a-b"'),
        (MARIADB, "CREATE TABLE `a``b` (c int); DROP TABLE `a`"),
    ],
)
def test_nothing_hides_behind_the_rules_for_quotes(engine: Engine, text: str) -> None:
    assert rules(text, engine) != []


@pytest.mark.parametrize("engine", [PG, MARIADB])
@given(st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_no_disguise_makes_a_harmful_statement_pass(engine: Engine, random: Random) -> None:
    known = labels(engine)
    words = [one for one in cases(engine) if not re.search(r"""['"`$;#]|--|/\*""", one.sql.strip().rstrip(";"))]
    words = [one for one in words if one.name not in PASSES[engine]]
    case = random.choice([one for one in words if known[one.name].label in ("breaks", "blocks")])
    gaps = [" ", "\n", "\t", "  ", "/**/", " /* x */ ", "\r\n", "-- x\n", " -- ; 'x\n", "/* ' */", "/* -- */", "\f"]
    parts = [random.choice([one, one.upper(), one.lower()]) for one in re.split(r"(\s+)", case.sql.strip())]
    text = "".join(random.choice(gaps) if part.isspace() else part for part in parts)
    assert rules(f"SELECT 1; {text}", engine) != []


def test_null_as_a_default_is_no_default() -> None:
    assert rules("ALTER TABLE t ALTER a SET DEFAULT (NULL)", MARIADB) == ["drop-default"]
    assert rules("ALTER TABLE t ALTER a SET DEFAULT NULL::int") == ["drop-default"]
    assert rules("ALTER TABLE t ADD a int NOT NULL DEFAULT (NULL)", MARIADB) == ["required-column"]


def test_a_long_default_of_a_new_column_is_the_servers_matter() -> None:
    # PostgreSQL computes the default at once, also for a table without rows: the statement itself fails
    assert rules("ALTER TABLE t ADD COLUMN a varchar(3) DEFAULT 'abcd'") == []
    # but not the new default of a column that exists: inserts fail
    assert rules("ALTER TABLE t ALTER COLUMN a SET DEFAULT 'abcd'") == ["set-default"]


@pytest.mark.parametrize(
    ("definition", "found"),
    [
        *(("tinyint DEFAULT now()", ["set-default"]), ("datetime DEFAULT now()", [])),
        *(("json DEFAULT '{}'", []), ("json DEFAULT ('[]')", []), ("json DEFAULT 'a'", ["set-default"])),
        *(
            ("text DEFAULT ('abc')", []),
            ("varchar(2) DEFAULT ('abc')", ["set-default"]),
            ("varchar(2) DEFAULT 'abc'", []),
        ),
        *(("tinyint DEFAULT (1000)", ["set-default"]), ("int DEFAULT (1000)", []), ("int DEFAULT (1 + 1)", [])),
        *(("smallint DEFAULT (999 * 999)", ["set-default"]), ("float DEFAULT ('{}')", ["set-default"])),
        *(("int DEFAULT (NULL)", []), ("json DEFAULT NULL", [])),
    ],
)
def test_mariadb_does_not_check_all_defaults(definition: str, found: list[str]) -> None:
    assert rules(f"ALTER TABLE t ADD COLUMN a {definition}", MARIADB) == found


@pytest.mark.parametrize(
    ("engine", "kind", "value", "found"),
    [
        *(
            (PG, "", "5", []),
            (PG, "", "-5", []),
            (PG, "", "true", []),
            (PG, "", "''", []),
            (PG, "", "100000", ["set-default"]),
        ),
        *((PG, "", "now()", ["set-default"]), (PG, "timestamptz", "now()", []), (PG, "text", "'abc'", [])),
        *((PG, "", "gen_random_uuid()", ["set-default"]), (PG, "uuid", "gen_random_uuid()", [])),
        *((PG, "varchar(36)", "gen_random_uuid()", []), (PG, "varchar(35)", "gen_random_uuid()", ["set-default"])),
        *((MARIADB, "", "5", []), (MARIADB, "", "100000", []), (MARIADB, "", "(100000)", ["set-default"])),
        *((MARIADB, "", "'abc'", ["set-default"]), (MARIADB, "", "''", ["set-default"]), (MARIADB, "text", "'a'", [])),
        *((MARIADB, "", "(uuid())", ["set-default"]), (MARIADB, "char(36)", "(uuid())", [])),
        *((MARIADB, "", "CURRENT_TIMESTAMP", ["set-default"]), (MARIADB, "datetime", "CURRENT_TIMESTAMP", [])),
    ],
)
def test_a_default_must_be_sure_to_fit_the_column(engine: Engine, kind: str, value: str, found: list[str]) -> None:
    added = f"ALTER TABLE t ADD COLUMN a {kind}; " if kind else ""
    assert rules(f"{added}ALTER TABLE t ALTER COLUMN a SET DEFAULT {value}", engine) == found


def test_words_that_the_parser_leaves_out_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = parse("ALTER TABLE t ADD COLUMN a int", PG)
    monkeypatch.setattr(judge, "parse", lambda *_: tree)
    assert rules("ALTER TABLE t ADD COLUMN a int") == []
    for left_out in ("DROP COLUMN b", "RENAME b TO c", "UNIQUE", "ON DELETE SET NULL, DROP b", "ALTER b DROP DEFAULT"):
        assert rules(f"ALTER TABLE t ADD COLUMN a int {left_out}") == ["not-recognised"]
    assert rules("ALTER TABLE t ADD COLUMN a int DEFAULT 'DROP' -- DROP") == []


def test_a_trigger_that_is_cut_asks_for_a_delimiter() -> None:
    found = rules("CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.a = 1; END;", MARIADB)
    assert found == ["delimiter", "delimiter"]


def test_huge_and_deep_statements_are_refused() -> None:
    values = ", ".join(["(1, 'some text')"] * 13_000)
    huge = "INSERT INTO t (a, b) VALUES ROWS".replace("ROWS", values)
    assert rules(huge) == ["not-recognised"]
    assert rules(f"ALTER TABLE t ADD a int DEFAULT {'(' * 5000}1{')' * 5000}") == ["not-recognised"]


@pytest.mark.exhaustive
@pytest.mark.parametrize("engine", [PG, MARIADB])
def test_long_texts_do_not_keep_the_patterns_busy(engine: Engine) -> None:
    long = [
        f"GRANT SELECT ON t TO {'a' * 15_000}!",
        f"GRANT SELECT ON t TO {'a,' * 6_000}!",
        f"ALTER TABLE t {'ADD a ' * 8_000}!",
        f"ALTER TABLE t {'ALTER TABLE t ADD x RENAME ' * 2_000}!",
        f"CREATE INDEX i ON t (a){' ' * 30_000}!",
        f"CREATE INDEX i ON t (a) {'LOCK=NONE ' * 15_000}!",
        f"ALTER {' ' * 30_000}!",
        f"DROP {'$' * 15_000}",
        f"SELECT 'a{chr(92) * 30_001}",
        f"-- orchestrator: safe because{'.' * 30_000}\nDROP TABLE t",
    ]
    for text in long:
        assert rules(text, engine) != []


@given(TEXTS, st.sampled_from(Engine), st.sampled_from(Phase))
@settings(max_examples=150, deadline=None)
def test_no_text_ends_in_an_exception(text: str, engine: Engine, phase: Phase) -> None:
    judged = lint(text, "x.sql", engine, phase)
    assert all(one.rule in RULES and one.line >= 1 for one in judged.findings)
    if phase is not Phase.CONTRACT and "DROP TABLE t;" in "".join(text.split("--")) and not judged.findings:
        assert any(sign in text for sign in ("'", '"', "`", "$", "#", "/*", "delimiter", "DELIMITER", "--"))


@pytest.mark.exhaustive
@given(TEXTS, st.sampled_from(Engine), st.sampled_from(Phase))
@settings(max_examples=500, deadline=None)
def test_no_text_of_hundreds_ends_in_an_exception(text: str, engine: Engine, phase: Phase) -> None:
    assert lint(text, "x.sql", engine, phase).statements >= 0


@pytest.mark.slow
@given(TEXTS, st.sampled_from(Engine), st.sampled_from(Phase))
@settings(max_examples=5_000, deadline=None)
def test_no_text_of_thousands_ends_in_an_exception(text: str, engine: Engine, phase: Phase) -> None:
    assert lint(text, "x.sql", engine, phase).statements >= 0
