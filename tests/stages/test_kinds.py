"""Every kind of stage is registered once, and its record matches its stages."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest

from orchestrator import stages
from orchestrator.config import load
from orchestrator.errors import UsageError
from orchestrator.plan.steps import Kind
from orchestrator.stages import KINDS, plan
from orchestrator.stages.build import BUILD
from orchestrator.stages.hooks import points
from tests.stages import plans

MODULES = [import_module(f"orchestrator.stages.{module.name}") for module in pkgutil.iter_modules(stages.__path__)]

POINTS = (
    *("attach", "mend", "quiet", "fetch", "same", "share", "environment", "unchanged", "permit", "configure"),
    *(
        "start",
        "watch",
        "warm",
        "gate",
        "members",
        "bar",
        "arm",
        "cutover",
        "verify",
        "unstick",
        "bake",
        "proof",
        "promote",
        "prune",
    ),
    "attach again",
)


def test_every_kind_is_registered_once() -> None:
    declared = {value for module in MODULES for value in vars(module).values() if isinstance(value, Kind)}
    assert declared == set(KINDS)
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def test_every_kind_is_in_a_plan() -> None:
    assert {stage.kind for stage in plans.stages()} == set(KINDS)


def test_a_kind_says_where_its_steps_act() -> None:
    for stage in plans.stages():
        assert {step.place.kind for step in stage.do} <= set(stage.kind.at), stage.name


def test_names_are_unique_in_a_plan() -> None:
    for made in plans.plans():
        names = [stage.name for stage in made.stages]
        assert len(set(names)) == len(names)


def test_a_stage_is_done_again_until_one_that_there_is() -> None:
    names = {kind.name for kind in KINDS}
    assert {kind.valid_until for kind in KINDS if kind.valid_until} == {"cutover"} <= names


def test_hooks_may_name_these_stages() -> None:
    settings = load(plans.BASE | {"build": [{"name": "composer", "run": "composer install"}]})
    assert points(KINDS, settings) == (*POINTS, "build composer")


def test_the_documentation_lists_where_hooks_may_stand() -> None:
    text = (Path(__file__).parents[2] / "docs/using.md").read_text()
    listed = text.partition("A hook may name one of these stages: ")[2].partition(".\n")[0]
    assert re.findall(r"`([^`]+)`", listed) == [kind.name + " <name>" * (kind is BUILD) for kind in KINDS if kind.hooks]


@pytest.mark.parametrize(
    "name", ["suspend", "inherit", "resume scaling", "newcomers", "restore", "build", "cutover 5%"]
)
def test_hooks_may_not_name_others(name: str) -> None:
    with pytest.raises(UsageError, match=f"there is no stage {name} "):
        plan(plans.inputs("release", hooks=[{"before": name, "run": "true"}]))


def named(hook: dict[str, str], settings: str, verb: str = "release", full: bool = False) -> list[str]:
    """The hook's stages, each with the stage that stands before and after it."""
    names = [stage.name for stage in plan(plans.inputs(verb, settings, full, hooks=[hook])).stages]
    return [
        f"{before} < {name} < {after}"
        for before, name, after in zip(names, names[1:], names[2:], strict=False)
        if name.startswith("hook ")
    ]


@pytest.mark.parametrize(
    ("hook", "settings", "found"),
    [
        ({"before": "fetch"}, "plain", ["quiet < hook 0 before fetch < fetch"]),
        ({"after": "attach"}, "plain", ["attach < hook 0 after attach < mend"]),
        ({"after": "unstick"}, "alb", ["unstick < hook 0 after unstick < proof"]),
        # before the first and after the last, whatever share of the traffic they are for
        ({"before": "cutover"}, "alb", ["arm 10% < hook 0 before cutover < cutover 10%"]),
        ({"after": "verify"}, "alb", ["verify < hook 0 after verify < unstick"]),
        (
            {"after": "build composer"},
            "batches",
            [
                "build composer 1/2 < hook 0 after build composer 1/2 < permit 1/2",
                "build composer 2/2 < hook 0 after build composer 2/2 < permit 2/2",
            ],
        ),
    ],
)
def test_hooks_stand_at_their_points(hook: dict[str, str], settings: str, found: list[str]) -> None:
    assert named({**hook, "run": "true"}, settings) == found


def test_code_only_is_compared_before_a_hook_after_it() -> None:
    hook = {"after": "unchanged", "run": "true"}
    assert named(hook, "plain", full=True) == ["unchanged < hook 0 after unchanged < permit"]


def test_a_join_runs_no_hooks() -> None:
    assert named({"before": "fetch", "run": "true"}, "plain", "join") == []
