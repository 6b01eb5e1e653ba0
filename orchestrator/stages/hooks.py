"""Hooks: commands of the application that run before or after a stage, as the settings say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.config.form import nearest
from orchestrator.config.hook import Hook
from orchestrator.errors import UsageError
from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import OPERATOR, Action, Kind, Place, Plan, Stage, Step
from orchestrator.stages.build import BUILD

HOOK = Kind("hook", ("node", "balancer", "operator"))
UNDO_OF_HOOK = Kind("undo of hook", ("node", "balancer", "operator"))


@dataclass(frozen=True)
class RunHook(Action):
    """Run a hook's command. The environment variables RELEASE and COLOR name the release and the color.

    + run: the shell command
    + user: the name of the web user, if this user runs the command; empty for the deploy user
    """

    name = "hook"
    handler = "orchestrator.run.handlers.hook:RunHookHandler"
    prints = True

    run: str
    release: str
    color: Color
    user: str = ""

    @property
    @override
    def runs_as(self) -> str:
        return self.user


def points(kinds: Iterable[Kind], settings: Settings) -> tuple[str, ...]:
    """Return the names of the stages before or after which a hook may run.

    These are the names of the kinds that have ``hooks``, and ``build <name>`` for each build step.
    """
    names = (kind.name for kind in kinds if kind.hooks and kind is not BUILD)
    return (*names, *(f"{BUILD.name} {step.name}" for step in settings.build))


def check_points(kinds: Iterable[Kind], settings: Settings) -> None:
    """Raise UsageError if a hook of the settings names a stage that no plan has."""
    names = points(kinds, settings)
    for hook in settings.hooks:
        name = hook.before or hook.after or ""
        if name not in names:
            near = nearest(name, names)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(names)}"
            raise UsageError(f"settings: hooks: there is no stage {name} ({hint})")


def woven(plan: Plan, i: Inputs, kinds: Iterable[Kind]) -> Plan:
    """Return the plan with a stage added for each hook of the settings. A `join` runs no hooks.

    + kinds: the kinds of stages of all plans. If a hook names a stage that only other plans have, the hook does not run

    Raises UsageError if a hook names a stage that no plan has.
    """
    check_points(kinds, i.settings)
    stages: list[Stage] = []
    if plan.verb == "join":
        return plan
    in_order = [stage.kind for stage in plan.stages]
    for index, stage in enumerate(plan.stages):
        each = stage.kind.each_batch
        if each or stage.kind not in in_order[:index]:
            stages += _at(i, "before", stage)
        stages.append(stage)
        if each or stage.kind not in in_order[index + 1 :]:
            stages += _at(i, "after", stage)
    return Plan(plan.verb, tuple(stages))


def _at(i: Inputs, when: Literal["before", "after"], stage: Stage) -> Iterable[Stage]:
    """Yield a stage for each hook that the settings place before or after the given stage.

    If each batch has its own stage of this kind, a hook for nodes runs only on the nodes of the stage's batch.

    + when: whether to yield the hooks before the stage or the hooks after the stage
    """
    each = stage.kind.each_batch
    here = {step.place for step in stage.do if step.place.kind == "node"} if each else set()
    nodes = tuple(place for place in i.node_places if place in here) or i.node_places
    for number, hook in enumerate(i.settings.hooks):
        asked = hook.before if when == "before" else hook.after
        if asked != stage.point or (hook.on == "first node" and i.node_places[0] not in nodes):
            continue
        label = f"{number} {when} {stage.name if each else stage.kind.name}"
        undo = (Stage(UNDO_OF_HOOK, _steps(i, hook, hook.undo, nodes), label=label),) if hook.undo else ()
        yield Stage(HOOK, _steps(i, hook, hook.run, nodes), undo=undo, label=label)


def _steps(i: Inputs, hook: Hook, run: str, nodes: tuple[Place, ...]) -> tuple[Step, ...]:
    action = RunHook(run, i.release, i.color, i.settings.web_user if hook.user == "web" else "")
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
