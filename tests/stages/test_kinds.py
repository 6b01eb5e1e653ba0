"""Every kind of stage is registered once, and its record matches its stages."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from orchestrator import stages
from orchestrator.config import load
from orchestrator.errors import UsageError
from orchestrator.plan.steps import Kind, Place
from orchestrator.stages import KINDS, plan
from orchestrator.stages.build import BUILD
from orchestrator.stages.hooks import RunHook, at_end, points
from tests.stages import plans

MODULES = [import_module(f"orchestrator.stages.{module.name}") for module in pkgutil.iter_modules(stages.__path__)]

POINTS = (
    *("suspend", "inherit", "attach", "mend", "drain", "tidy"),
    *("quiet", "fetch", "copy", "same", "share", "environment", "unchanged", "permit", "configure"),
    *("lint", "expand", "gate live", "backfill", "quiet workers", "start", "watch"),
    *("warm", "gate", "members", "bar", "close", "drained", "arm", "cutover", "verify", "unstick", "open"),
    *("start workers", "bake"),
    *(
        "newcomers",
        "proof",
        "promote",
        "end schedule",
        "start schedule",
        "retire workers",
        "newcomers after",
        "prune",
        "discard",
        "end drain",
        "unbar",
        "attach again",
    ),
    *("resume scaling", "check", "retire", "older processes", "barrier", "contract"),
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
    text = (Path(__file__).parents[2] / "docs/hooks.md").read_text()
    listed = text.partition("A hook may name one of these stages: ")[2].partition(".\n")[0]
    assert re.findall(r"`([^`]+)`", listed) == [kind.name + " <name>" * (kind is BUILD) for kind in KINDS if kind.hooks]


@pytest.mark.parametrize("name", ["restore", "undo of hook", "build", "cutover 5%", "discard 20240101T000000Z-ddddddd"])
def test_hooks_may_not_name_others(name: str) -> None:
    with pytest.raises(UsageError, match=f"there is no stage {name} "):
        plan(plans.inputs("release", hooks=[{"before": name, "run": "true"}]))


def named(hook: dict[str, Any], settings: str, verb: str = "release", full: bool = False) -> list[str]:
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


VERBS = ["release", "rollback", "join"]


def test_every_stage_of_every_plan_is_a_point_of_hooks() -> None:
    settings = load(plans.BASE | {"build": [{"name": "composer", "run": "composer install"}]})
    hooks = [
        {when: point, "run": "true", "verbs": VERBS}
        for point in points(KINDS, settings)
        for when in ("before", "after")
    ]
    for verb, chosen, full in product(VERBS, plans.SETTINGS, (False, True)):
        builds = "build" in plans.SETTINGS[chosen]
        given = [hook for hook in hooks if builds or "build composer" not in hook.values()]
        bare = [stage.name for stage in plan(plans.inputs(verb, chosen, full, hooks=[])).stages]
        names = [stage.name for stage in plan(plans.inputs(verb, chosen, full, hooks=given)).stages]
        assert [name for name in names if not name.startswith("hook ")] == bare
        first = {_point(name): index for index, name in reversed(list(enumerate(names))) if name in bare}
        last = {_point(name): index for index, name in enumerate(names) if name in bare}
        for point in first:
            assert re.search(f" before {point}( |$)", names[first[point] - 1]), (verb, chosen, point)
            assert re.search(f" after {point}( |$)", names[last[point] + 1]), (verb, chosen, point)


def _point(name: str) -> str:
    """The point of a stage, from the stage's name: without weight, batch, color, release and database."""
    return re.sub(r" (\d+%|\d+/\d+|live|idle|\d{8}T\S+|SQL files|stats|logs)", "", name)


def test_a_join_runs_only_hooks_that_say_so() -> None:
    assert named({"before": "fetch", "run": "true"}, "plain", "join") == []
    hook: dict[str, Any] = {"after": "fetch", "run": "true", "verbs": ["join"]}
    assert named(hook, "plain", "join") == [
        "fetch live < hook 0 after fetch live < copy live",
        "fetch idle < hook 0 after fetch idle < copy idle",
    ]
    assert named(hook, "plain", "release") == []


def test_a_hook_of_a_join_gets_the_release_of_its_color() -> None:
    hook = {"after": "fetch", "run": "true", "verbs": ["join"]}
    made = plan(plans.inputs("join", hooks=[hook])).stages
    hooks = [step.action for stage in made for step in stage.do if isinstance(step.action, RunHook)]
    assert [(one.release, one.color, one.revision) for one in hooks] == [
        (plans.OLD, "green", "c" * 40),
        (plans.FORMER, "blue", "b" * 40),
    ]


def test_hooks_at_the_end_run_where_places_answer() -> None:
    hooks = [
        {"after": "failed", "run": "a"},
        {"after": "undone", "run": "b", "on": "operator"},
        {"after": "failed", "run": "c", "verbs": ["rollback"]},
        {"after": "failed", "run": "d", "on": "first node"},
    ]
    i = plans.inputs("release", hooks=hooks)
    found = at_end(i, ["failed"], [Place("node", "node1")])
    assert [(stage.name, [str(step.place) for step in stage.do]) for stage in found] == [
        ("hook 0 after failed", ["node2"])
    ]
    assert all(step.action.advisory for stage in found for step in stage.do)
    assert [stage.name for stage in at_end(i, ["failed", "undone"])] == [
        "hook 0 after failed",
        "hook 1 after undone",
        "hook 3 after failed",
    ]
    assert not any("hook" in stage.name for stage in plan(i).stages)
