"""The names of the tests of this repository."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parent
LONGEST = 60
"""Characters of a test's name, ``test_`` included and without parameters."""


def names() -> dict[str, str]:
    """``file:line`` -> name of every test."""
    found = {}
    for file in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found[f"{file.relative_to(TESTS)}:{node.lineno}"] = node.name
    return found


def test_every_name_of_a_test_has_at_most_60_characters() -> None:
    assert {where: name for where, name in names().items() if len(name) > LONGEST} == {}
