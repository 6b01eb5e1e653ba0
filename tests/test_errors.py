"""The exception tree of orchestrator/errors.py."""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import orchestrator
from orchestrator import errors
from orchestrator.errors import Failure, Interrupted, OrchestratorError

ROOT = Path(__file__).parents[1]


def defined() -> Iterator[type[BaseException]]:
    """Every exception class that a module of the package defines."""
    for info in pkgutil.walk_packages(orchestrator.__path__, "orchestrator."):
        module = import_module(info.name) if not info.name.endswith("__main__") else None
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, BaseException) and kind.__module__ == info.name:
                yield kind


def test_every_exception_belongs_to_the_tree() -> None:
    outside = [kind for kind in defined() if not issubclass(kind, Failure)]
    assert outside == [Interrupted]


def test_the_picture_of_the_tree_names_every_exception() -> None:
    named = set(re.findall(r"\w+", errors.__doc__ or ""))
    assert {kind.__name__ for kind in defined()} - named == set()


def test_shared_exceptions_are_defined_in_errors() -> None:
    for kind in defined():
        if kind.__module__ == errors.__name__:
            continue
        room = kind.__module__.split(".")[1]
        named = re.compile(rf"\b{kind.__name__}\b")
        users = {
            path.relative_to(ROOT / "orchestrator").parts[0].removesuffix(".py")
            for path in (ROOT / "orchestrator").rglob("*.py")
            if path.name != "errors.py" and named.search(path.read_text())
        }
        assert users == {room}, kind


def test_the_page_on_exit_codes_names_every_status() -> None:
    page = (ROOT / "docs" / "exit-codes.md").read_text()
    for kind in defined():
        if issubclass(kind, OrchestratorError) and kind is not OrchestratorError:
            assert re.search(rf"^\| {kind.status} \|", page, re.MULTILINE), kind
            assert re.search(rf"── {kind.__name__} +{kind.status} ", errors.__doc__ or ""), kind
