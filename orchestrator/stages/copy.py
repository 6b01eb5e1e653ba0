"""Copy a release from another node, including build outputs, environment file and configuration files."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.chains import FILES
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

COPY = Kind("copy", ("node",), hooks=True, chain=FILES)


@dataclass(frozen=True)
class Copy(Action):
    """Copy a release from another node.

    + nodes: the nodes that have the release. The step copies the release from the first node that can be reached
    """

    name = "copy"
    handler = "orchestrator.run.handlers.copy:CopyHandler"

    release: str
    nodes: tuple[str, ...]


def copy(i: Inputs) -> Stage:
    """Return the stage that copies the release from another node to the node that joins.

    The run does not make the release again, because the settings and the values of the environment file may have
    changed since the release was made.
    """
    joining = {node.name for node in i.nodes}
    action = Copy(i.release, tuple(name for name in i.members if name not in joining))
    return Stage(COPY, tuple(Step(place, action, i.settings.deadlines.fetch) for place in i.node_places))
