"""Write the environment file of the release on every node."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.chains import FILES
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

ENVIRONMENT = Kind("environment", ("node",), skipped="the settings have none", hooks=True, each_batch=True, chain=FILES)


@dataclass(frozen=True)
class Environment(Action):
    """Write the release's environment file. The action does not hold the values, so the journal does not store them.

    + live: the live release; None if there is no live release
    + only_same: whether the step fails if the file would differ from the live release's file
    """

    name = "environment"
    handler = "orchestrator.run.handlers.environment:EnvironmentHandler"

    release: str
    live: str | None
    only_same: bool


def environment(i: Inputs) -> Stage:
    """Return the stage that writes the environment file on every node.

    If the settings have no ``environment``, the stage has no steps. The stage needs no undo, because removing the
    release removes the file.
    """
    if i.settings.environment is None:
        return Stage(ENVIRONMENT, ())
    action = Environment(i.release, i.live, only_same=i.code_only)
    return Stage(ENVIRONMENT, tuple(Step(place, action, i.settings.deadlines.environment) for place in i.node_places))
