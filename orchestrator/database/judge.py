"""Judges one statement: a statement is refused unless each of its parts is known to be safe."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from sqlglot import exp

from orchestrator.database import alter, commands, create, rows
from orchestrator.database.findings import Problem
from orchestrator.database.model import Engine, Phase
from orchestrator.database.split import Statement
from orchestrator.database.state import State
from orchestrator.database.syntax import name_of, only, only_reads, parse

_WAIT = re.compile(r"(ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?[\w.`$]+\s+)(?:NOWAIT|WAIT\s+[0-5])\b", re.IGNORECASE)
_LIST = re.compile(r"ALTER\s+TABLE\s+([\w.`$]+)\s+ADD\s+(?:COLUMN\s*)?(\(.*\))", re.IGNORECASE | re.DOTALL)
_ONLINE = re.compile(
    r" (?:ALGORITHM ?=? ?(?:INPLACE|NOCOPY|INSTANT|DEFAULT)|LOCK ?=? ?(?:NONE|DEFAULT))$", re.IGNORECASE
)
_NEVER = re.compile(
    r"\b(?:DROP(?! NOT NULL)|RENAME|TRUNCATE|CONVERT|EXCLUDE|IDENTITY|GENERATED(?! ALWAYS AS)|PARTITION|INHERITS?"
    r"|UNIQUE|PRIMARY|FOREIGN|CHECK|VOLATILE|REPLACE"
    r"|(?<!ON )DELETE|(?<!ON )UPDATE|(?<!ON DELETE )(?<!ON UPDATE )CASCADE)\b",
    re.IGNORECASE,
)
"""Words that are in no statement that changes or reads an existing table safely while old code runs."""

_UNSURE = {"not-recognised", "hidden-code", "setting", "drop-object", "transaction", "query", "unfinished"}
"""After a statement with one of these findings, a name may no longer mean the same table."""


def judge(statement: Statement, state: State) -> list[Problem]:
    """Return the problems of a statement, and note in ``state`` what the statement does."""
    state.number += 1
    state.own = False
    if statement.unfinished:
        return [Problem("unfinished", statement.unfinished)]
    if statement.executable:
        state.forget()
        return [Problem("hidden-code", "/*! */")]
    found = _once(_problems(statement, state))
    if not found and not state.contract and _NEVER.search(commands.flat(statement.bare)) and not state.own:
        # a second look at the words themselves, in case that sqlglot left out a part of the statement
        found = [Problem("not-recognised", commands.flat(statement.text)[:60])]
    if any(one.rule in _UNSURE for one in found):
        state.forget()
    return found


def _once(problems: Iterator[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))


def _problems(statement: Statement, state: State) -> Iterator[Problem]:
    text = _simpler(statement, state)
    tree = parse(text, state.engine)
    if state.phase is Phase.CHECK:
        if tree is None or not only_reads(tree):
            yield Problem("check-query", commands.flat(text)[:60])
    elif brackets := _brackets(statement, state):
        yield from alter.added_in_brackets(*brackets, state)
    elif tree is None or isinstance(tree, exp.Command):
        yield from commands.judge(text, state)
    else:
        judged = _STATEMENTS.get(type(tree), _unknown)
        yield from judged(tree, state)


def _simpler(statement: Statement, state: State) -> str:
    """The text without harmless words that sqlglot does not know."""
    text = statement.clean
    if state.engine is Engine.MARIADB:
        text = _WAIT.sub(r"\1", text)
        text = re.sub(r"(?i)(\bADD\s+(?:INDEX|KEY)\s+)IF\s+NOT\s+EXISTS\b", r"\1", text)
    if not state.postgres and re.match(r"(?i)CREATE\s+(?:UNIQUE\s+)?INDEX\b", text):
        text = _ONLINE.sub("", _ONLINE.sub("", commands.flat(text)))
    return text


def _brackets(statement: Statement, state: State) -> tuple[str, exp.Schema] | None:
    """Table and columns of ``ALTER TABLE t ADD (a int, b int)`` in MariaDB and MySQL, which sqlglot does not know."""
    said = None if state.postgres else _LIST.fullmatch(statement.clean)
    tree = parse(f"CREATE TABLE {said[1]} {said[2]}", state.engine) if said else None
    if not isinstance(tree, exp.Create) or not only(tree, "this", "kind") or not isinstance(tree.this, exp.Schema):
        return None
    return name_of(tree.this, state.engine), tree.this


def _unknown(node: exp.Expr, state: State) -> Iterator[Problem]:
    text = commands.flat(node.sql(dialect=state.engine.dialect))
    yield Problem(commands.refused_as(text, state), text[:60])


def _transaction(node: exp.Expr, state: State) -> Iterator[Problem]:
    if not only(node):
        yield Problem("transaction", "transaction")
    state.in_transaction = isinstance(node, exp.Transaction)
    state.transactions += state.in_transaction


def _comment(node: exp.Comment, state: State) -> Iterator[Problem]:
    if not only(node, "this", "kind", "expression", "exists"):
        yield Problem("not-recognised", f"comment on {name_of(node.this, state.engine)}")


def _grant(node: exp.Grant, _: State) -> Iterator[Problem]:
    if not only(node, "privileges", "kind", "securable", "principals", "grant_option"):
        yield Problem("not-recognised", "grant")


def _analyze(node: exp.Analyze, state: State) -> Iterator[Problem]:
    if state.engine is Engine.MYSQL or not only(node, "kind", "tables", "this"):
        yield Problem("maintenance", "analyze")


_STATEMENTS: dict[type[exp.Expr], Callable[[Any, State], Iterator[Problem]]] = {
    exp.Alter: alter.judge,
    exp.Create: create.judge,
    exp.Drop: create.drop,
    exp.Insert: rows.insert,
    exp.Update: rows.update,
    exp.Delete: rows.delete,
    exp.TruncateTable: rows.delete,
    exp.Select: rows.query,
    exp.Union: rows.query,
    exp.Set: rows.setting,
    exp.Transaction: _transaction,
    exp.Commit: _transaction,
    exp.Comment: _comment,
    exp.Grant: _grant,
    exp.Analyze: _analyze,
}
