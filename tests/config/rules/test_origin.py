"""Rules about where a release comes from."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config.rules import Rule
from orchestrator.config.rules.origin import builds_on_the_operator_machine_are_sent, new_instances_need_no_operator

from .table import said

HERE = {
    "name": "npm",
    "run": "npm run build",
    "on": "operator",
    "inputs": ["package.json"],
    "outputs": ["public/build"],
}
DIRECTORY = {"kind": "directory", "path": "."}
SCALING = {"group": "shop", "hook": "catch-up", "live": "s3://bucket/live.json"}


@pytest.mark.parametrize(
    ("rule", "changes", "problem"),
    [
        (builds_on_the_operator_machine_are_sent, {"build": [HERE | {"on": "nodes"}]}, None),
        (builds_on_the_operator_machine_are_sent, {"build": [HERE], "source": DIRECTORY}, None),
        (
            builds_on_the_operator_machine_are_sent,
            {"build": [HERE], "source": {"kind": "artifact", "checkout": "."}},
            None,
        ),
        *(
            (
                builds_on_the_operator_machine_are_sent,
                {"build": [HERE], "source": source},
                "build.npm: the step runs on the operator's machine, and the nodes would not get its outputs: use a "
                'source of kind artifact (with checkout) or directory, or on = "nodes"',
            )
            for source in (
                {"origin": "git@example.com:shop.git"},
                {"kind": "archive", "file": "shop.tar"},
                {"kind": "artifact", "url": "https://files.test/shop.tar"},
            )
        ),
        (new_instances_need_no_operator, {"scaling": SCALING}, None),
        (new_instances_need_no_operator, {"environment": {}, "build": [HERE], "source": DIRECTORY}, None),
        (
            new_instances_need_no_operator,
            {"scaling": {"group": "shop"}, "environment": {}, "build": [HERE], "source": DIRECTORY},
            None,
        ),
        (
            new_instances_need_no_operator,
            {"scaling": SCALING, "source": DIRECTORY},
            (
                "scaling.hook: a new instance can fetch a release only from a source of kind git, but source.kind is "
                "directory: use git, or remove scaling.hook"
            ),
        ),
        (
            new_instances_need_no_operator,
            {"scaling": SCALING, "source": {"origin": "https://me:hush@git.test/shop.git"}},
            "scaling.hook: a new instance has no password for source.origin: log in with a key (source.key)",
        ),
        (
            new_instances_need_no_operator,
            {"scaling": SCALING, "environment": {}},
            (
                "environment: the variables come from the operator's machine, but with scaling.hook, a new instance "
                "prepares itself without that machine: use shared.files"
            ),
        ),
        (
            new_instances_need_no_operator,
            {"scaling": SCALING, "build": [HERE]},
            "build.npm: the step runs on the operator's machine, but with scaling.hook, a new instance prepares itself "
            'without that machine: use on = "nodes"',
        ),
    ],
)
def test_rules_about_the_origin(rule: Rule, changes: dict[str, Any], problem: str | None) -> None:
    assert said(rule, changes) == problem
