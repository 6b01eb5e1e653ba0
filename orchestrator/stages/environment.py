"""Give the release its environment file."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

ENVIRONMENT = Kind("environment", ("node",), skipped="the settings have none", hooks=True, each_batch=True)


@dataclass(frozen=True)
class Environment(Action):
    """Write the release's environment file. Its values are no arguments, so no record contains them.

    + live: the live release
    + only_same: fail if the file would differ from the live release's file
    """

    name = "environment"
    handler = "orchestrator.run.handlers.environment:EnvironmentHandler"

    release: str
    live: str | None
    only_same: bool


def environment(i: Inputs) -> Stage:
    """Write the environment file. Its values are no arguments, so no record contains them.

    The stage needs no undo: removing the release removes the file.
    """
    if i.settings.environment is None:
        return Stage(ENVIRONMENT, ())
    action = Environment(i.release, i.live, only_same=i.code_only)
    return Stage(ENVIRONMENT, tuple(Step(place, action, i.settings.deadlines.environment) for place in i.node_places))
