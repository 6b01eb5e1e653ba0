"""Splitting a SQL file into statements."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.database.model import Engine
from orchestrator.database.split import joined, split

PG, MY = Engine.POSTGRES, Engine.MARIADB

# pieces that begin, end or hide something, in an order that nobody expects
PIECES = st.sampled_from(
    [
        *(
            "'",
            "''",
            '"',
            "`",
            "\\",
            "\\'",
            ";",
            ";;",
            "\n",
            " ",
            "--",
            "-- ",
            "--\n",
            "#",
            "/*",
            "*/",
            "/*!",
            "/*M!",
            "*",
        ),
        *("$$", "$a$", "$", "a$$", "E'", "e'", "N'", "(", ")", "BEGIN", "ATOMIC", "END", "CASE", "CREATE FUNCTION f()"),
        *(
            "delimiter //\n",
            "DELIMITER ;\n",
            "delimiter\n",
            "//",
            "SELECT 1",
            "x",
            "é",
            "\0",
            "\x85",
            "\u2028",
            "\r\n",
            "\t",
        ),
        *("-- orchestrator: safe because x\n", "ALTER TABLE t ADD a int", "DROP TABLE t", "COMMIT", "BEGIN;"),
    ]
)
TEXTS = st.lists(PIECES, max_size=30).map("".join)


@pytest.mark.parametrize(
    ("engine", "text", "expected"),
    [
        (PG, "SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
        (PG, ";;\n;", ["", "", ""]),
        (PG, "SELECT ';'; SELECT 'a'';'; SELECT \"a;b\"", ["SELECT ';'", "SELECT 'a'';'", 'SELECT "a;b"']),
        (PG, r"SELECT 'a\'; SELECT E'a\';'; SELECT 1", [r"SELECT 'a\'", r"SELECT E'a\';'", "SELECT 1"]),
        (PG, r"SELECT nameE'a\'; SELECT 1", [r"SELECT nameE'a\'", "SELECT 1"]),
        (
            PG,
            "SELECT $$;$$, $a$ ; $$ ; $a$; SELECT a$b$; SELECT 1",
            ["SELECT $$;$$, $a$ ; $$ ; $a$", "SELECT a$b$", "SELECT 1"],
        ),
        (PG, "SELECT 1 -- ;\n; SELECT 2", ["SELECT 1 -- ;", "SELECT 2"]),
        (PG, "/* ; /* ; */ ; */ SELECT 1; # x; y", ["SELECT 1", "# x", "y"]),
        (PG, "SELECT 1; -- a\rSELECT 2", ["SELECT 1", "SELECT 2"]),
        (MY, "SELECT 1; -- a\rSELECT 2", ["SELECT 1"]),
        (PG, "CREATE RULE r AS ON INSERT TO t DO (DELETE FROM a; DELETE FROM b); SELECT 1", None),
        (
            PG,
            "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END; x",
            None,
        ),
        (PG, "BEGIN; SELECT 1; END; SELECT 2", ["BEGIN", "SELECT 1", "END", "SELECT 2"]),
        (MY, r"SELECT 'a\';', `a\`; " + r'SELECT "a\";"', [r"SELECT 'a\';', `a\`", r'SELECT "a\";"']),
        (MY, "SELECT 1--2; SELECT 2 -- ;\n; # ;\nSELECT 3", ["SELECT 1--2", "SELECT 2 -- ;", "SELECT 3"]),
        (MY, "/* ; /* ; */ SELECT 1; SELECT $$;$$", ["SELECT 1", "SELECT $$", "$$"]),
        (
            MY,
            "DELIMITER //\nCREATE TRIGGER a BEGIN x; y; END//\ndelimiter ;\nSELECT 1;",
            ["CREATE TRIGGER a BEGIN x; y; END", "SELECT 1"],
        ),
        (MY, "/*!50000 a; b */; SELECT 1 /*M! ; ';' */ ;x", ["/*!50000 a; b */", "SELECT 1 /*M! ; ';' */", "x"]),
    ],
)
def test_statements_end_where_the_client_ends_them(engine: Engine, text: str, expected: list[str] | None) -> None:
    found = split(text, engine)
    assert "".join(joined(found)) == text
    if expected is None:
        assert len(found) == 2
    else:
        assert [one.text for one in found if one.text or one.tail] == expected


def test_lines_comments_and_hidden_code_are_noted() -> None:
    text = "-- a\n\n/* b */ SELECT 1;\n\n  -- c\nSELECT 'x' /* d */ , 2;"
    first, second = split(text, PG)
    assert (first.line, second.line) == (3, 6)
    assert [(one.text, one.line, one.alone) for one in first.comments] == [("-- a", 1, True), ("/* b */", 3, True)]
    assert [(one.text, one.alone) for one in second.comments] == [("-- c", True)]
    assert [one.text for one in second.inner] == ["/* d */"]
    assert "x" not in second.bare
    assert [one.executable for one in split("/*! a */; '/*! a */'; -- /*! a */\n/*M! b */", MY)] == [True, False, True]
    assert not split("/*! a */ SELECT 1", PG)[0].executable


@pytest.mark.parametrize(
    ("engine", "text", "clean"),
    [
        (
            PG,
            "SELECT 'a' /* x */, 'it''s', E'\\'', $$;$$, \"t\", \"a b\" -- x",
            "SELECT 'a'  , 'x', E'x', 'x', \"t\", \"q_612062\"",
        ),
        (MY, 'SELECT \'a\\\'\', "b;", "", `t`, `a-b`, 1--1 # x', "SELECT 'x', 'x', \"\", `t`, `q_612d62`, 1- - 1"),
        (MY, "SELECT 1 -- \r/*\n, 2 -- */", "SELECT 1  \n, 2"),
    ],
)
def test_the_clean_text_has_no_comments_or_odd_signs(engine: Engine, text: str, clean: str) -> None:
    assert [one.clean for one in split(text, engine)] == [clean]


@pytest.mark.parametrize(
    ("engine", "text", "sign"),
    [
        *((PG, "SELECT 'a", "'"), (PG, 'SELECT "a', '"'), (PG, "SELECT $x$ a $$", "$x$"), (PG, "/* /* */", "/*")),
        *((PG, "SELECT (1; SELECT 2", "("), (MY, r"SELECT 'a\'", "'"), (MY, "SELECT `a", "`"), (MY, "/*! a", "/*!")),
        (PG, "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;", "BEGIN"),
    ],
)
def test_an_unfinished_text_is_noted(engine: Engine, text: str, sign: str) -> None:
    found = split(text, engine)
    assert [one.unfinished for one in found] == [sign]
    assert "".join(joined(found)) == text


@given(TEXTS, st.sampled_from(Engine))
@settings(max_examples=200, deadline=None)
def test_the_parts_of_any_text_make_the_text(text: str, engine: Engine) -> None:
    found = split(text, engine)
    assert "".join(joined(found)) == text
    assert all(one.text == one.text.strip() or one.unfinished or not one.text[0].isspace() for one in found)
    lines = [one.line for one in found]
    assert lines == sorted(lines)
