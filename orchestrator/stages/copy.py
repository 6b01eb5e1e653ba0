"""Copy a release from another node, with everything that was built there."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.config import Settings
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

COPY = Kind("copy", ("node",))


@dataclass(frozen=True)
class Copy(Action):
    """Copy a release from another node.

    + nodes: the nodes that have the release; it is copied from the first reachable node
    """

    name = "copy"
    handler = "orchestrator.run.handlers.copy:CopyHandler"

    release: str
    nodes: tuple[str, ...]


def copy(i: Inputs) -> Stage:
    """Copy the release for a node that joins: the release's source, above all its environment, may no longer exist."""
    if not made_elsewhere(i.settings):
        return Stage(COPY, ())
    joining = {node.name for node in i.nodes}
    action = Copy(i.release, tuple(name for name in i.members if name not in joining))
    return Stage(COPY, tuple(Step(place, action, i.settings.deadlines.fetch) for place in i.node_places))


def made_elsewhere(settings: Settings) -> bool:
    """Whether a release is more than a commit that every node can fetch again."""
    return bool(settings.build or settings.environment) or settings.source.kind != "git"
