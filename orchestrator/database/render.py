"""Prints the result of the lint: for people, as JSON, and as SARIF for code scanning services."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator import __version__
from orchestrator.database.findings import RULES, Finding
from orchestrator.database.lint import Judged
from orchestrator.database.model import Engine

WIDTH = 100
"""Characters of a line of the text output. A longer word is not cut."""


def text(files: Sequence[Judged]) -> str:
    """Return the findings as text, and a summary in the last line."""
    return "".join(f"{line}\n" for line in _lines(files))


def _lines(files: Sequence[Judged]) -> Iterator[str]:
    for file in files:
        for one in file.findings:
            if one.reason:
                yield overridden(file, one)
            else:
                yield from block(file, one)
    yield summary(files)


def overridden(file: Judged, one: Finding) -> str:
    """Return the line about a finding that is overridden, with the reason."""
    return f"{_where(file, one)}: {one.id}: {one.object}: safe because {one.reason}"


def block(file: Judged, one: Finding) -> Iterator[str]:
    """Yield the lines about a finding: its id and object, the statement, the harm, and what to do instead."""
    yield f"{_where(file, one)}: {one.id}: {one.object}"
    yield f"    {_short(one.statement)}"
    yield from _wrapped("harm", one.harm)
    yield from _wrapped("instead", one.instead)


def _where(file: Judged, one: Finding) -> str:
    return f"{file.name}:{one.line}" if one.line else file.name


def _short(statement: str) -> str:
    flat = " ".join(statement.split())
    return flat if len(flat) <= WIDTH else f"{flat[: WIDTH - 3]}..."


def _wrapped(label: str, words: str) -> list[str]:
    inner = " " * 14
    return textwrap.wrap(
        words,
        WIDTH,
        initial_indent=f"    {label}: ".ljust(14),
        subsequent_indent=inner,
        break_long_words=False,
        break_on_hyphens=False,
    )


def summary(files: Sequence[Judged]) -> str:
    """Return how many statements and findings the files have."""
    found = sum(len(one.open) for one in files)
    marked = sum(len(one.findings) for one in files) - found
    statements = sum(one.statements for one in files)
    counts = f"{count(statements, 'statement')} in {count(len(files), 'file')}: {count(found, 'finding')}"
    return counts + (f", {marked} more marked as safe" if marked else "")


def count(number: int, word: str) -> str:
    """Return a number with a noun, such as ``1 finding`` or ``2 findings``."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def as_json(files: Sequence[Judged], engine: Engine) -> str:
    """Return the result as JSON. docs/database.md explains the keys."""
    document = {
        "version": 1,
        "engine": engine.value,
        "findings": sum(len(one.open) for one in files),
        "files": [
            {
                "file": file.name,
                "phase": file.phase.value,
                "statements": file.statements,
                "findings": [_item(one) for one in file.findings],
            }
            for file in files
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _item(one: Finding) -> dict[str, Any]:
    item = {
        "id": one.id,
        "rule": one.rule,
        "line": one.line,
        "object": one.object,
        "statement": one.statement,
        "harm": one.harm,
        "instead": one.instead,
    }
    return item | ({"safe_because": one.reason} if one.reason else {})


def as_sarif(files: Sequence[Judged], engine: Engine) -> str:
    """Return the result in the format SARIF 2.1.0. A finding that the author has overridden is a suppressed result."""
    used = sorted({one.rule for file in files for one in file.findings})
    driver = {
        "name": "orchestrator db lint",
        "version": __version__,
        "rules": [_rule(rule, engine) for rule in used],
    }
    results = [_result(one, file.name, used) for file in files for one in file.findings]
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _rule(rule: str, engine: Engine) -> dict[str, Any]:
    return {
        "id": rule,
        "shortDescription": {"text": RULES[rule].harm},
        "help": {"text": RULES[rule].advice(engine)},
        "defaultConfiguration": {"level": "error"},
    }


def _result(one: Finding, name: str, rules: Sequence[str]) -> dict[str, Any]:
    lines = one.statement.count("\n")
    result: dict[str, Any] = {
        "ruleId": one.rule,
        "ruleIndex": rules.index(one.rule),
        "level": "error",
        "message": {"text": f"{one.object}: {one.harm}. Instead: {one.instead}."},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(name)},
                    "region": {"startLine": one.line, "endLine": one.line + lines},
                }
            }
        ],
        "partialFingerprints": {"finding/v1": one.id},
    }
    if one.reason:
        result["suppressions"] = [{"kind": "inSource", "justification": one.reason}]
    return result


def _uri(name: str) -> str:
    from urllib.parse import quote

    return quote(name.encode("utf-8", "surrogateescape"))
