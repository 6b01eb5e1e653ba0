"""The printed plan."""

from __future__ import annotations

import pytest

from orchestrator.plan.steps import Plan
from orchestrator.report.plan import lines, risks
from orchestrator.stages import plan
from tests.plan.test_preflight import fleet
from tests.stages import plans

MIGRATE = {"name": "migrate", "run": "bin/migrate", "user": "web"}
HOOK = {"before": "cutover", "run": "bin/tell", "user": "web", "undo": "bin/untell"}


def shown(made: Plan, name: str) -> str:
    """The row of a stage, without the spaces between its columns."""
    inputs = plans.inputs("release", full=False)
    rows = [line.split() for line in lines(fleet(), inputs, made, verbose=False)]
    return " ".join(next(row for row in rows if " ".join(row).startswith(name)))


@pytest.mark.parametrize("settings", ["plain", "batches"])
def test_a_plan_says_which_commands_the_web_user_runs(settings: str) -> None:
    composer = {"name": "composer", "run": "composer install"}
    made = plan(plans.inputs("release", settings, full=False, build=[composer, MIGRATE], hooks=[HOOK]))
    part = " 1/2" if settings == "batches" else ""
    first = "do -" if part else "do do"
    assert shown(made, f"build composer{part}").endswith(f" {first} - -")
    assert shown(made, f"build migrate{part}").endswith(f" {first} - - as shop-web")
    assert shown(made, "hook 0 before cutover").endswith(" do - do - as shop-web" if part else " do do - - as shop-web")


def test_the_web_user_s_steps_follow_the_permissions() -> None:
    build = [{"name": "composer", "run": "composer install"}, MIGRATE, MIGRATE | {"name": "cache"}]
    for settings in ("plain", "batches"):
        made = plan(plans.inputs("release", settings, build=build))
        names = [stage.name.removesuffix(" 1/2") for stage in made.stages]
        first = names.index("environment")
        assert names[first : names.index("configure")] == [
            "environment",
            "build composer",
            "unchanged",
            "permit",
            "build migrate",
            "build cache",
        ]


def test_the_undo_of_a_hook_runs_as_the_same_user() -> None:
    made = plan(plans.inputs("release", full=False, hooks=[HOOK]))
    (stage,) = (stage for stage in made.stages if stage.kind.name == "hook")
    steps = [*stage.do, *(step for back in stage.undo for step in back.do)]
    assert [step.action.runs_as for step in steps] == ["shop-web"] * 4


def test_a_plan_says_that_no_one_checks_a_command() -> None:
    command = {"expand": "a"}
    risk = "nothing checks whether database.migrate.expand breaks the live release: set database.migrate.redirect"
    for database, said in (
        ({"url": "env:X", "migrate": command}, True),
        ({"url": "env:X", "migrate": command | {"redirect": {"DB": "{url}"}}}, False),
        ({"url": "env:X", "files": "db"}, False),
        ({"migrate": command}, False),
    ):
        assert (risk in risks(fleet(), plans.inputs("release", "tried", False, database=database))) is said
    assert risk not in risks(
        fleet(), plans.inputs("rollback", full=False, database={"url": "env:X", "migrate": command})
    )
