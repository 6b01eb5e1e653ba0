"""Inputs of many kinds of runs, for tests of plans."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from orchestrator.config import load
from orchestrator.model import Color, Weights
from orchestrator.plan.inputs import Inputs, Missing, NodeInput, SwitchInput
from orchestrator.plan.steps import Plan, Stage
from orchestrator.stages import plan

OLD, FORMER, NEW = "20260101T000000Z-aaaaaaa", "20250101T000000Z-bbbbbbb", "20260601T000000Z-ccccccc"

BASE: dict[str, Any] = {
    "app": "shop",
    "source": {"origin": "git@origin:shop.git"},
    "switches": [{"kind": "haproxy", "group": "balancers", "urls": ["http://127.0.0.1"]}],
    "marker": {"answers": "all"},
}

ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:"
ALB = {
    "kind": "alb",
    "rule": f"{ARN}listener-rule/app/shop/1/2/3",
    "blue": f"{ARN}targetgroup/blue/1",
    "green": f"{ARN}targetgroup/green/1",
    "urls": ["http://alb"],
}

HOOKS = [
    {"before": "fetch", "run": "a", "undo": "b"},
    {"after": "cutover", "run": "c", "on": "balancers"},
    {"after": "proof", "run": "d", "on": "operator"},
]

SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "everything": {
        "hooks": HOOKS,
        "build": [{"name": "composer", "run": "composer install"}],
        "environment": {"path": ".env"},
        "permissions": {"modes": {"bin/console": "750"}},
        "cutover": [{"weight": 5, "bake": 60}, {"weight": 25}, {"weight": 100, "bake": 60}],
        "scaling": {"group": "shop"},
    },
    "batches": {"batches": [1, "100%"], "build": [{"name": "composer", "run": "composer install"}], "hooks": HOOKS},
    "watched": {"scaling": {"group": "shop", "suspend": False}},
    "node": {"switches": [{"kind": "node", "urls": ["http://127.0.0.1"]}]},
    "database": {"database": {"migrate": {"expand": "a", "check": "b", "contract": "c"}}},
    "files": {"database": {"url": "env:DATABASE_URL", "files": "db"}},
    "databases": {
        "database": {"url": "env:DATABASE_URL", "files": "db"},
        "databases": {
            "stats": {"url": "env:STATS_URL", "files": "stats", "backfill": True},
            "logs": {"migrate": {"expand": "a", "check": "b", "contract": "c"}},
        },
    },
    "tried": {
        "database": {"url": "env:DATABASE_URL", "migrate": {"expand": "a", "redirect": {"DATABASE_URL": "{url}"}}}
    },
    "workers": {
        "workers": [
            {"name": "queue", "command": "bin/queue", "count": 2, "share": "first"},
            {"name": "mail", "command": "bin/mail", "start": "before"},
            {"name": "rest", "command": "bin/rest"},
        ],
        "cutover": [{"weight": 10}, {"weight": 100, "bake": 60}],
    },
    "schedule": {"schedule": [{"name": "tick", "command": "bin/tick"}]},
    "page": {"maintenance": {}, "marker": {"answers": "all", "token": "probe"}, "hooks": HOOKS},
    "hold": {"maintenance": {"hold": 10}, "marker": {"answers": "all", "token": "probe"}},
    "alb": {"switches": [ALB], "cutover": [{"weight": 10, "bake": 60}, {"weight": 100}]},
}

NODES: dict[str, Any] = {"holder": "node1", "each": [], "none": [], "one": "", "after": []}
SCHEDULE: dict[tuple[str, bool], dict[str, Any]] = {
    # a release leaves node3 out, which ran the single-node schedules
    **{
        (verb, True): NODES | {"each": ["node2"], "none": ["node3"], "one": "node1", "after": ["node3"]}
        for verb in ("release", "rollback")
    },
    **{(verb, False): NODES | {"one": "node1"} for verb in ("release", "rollback")},
    **{("join", full): NODES | {"each": ["node2"]} for full in (False, True)},
}
"""Verb, and whether the run has drift -> the changes of the nodes' schedules."""


def inputs(verb: str, settings: str = "plain", full: bool = True, **changes: Any) -> Inputs:
    """Inputs of a run.

    + verb: ``release``, ``rollback``, ``join``, ``contract``
    + settings: a key of ``SETTINGS``
    + full: with drift, a missing node, a release that is started first, code only
    + changes: of the settings, on top
    """
    join, database = verb == "join", settings in ("database", "files", "tried", "databases")
    switch = {
        "node": tuple(SwitchInput(name, "node", "node") for name in ("node1", "node2")),
        "alb": (SwitchInput("alb", "alb", "api", 60.0, attached=not full),),
    }.get(settings, (SwitchInput("balancer1", "haproxy"),))
    accepted = {"accept": ["drop-column-00000000"], "reason": "no code uses the column"}
    known = {"run": "expand-r0", "phase": "expand", "release": FORMER, "at": "2026-01-01T00:00:00Z"}
    asked = {**accepted, "marks": True, "known": known} if settings in ("files", "tried", "databases") else {}
    if settings == "databases":
        asked |= {"accept": ["stats:drop-column-00000000"], "marked": ["stats"], "others": {"stats": known}}
    data: dict[str, Any] = {
        "verb": verb,
        "color": "green",
        "before": 100 if join or verb == "contract" else 0,
        "live": OLD,
        "release": {"release": NEW, "rollback": FORMER, "join": OLD, "contract": OLD}[verb],
        "ref": "main" if verb == "release" else "",
        "revision": "c" * 40,
        "mend": ["node1"] if full else [],
        "members": ["node1", "node2"],
        "former_release": FORMER if join else None,
        "former_revision": "b" * 40 if join else None,
        "stale": ["20240101T000000Z-ddddddd"] if join else [],
        "scaling": ["Launch"] if settings == "everything" else [],
        "instances": ["i-1"] if settings in ("everything", "watched") else [],
        "cold": verb == "rollback" and full,
        "code_only": verb == "release" and full,
        "database": {"runner": "node1", "run": "r1"} | asked if database and verb in ("release", "contract") else None,
        "barrier": FORMER if database and full else "",
        "workers": {"outside": ["node3"] if full and not join else []} if settings == "workers" else None,
        "closes": settings if settings in ("page", "hold") and verb in ("release", "rollback") else "",
        "schedule": SCHEDULE[verb, full] if settings == "schedule" and verb != "contract" else None,
    }
    made = load(BASE | SETTINGS[settings] | changes)
    data["settings"] = made.model_dump(mode="json", exclude={"marker": {"token"}, "php": {"ini"}})
    nodes = (NodeInput("node2", FORMER),) if join else (NodeInput("node1", FORMER), NodeInput("node2", FORMER))
    missing = (Missing("node3", "10.0.0.3", join),) if full or join else ()
    data["nodes"] = [vars(node) for node in nodes]
    data["switches"] = [vars(one) for one in switch]
    data["missing"] = [vars(node) for node in missing]
    found = Inputs.from_json(data, made)
    assert found.before == Weights.all_to(Color.green if join or verb == "contract" else Color.blue)
    return found


def plans() -> Iterator[Plan]:
    """Every plan of every kind of Inputs here."""
    for verb, settings, full in product(("release", "rollback", "join"), SETTINGS, (False, True)):
        yield plan(inputs(verb, settings, full))
    for settings in ("database", "files", "databases"):
        yield plan(inputs("contract", settings))


def stages() -> Iterator[Stage]:
    """Every stage of these plans, undos included."""
    for made in plans():
        for stage in made.stages:
            yield stage
            yield from stage.undo
