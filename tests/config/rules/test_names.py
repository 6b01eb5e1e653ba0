"""Rules about the name of the deployment."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config.rules import Rule
from orchestrator.config.rules.names import (
    deployments_are_no_colors,
    group_is_the_web_user_s,
    names_are_not_of_the_system,
    names_are_short,
    web_user_is_short,
)

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
        (web_user_is_short, {"app": "a" * 28}, None),
        (web_user_is_short, {"app": "a" * 31, "web_user": "a"}, None),
        (
            web_user_is_short,
            {"app": "a" * 21, "deployment": "staging"},
            f"web_user: the default is {'a' * 21}-staging-web, which has 33 characters, and the name of a user may "
            "have 32: set web_user to a shorter name",
        ),
        (group_is_the_web_user_s, {"permissions": {"group": "shop-web"}}, None),
        (group_is_the_web_user_s, {"permissions": {"group": "www-data"}, "web_user": "www-data"}, None),
        (group_is_the_web_user_s, {"permissions": {"group": "www-data"}, "web_user": "http"}, None),
        (
            group_is_the_web_user_s,
            {"permissions": {"group": "www-data"}, "deployment": "staging"},
            "permissions.group: the application runs as shop-staging-web, which is not in the group www-data: set "
            'permissions.group to "shop-staging-web", or web_user to "www-data"',
        ),
    ],
)
def test_names(rule: Rule, changes: dict[str, Any], problem: str | None) -> None:
    assert said(rule, changes) == problem
