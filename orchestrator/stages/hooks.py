"""Hooks: commands of the application that run before or after a stage, or at the end of a failed run."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.config.form import nearest
from orchestrator.config.hook import ENDS, Hook
from orchestrator.errors import UsageError
from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import OPERATOR, Action, Kind, Place, Plan, Stage, Step
from orchestrator.stages.build import BUILD
from orchestrator.stages.join import idle

HOOK = Kind("hook", ("node", "balancer", "operator"), repeated=False)
UNDO_OF_HOOK = Kind("undo of hook", ("node", "balancer", "operator"))


@dataclass(frozen=True)
class RunHook(Action):
    """Run a hook's command. Environment variables tell the command the facts of the run (``facts``).

    + run: the shell command
    + user: the name of the web user, if this user runs the command; empty for the deploy user
    + advisory: whether a failure of the command is only a warning
    + ref: the version that the operator asked for; empty if the run has no ref
    + revision: the git commit of the release, or its equivalent for another kind of source
    + nodes: the names of the nodes on which the run acts
    + verb: ``release``, ``code``, ``rollback``, ``join`` or ``contract``
    """

    name = "hook"
    handler = "orchestrator.run.handlers.hook:RunHookHandler"
    prints = True

    run: str
    release: str
    color: Color
    user: str = ""
    advisory: bool = False
    ref: str = ""
    revision: str = ""
    nodes: tuple[str, ...] = ()
    verb: str = ""

    @property
    @override
    def title(self) -> str:
        return f"the hook `{self.run}` "

    @property
    @override
    def runs_as(self) -> str:
        return self.user

    @property
    def facts(self) -> dict[str, str]:
        """The variables for the command, as far as the plan knows them: name -> value.

        The handler adds ORCHESTRATOR_USER and ORCHESTRATOR_REPORT, which only the process of the run knows.
        """
        return {
            "RELEASE": self.release,
            "COLOR": self.color.value,
            "ORCHESTRATOR_RELEASE": self.release,
            "ORCHESTRATOR_COLOR": self.color.value,
            "ORCHESTRATOR_REF": self.ref,
            "ORCHESTRATOR_REVISION": self.revision,
            "ORCHESTRATOR_NODES": " ".join(self.nodes),
            "ORCHESTRATOR_VERB": self.verb,
        }


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
        if name not in (*names, *ENDS):
            near = nearest(name, (*names, *ENDS))
            hint = f"did you mean {near}?" if near else f"there are {', '.join(names)}"
            raise UsageError(f"settings: hooks: there is no stage {name} ({hint})")


def woven(plan: Plan, i: Inputs, kinds: Iterable[Kind]) -> Plan:
    """Return the plan with a stage added for each hook of the settings that is for this verb (``Hook.verbs``).

    + kinds: the kinds of stages of all plans. If a hook names a stage that only other plans have, the hook does not run

    Raises UsageError if a hook names a stage that no plan has.
    """
    check_points(kinds, i.settings)
    stages: list[Stage] = []
    in_order = [_point(stage) for stage in plan.stages]
    for index, stage in enumerate(plan.stages):
        each, point = _is_each(stage), in_order[index]
        if each or point not in in_order[:index]:
            stages += _at(i, "before", stage)
        stages.append(stage)
        if each or point not in in_order[index + 1 :]:
            stages += _at(i, "after", stage)
    return Plan(plan.verb, tuple(stages))


def at_end(i: Inputs, ends: Collection[str], without: Collection[Place] = ()) -> tuple[Stage, ...]:
    """Return the stages of the hooks that run when the undo of a run has ended. A failure of such a hook is a warning.

    + ends: ``failed`` if the run has failed, ``undone`` if everything was undone
    + without: the places that gave no answer during the undo: no hook runs there
    """
    found = []
    for number, hook in enumerate(i.settings.resolved_hooks):
        if hook.after in ends and i.verb in hook.verbs:
            steps = _steps(i, hook.model_copy(update={"advisory": True}), hook.command, i.node_places)
            answering = tuple(step for step in steps if step.place not in without)
            found.append(Stage(HOOK, answering, label=f"{number} after {hook.after}"))
    return tuple(stage for stage in found if stage.do)


def _point(stage: Stage) -> str:
    """Return the name by which hooks refer to a stage: the name of its kind, or ``build <name>``."""
    return stage.point if stage.kind is BUILD else stage.kind.name


def _is_each(stage: Stage) -> bool:
    """Return whether hooks run for each stage with this point: for each batch, or in a join for each color."""
    return stage.kind.each_batch or stage.side is not None


def _at(i: Inputs, when: Literal["before", "after"], stage: Stage) -> Iterable[Stage]:
    """Yield a stage for each hook that the settings place before or after the given stage.

    If each batch has its own stage of this kind, a hook for nodes runs only on the nodes of the stage's batch.

    + when: whether to yield the hooks before the stage or the hooks after the stage
    """
    each = _is_each(stage)
    here = {step.place for step in stage.do if step.place.kind == "node"} if each else set()
    nodes = tuple(place for place in i.node_places if place in here) or i.node_places
    of = (idle(i) if stage.side == "idle" else None) or i
    for number, hook in enumerate(i.settings.resolved_hooks):
        asked = hook.before if when == "before" else hook.after
        if asked != _point(stage) or i.verb not in hook.verbs:
            continue
        if hook.on == "first node" and i.node_places[0] not in nodes:
            continue
        label = f"{number} {when} {stage.name if each else _point(stage)}"
        undo = (Stage(UNDO_OF_HOOK, _steps(of, hook, hook.undo, nodes), label=label),) if hook.undo else ()
        yield Stage(HOOK, _steps(of, hook, hook.command, nodes), undo=undo, label=label)


def _steps(i: Inputs, hook: Hook, run: str, nodes: tuple[Place, ...]) -> tuple[Step, ...]:
    action = RunHook(
        run,
        i.release,
        i.color,
        user=i.settings.web_user if hook.user == "web" else "",
        advisory=hook.advisory,
        ref=i.ref,
        revision=i.revision,
        nodes=tuple(node.name for node in i.nodes),
        verb="code" if i.code_only else i.verb,
    )
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
