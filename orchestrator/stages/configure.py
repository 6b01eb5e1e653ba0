"""Write the configuration of nginx, PHP-FPM and services into the release, on every node."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.chains import FILES
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

CONFIGURE = Kind("configure", ("node",), hooks=True, each_batch=True, chain=FILES)


@dataclass(frozen=True)
class Configure(Action):
    """Write the files that configure a color for a release, and check the files. The settings determine the files.

    + live: the live release. If the live release has other configuration files, the step fails. None for no comparison
    """

    name = "configure"
    handler = "orchestrator.run.handlers.configure:ConfigureHandler"

    release: str
    live: str | None = None


def configure(i: Inputs) -> Stage:
    """Return the stage that writes the configuration of nginx, PHP-FPM and services into the release, on every node.

    In a code-only release (``deploys/code.py``), the stage fails if the live release has another configuration. The
    stage needs no undo, because removing the release removes the files.
    """
    action = Configure(i.release, i.live if i.code_only else None)
    return Stage(CONFIGURE, tuple(Step(place, action, i.settings.deadlines.environment) for place in i.node_places))
