"""Where the application's own commands attach: a named point before and after each stage."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.config.hook import Hook
from orchestrator.errors import UsageError
from orchestrator.plan import OPERATOR, Action, Inputs, Place, Plan, Stage, Step

NAMES = (
    *("mend", "quiet", "fetch", "share", "start", "watch", "warm", "gate", "members", "bar", "cutover", "verify"),
    *("promote", "prune"),
)
"""The stages of a release and of a rollback: the points that hooks may name."""


def woven(plan: Plan, i: Inputs) -> Plan:
    """The plan with the hooks of the settings in their places. Raises UsageError for a stage no plan has."""
    # a rollback has fewer stages than a release, and a hook may be for either
    for hook in i.settings.hooks:
        point = hook.before or hook.after
        if point not in NAMES:
            raise UsageError(f"settings: hooks: there is no stage {point} (there are {', '.join(NAMES)})")
    stages: list[Stage] = []
    for stage in plan.stages:
        stages += _at(i, "before", stage.name)
        stages.append(stage)
        stages += _at(i, "after", stage.name)
    return Plan(plan.verb, tuple(stages))


def _at(i: Inputs, when: str, name: str) -> Iterable[Stage]:
    for number, hook in enumerate(i.settings.hooks):
        if getattr(hook, when) != name:
            continue
        title = f"hook {number} {when} {name}"
        undo = (Stage(f"undo of {title}", _steps(i, hook, hook.undo)),) if hook.undo else ()
        yield Stage(title, _steps(i, hook, hook.run), undo=undo)


def _steps(i: Inputs, hook: Hook, run: str) -> tuple[Step, ...]:
    action = Action("hook", {"run": run, "release": i.release, "color": i.color})
    places: tuple[Place, ...]
    match hook.on:
        case "nodes":
            places = i.node_places
        case "first node":
            places = i.node_places[:1]
        case "balancers":
            places = tuple(Place("balancer", balancer.name) for balancer in i.balancers)
        case _:
            places = (OPERATOR,)
    return tuple(Step(place, action, hook.deadline) for place in places)
