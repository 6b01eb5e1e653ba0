"""Copy a release from another node, including its build outputs and its environment file."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.config import Settings
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

    The release is copied from another node because its source may no longer exist, above all the values of its
    environment file. If git alone can supply the release, the stage has no steps.
    """
    if not made_elsewhere(i.settings):
        return Stage(COPY, ())
    joining = {node.name for node in i.nodes}
    action = Copy(i.release, tuple(name for name in i.members if name not in joining))
    return Stage(COPY, tuple(Step(place, action, i.settings.deadlines.fetch) for place in i.node_places))


def made_elsewhere(settings: Settings) -> bool:
    """Return whether a release has files that a node cannot fetch from git, such as build outputs."""
    return bool(settings.build or settings.environment) or settings.source.kind != "git"
