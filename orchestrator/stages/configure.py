"""Write the release's configuration of its color on every node."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

CONFIGURE = Kind("configure", ("node",), hooks=True, each_batch=True)


@dataclass(frozen=True)
class Configure(Action):
    """Write the files that configure a color for a release, and check them. The files are made from the settings.

    + live: the live release, if the step must fail if that release has other files; otherwise None
    """

    name = "configure"
    handler = "orchestrator.run.handlers.configure:ConfigureHandler"

    release: str
    live: str | None = None


def configure(i: Inputs) -> Stage:
    """Return the stage that writes the configuration of nginx into the release, on every node.

    The stage needs no undo, because removing the release removes the files.
    """
    action = Configure(i.release, i.live if i.code_only else None)
    return Stage(CONFIGURE, tuple(Step(place, action, i.settings.deadlines.environment) for place in i.node_places))
