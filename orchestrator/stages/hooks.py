"""Where the application's own commands attach: a named point before and after each stage."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.config.hook import Hook
from orchestrator.errors import UsageError
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import OPERATOR, Action, Place, Plan, Stage, Step

NAMES = (
    *("mend", "quiet", "fetch", "same", "share", "environment", "permit", "start", "watch", "warm", "gate", "members"),
    *("bar", "arm", "cutover", "verify", "bake", "proof", "promote", "prune"),
)
"""The stages of a release and of a rollback: the points that hooks may name; and `build <name>` of each step."""

EACH = ("quiet", "fetch", "same", "share", "environment", "build", "permit", "start", "warm", "gate")
"""Stages that a batch of nodes has of its own: a hook is run for each. Of the others a hook is run once: before the
first and after the last."""


def woven(plan: Plan, i: Inputs) -> Plan:
    """The plan with the hooks of the settings in their places. Raises UsageError for a stage no plan has."""
    # a rollback has fewer stages than a release, and a hook may be for either
    names = (*NAMES, *(f"build {step.name}" for step in i.settings.build))
    for hook in i.settings.hooks:
        name = hook.before or hook.after
        if name not in names:
            raise UsageError(f"settings: hooks: there is no stage {name} (there are {', '.join(names)})")
    stages: list[Stage] = []
    if plan.verb == "join":
        return plan
    words = [stage.word for stage in plan.stages]
    for index, stage in enumerate(plan.stages):
        each = stage.word in EACH
        if each or stage.word not in words[:index]:
            stages += _at(i, "before", stage, each)
        stages.append(stage)
        if each or stage.word not in words[index + 1 :]:
            stages += _at(i, "after", stage, each)
    return Plan(plan.verb, tuple(stages))


def point(stage: Stage) -> str:
    """The name by which a hook finds it: the word, of a build step its own name, whichever batch it is for."""
    return " ".join(stage.name.split(" ")[:2]) if stage.word == "build" else stage.word


def _at(i: Inputs, when: str, stage: Stage, each: bool) -> Iterable[Stage]:
    """The hooks before or after a stage.

    + each: only on the nodes of that stage, if it has some
    """
    here = {step.place for step in stage.do if step.place.kind == "node"} if each else set()
    nodes = tuple(place for place in i.node_places if place in here) or i.node_places
    for number, hook in enumerate(i.settings.hooks):
        if getattr(hook, when) != point(stage) or (hook.on == "first node" and i.node_places[0] not in nodes):
            continue
        title = f"hook {number} {when} {stage.name if each else stage.word}"
        undo = (Stage(f"undo of {title}", _steps(i, hook, hook.undo, nodes)),) if hook.undo else ()
        yield Stage(title, _steps(i, hook, hook.run, nodes), undo=undo)


def _steps(i: Inputs, hook: Hook, run: str, nodes: tuple[Place, ...]) -> tuple[Step, ...]:
    action = Action("hook", {"run": run, "release": i.release, "color": i.color})
    places: tuple[Place, ...]
    match hook.on:
        case "nodes":
            places = nodes
        case "first node":
            places = nodes[:1]
        case "balancers":
            places = tuple(switch.place for switch in i.at("balancer"))
        case _:
            places = (OPERATOR,)
    return tuple(Step(place, action, hook.deadline) for place in places)
