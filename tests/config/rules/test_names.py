"""Rules about the name of the deployment."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config.rules import Rule
from orchestrator.config.rules.names import deployments_are_no_colors, names_are_not_of_the_system, names_are_short

from .table import said


@pytest.mark.parametrize(
    ("rule", "changes", "problem"),
    [
        (names_are_short, {"app": "a" * 31}, None),
        (names_are_short, {"app": "a" * 23, "deployment": "staging"}, None),
        (
            names_are_short,
            {"app": "a" * 24, "deployment": "staging"},
            f"deployment: the name on the servers is {'a' * 24}-staging, which has 32 characters, and 31 are allowed: "
            "choose a shorter name",
        ),
        (deployments_are_no_colors, {"app": "blue"}, None),
        (deployments_are_no_colors, {"deployment": "blueish"}, None),
        (
            deployments_are_no_colors,
            {"deployment": "blue"},
            "deployment: blue contains blue, which is a color: choose another name",
        ),
        (
            deployments_are_no_colors,
            {"deployment": "green-chat"},
            "deployment: green-chat contains green, which is a color: choose another name",
        ),
        (names_are_not_of_the_system, {"app": "cloud", "deployment": "inits"}, None),
        (
            names_are_not_of_the_system,
            {"app": "cloud", "deployment": "init"},
            "deployment: packages of the system have files with the name cloud-init: choose another name, such as "
            "cloud-init-app",
        ),
    ],
)
def test_names(rule: Rule, changes: dict[str, Any], problem: str | None) -> None:
    assert said(rule, changes) == problem
