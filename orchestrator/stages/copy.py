"""Copy a release from another node, with build outputs, environment file and the configuration of its color."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

COPY = Kind("copy", ("node",))


@dataclass(frozen=True)
class Copy(Action):
    """Copy a release from another node.

    + nodes: the nodes that have the release. The release is copied from the first of them that can be reached
    """

    name = "copy"
    handler = "orchestrator.run.handlers.copy:CopyHandler"

    release: str
    nodes: tuple[str, ...]


def copy(i: Inputs) -> Stage:
    """Return the stage that copies the release to a node that joins.

    The release is copied from another node because its source may no longer exist: the values of its environment file,
    and the settings from which the configuration of its color was made.
    """
    joining = {node.name for node in i.nodes}
    action = Copy(i.release, tuple(name for name in i.members if name not in joining))
    return Stage(COPY, tuple(Step(place, action, i.settings.deadlines.fetch) for place in i.node_places))
