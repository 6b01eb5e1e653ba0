"""All rules: each is in force, and the first that is broken is reported."""

from __future__ import annotations

import inspect

import pytest

from orchestrator.config import load, rules
from orchestrator.config.rules import files, hooks, names, origin, services, traffic
from orchestrator.errors import UsageError

from ..test_settings import raw


def test_every_rule_is_in_force() -> None:
    found = {
        function
        for module in (traffic, services, files, hooks, names, origin)
        for _, function in inspect.getmembers(module, inspect.isfunction)
        if inspect.signature(function).return_annotation == "str | None" and function.__module__ == module.__name__
    }
    assert found == set(rules.RULES)
    assert len(rules.RULES) == len(found)


def test_settings_that_keep_all_rules() -> None:
    assert rules.problem(load(raw())) is None


def test_the_first_broken_rule_is_reported() -> None:
    with pytest.raises(UsageError, match=r"^settings: marker\.token is missing, so "):
        load(raw(marker={}, batches=[1]))
    with pytest.raises(UsageError, match=r"^settings: batches: the last batch is 1, "):
        load(raw(batches=[1]))
