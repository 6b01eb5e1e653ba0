"""A step that would fail requests to a color declares which switches must send the color no traffic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import OPERATOR, Action, NoTraffic, Place, Stage, Step
from orchestrator.stages import plan
from orchestrator.stages.bar import UNBAR
from orchestrator.stages.cutover import SWITCH_BACK, VERIFY_OLD
from orchestrator.stages.start import RESTORE, START, Start
from orchestrator.stages.stick import DETACH_NEW
from tests.stages import plans
from tests.stages.test_actions import BY_NAME, _name

HARMLESS = {
    # they act at a switch, or move traffic themselves; the switches check what they are asked
    *("arm", "disarm", "ready", "shift", "fire", "detach", "attach", "bar", "page", "hold", "drained"),
    # they read, wait, or act on the operator's machine
    *("bake", "gate", "members", "proof", "quiet", "same", "scaling", "newcomers", "unchanged", "verify", "watch"),
    # they write into a release that no color runs yet, or only add to what a color has
    *("build", "configure", "copy", "environment", "fetch", "permit", "share", "warm"),
    # the node's own script removes no release to which a color points
    *("discard", "prune", "tidy"),
    # `live` links decide about traffic only if the nodes are a switch, and then this is the shift itself
    "promote",
    # a command or SQL files of the application
    *("hook", "migrate", "try migration", "run files", "run backfill"),
    # nginx still answers each request, and only ends its connection afterwards
    "drain",
    # workers answer no requests
    *("start workers", "stop workers"),
    # they read, wait, or write a file of the guard
    *("await migration", "find older", "barrier", "hold schedule", "lint files", "check files", "tell files"),
}


@pytest.mark.parametrize("action", BY_NAME, ids=_name)
def test_an_action_either_disturbs_or_is_known_to_be_harmless(action: type[Action]) -> None:
    assert action.disturbs is (action.name not in HARMLESS)


def every() -> Iterator[tuple[Inputs, Stage]]:
    for verb in ("release", "rollback", "join"):
        for settings in plans.SETTINGS:
            for full in (False, True):
                i = plans.inputs(verb, settings, full)
                for stage in plan(i).stages:
                    yield i, stage
                    yield from ((i, back) for back in stage.undo)


def test_a_step_that_disturbs_names_its_color_and_all_balancers() -> None:
    seen: set[str] = set()
    for i, stage in every():
        for step in stage.do:
            if not step.action.disturbs:
                continue
            assert isinstance(step.action, Start)
            assert step.needs is not None, stage.name
            assert step.needs.color is step.action.color
            assert step.needs.switches == tuple(switch.place for switch in i.at("balancer", "api"))
            # only a join acts on a color with traffic, at a node that is barred
            assert step.needs.barred == (step.place.name if step.action.out else "")
            seen.add(stage.kind.name)
    assert seen == {START.name, RESTORE.name}


def undo(stage: str, settings: str, full: bool = False) -> dict[str, tuple[Step, ...]]:
    found = plan(plans.inputs("release", settings, full))
    return {back.kind.name: back.do for one in found.stages if one.name == stage for back in one.undo}


BALANCER = NoTraffic(Color.green, (Place("balancer", "balancer1"),))


def test_a_node_is_let_in_where_the_release_has_no_traffic() -> None:
    steps = undo("bar", "plain", full=True)[UNBAR.name]
    assert {step.place.name: step.needs for step in steps} == {"balancer1": BALANCER}


def test_the_old_release_is_verified_after_the_last_shift() -> None:
    steps = undo("cutover", "plain")
    assert list(steps) == [SWITCH_BACK.name, VERIFY_OLD.name]
    assert [(step.place, step.needs) for step in steps[VERIFY_OLD.name]] == [(OPERATOR, BALANCER)]
    assert list(undo("cutover", "node")) == ["arm back", SWITCH_BACK.name]
    assert list(undo("arm", "node")) == ["disarm", "link back", VERIFY_OLD.name]
    assert list(undo("cutover 10%", "alb")) == ["attach back", SWITCH_BACK.name, DETACH_NEW.name, VERIFY_OLD.name]
