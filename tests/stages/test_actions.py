"""Actions are data: they survive JSON, and each has a handler."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.database.known import Known
from orchestrator.model import Color
from orchestrator.plan.steps import Action
from orchestrator.run.handler import Handler, handler_of
from orchestrator.stages.arm import Arm, Disarm, Ready
from orchestrator.stages.backfill import RunBackfill
from orchestrator.stages.bake import Bake
from orchestrator.stages.bar import Bar
from orchestrator.stages.build import Build
from orchestrator.stages.configure import Configure
from orchestrator.stages.contract import Barrier, CheckFiles, FindOlder
from orchestrator.stages.copy import Copy
from orchestrator.stages.cutover import Fire, Shift
from orchestrator.stages.drain import Drain
from orchestrator.stages.environment import Environment
from orchestrator.stages.expand import AwaitMigration, Migrate, RunFiles, TellFiles
from orchestrator.stages.fetch import Discard, Fetch
from orchestrator.stages.gate import Gate, Members
from orchestrator.stages.hooks import RunHook
from orchestrator.stages.lint import LintFiles, TryMigration
from orchestrator.stages.maintenance import Drained, Hold, Page
from orchestrator.stages.permit import Permit
from orchestrator.stages.promote import Promote
from orchestrator.stages.proof import Proof
from orchestrator.stages.prune import Prune, Tidy
from orchestrator.stages.quiet import Quiet
from orchestrator.stages.same import Same
from orchestrator.stages.scaling import Newcomers, Scaling
from orchestrator.stages.schedule import HoldSchedule
from orchestrator.stages.share import Share
from orchestrator.stages.start import Start
from orchestrator.stages.stick import Attach, Detach
from orchestrator.stages.unchanged import Unchanged
from orchestrator.stages.verify import Verify
from orchestrator.stages.warm import Warm
from orchestrator.stages.watch import Watch
from orchestrator.stages.workers import StartWorkers, StopWorkers
from tests.stages import plans

BLUE, R, S = Color.blue, "20260101T000000Z-aaaaaaa", "20250101T000000Z-bbbbbbb"

ACTIONS: list[tuple[Action, dict[str, Any]]] = [
    (Arm(BLUE), {"color": "blue"}),
    (Disarm(), {}),
    (Ready("haproxy", 5, back=False), {"kind": "haproxy", "green": 5, "back": False}),
    (
        Bake(1.5, 5, BLUE, R, ("n1",), ("b1",)),
        {"seconds": 1.5, "share": 5, "color": "blue", "release": R, "nodes": ["n1"], "switches": ["b1"]},
    ),
    (Bar(("10.0.0.1",), out=True), {"addresses": ["10.0.0.1"], "out": True}),
    (
        Build(R, BLUE, None, "composer", only_taken_over=True),
        {"release": R, "color": "blue", "live": None, "step": "composer", "only_taken_over": True},
    ),
    (
        Build(R, BLUE, S, "migrate", only_taken_over=False, user="www-data"),
        {
            "release": R,
            "color": "blue",
            "live": S,
            "step": "migrate",
            "only_taken_over": False,
            "user": "www-data",
        },
    ),
    (Configure(R, S), {"release": R, "live": S}),
    (Copy(R, ("n1", "n2")), {"release": R, "nodes": ["n1", "n2"]}),
    (Page("haproxy", on=True), {"kind": "haproxy", "on": True}),
    (Hold("nginx", 10), {"kind": "nginx", "seconds": 10}),
    (Drain(on=False, undo=True), {"on": False, "undo": True}),
    (Drained(BLUE, 90.0, tolerant=True), {"color": "blue", "limit": 90.0, "tolerant": True}),
    (Shift("nginx", 100, back=True), {"kind": "nginx", "green": 100, "back": True}),
    (Fire(BLUE), {"color": "blue"}),
    (Environment(R, S, only_same=False), {"release": R, "live": S, "only_same": False}),
    (Fetch("c", R, "v1", S, BLUE), {"revision": "c", "release": R, "ref": "v1", "live": S, "color": "blue"}),
    (Discard(R), {"release": R}),
    (Gate(BLUE, R), {"color": "blue", "release": R}),
    (Members(BLUE, R, required=True, nodes=()), {"color": "blue", "release": R, "required": True, "nodes": []}),
    (RunHook("true", R, BLUE), {"run": "true", "release": R, "color": "blue"}),
    (RunHook("true", R, BLUE, "www-data"), {"run": "true", "release": R, "color": "blue", "user": "www-data"}),
    (
        RunHook("true", R, BLUE, advisory=True, ref="v1", revision="c", nodes=("n1", "n2"), verb="code"),
        {
            "run": "true",
            "release": R,
            "color": "blue",
            "advisory": True,
            "ref": "v1",
            "revision": "c",
            "nodes": ["n1", "n2"],
            "verb": "code",
        },
    ),
    (Permit(R), {"release": R}),
    (Promote(BLUE), {"color": "blue"}),
    (Promote(BLUE, soak=True), {"color": "blue", "soak": True}),
    (Proof(judged=True), {"judged": True}),
    (Prune(3, (R,)), {"keep": 3, "needed": [R]}),
    (Tidy(), {}),
    (Quiet(BLUE, 2.5, 10.0), {"color": "blue", "still": 2.5, "idle": 10.0}),
    (Same(R), {"release": R}),
    (
        Scaling("suspend", "g", None, ("i-1",), ("Launch",)),
        {"do": "suspend", "group": "g", "region": None, "instances": ["i-1"], "processes": ["Launch"]},
    ),
    (
        Newcomers("g", "eu-west-1", ("i-1",), 10.0),
        {"group": "g", "region": "eu-west-1", "instances": ["i-1"], "seconds": 10.0},
    ),
    (Share(R), {"release": R}),
    (
        Start(BLUE, None, out=False, services=True, warms=False),
        {"color": "blue", "release": None, "out": False, "services": True, "warms": False},
    ),
    (
        Attach("alb", BLUE, 60.0, 5.0, ("n1",)),
        {"kind": "alb", "color": "blue", "after": 60.0, "still": 5.0, "nodes": ["n1"]},
    ),
    (Detach("alb", BLUE, 0.0), {"kind": "alb", "color": "blue", "after": 0.0}),
    (
        Migrate("expand", "expand-r", R, BLUE, "www-data"),
        {"phase": "expand", "key": "expand-r", "release": R, "color": "blue", "user": "www-data"},
    ),
    (
        Migrate("contract", "contract-r", R, BLUE, retry=True),
        {"phase": "contract", "key": "contract-r", "release": R, "color": "blue", "retry": True},
    ),
    (AwaitMigration("expand-r"), {"key": "expand-r"}),
    (
        TryMigration("lint-r", R, BLUE, 60.0, "www-data", ("drop-column-00000000",), "no code uses the column"),
        {
            "key": "lint-r",
            "release": R,
            "color": "blue",
            "limit": 60.0,
            "user": "www-data",
            "accept": ["drop-column-00000000"],
            "reason": "no code uses the column",
        },
    ),
    (LintFiles("contract", "lint-r", R), {"phase": "contract", "key": "lint-r", "release": R}),
    (
        LintFiles("expand", "lint-r", R, S, ("drop-column-00000000",), "no code uses the column"),
        {
            "phase": "expand",
            "key": "lint-r",
            "release": R,
            "live": S,
            "accept": ["drop-column-00000000"],
            "reason": "no code uses the column",
        },
    ),
    (RunFiles("expand", "expand-r", R, S), {"phase": "expand", "key": "expand-r", "release": R, "live": S}),
    (
        RunFiles("contract", "contract-r", R, known=Known("expand-r", "expand", R, "2026-01-01")),
        {
            "phase": "contract",
            "key": "contract-r",
            "release": R,
            "known": {"run": "expand-r", "phase": "expand", "release": R, "at": "2026-01-01"},
        },
    ),
    (TellFiles("expand-r"), {"key": "expand-r"}),
    (RunBackfill("backfill-x-r", R, "x"), {"key": "backfill-x-r", "release": R, "database": "x"}),
    (CheckFiles(R), {"release": R}),
    (FindOlder(R), {"release": R}),
    (Barrier(R), {"release": R}),
    (Unchanged(R, S), {"release": R, "live": S}),
    (Verify(R, None, tolerant=False), {"release": R, "other": None, "tolerant": False}),
    (Warm(BLUE), {"color": "blue"}),
    (Watch(R), {"release": R}),
    (StartWorkers(BLUE, ("queue",), hold=True), {"color": "blue", "only": ["queue"], "hold": True}),
    (StopWorkers((BLUE,)), {"colors": ["blue"]}),
    (HoldSchedule("each"), {"runs": "each"}),
    (
        HoldSchedule("one", "node1", ("node2",), outside=True),
        {"runs": "one", "holder": "node1", "after": ["node2"], "outside": True},
    ),
    (
        StopWorkers((BLUE,), keep="green", waits=False, outside=True),
        {"colors": ["blue"], "keep": "green", "waits": False, "outside": True},
    ),
]

CLASSES: set[type[Action]] = {type(action) for action, _ in ACTIONS}


def _name(action: type[Action]) -> str:
    return action.name


@pytest.mark.parametrize(("action", "data"), ACTIONS, ids=lambda value: getattr(value, "name", ""))
def test_an_action_survives_json(action: Action, data: dict[str, Any]) -> None:
    said = json.loads(json.dumps(action.to_json()))
    assert said == data
    assert type(action).from_json(said) == action


@pytest.mark.parametrize(
    "data",
    [{"color": "red", "release": R}, {"color": "blue"}, {"color": "blue", "release": R, "more": 1}],
    ids=["no color", "a field is missing", "an unknown field"],
)
def test_other_data_is_no_action(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Gate"):
        Gate.from_json(data)


def test_the_table_has_every_action() -> None:
    # another test file may have an action of its own
    assert {one for one in Action.__subclasses__() if one.__module__.startswith("orchestrator.")} == CLASSES
    assert {type(step.action) for stage in plans.stages() for step in stage.do} == CLASSES
    assert len({action.name for action in CLASSES}) == len(CLASSES)


BY_NAME = sorted(CLASSES, key=_name)


@pytest.mark.parametrize("action", BY_NAME, ids=_name)
def test_an_action_names_its_handler(action: type[Action]) -> None:
    assert issubclass(handler_of(action), Handler)


def test_a_handler_can_act_where_the_steps_are() -> None:
    methods = {"operator": "at_operator", "api": "at_api", "node": "at_host", "balancer": "at_host"}
    for stage in plans.stages():
        for step in stage.do:
            handler, method = handler_of(type(step.action)), methods[step.place.kind]
            assert getattr(handler, method) is not getattr(Handler, method), f"{step.action.name} at {step.place.kind}"
