"""Check that all nodes have the same files; if they differ, the run stops."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

SAME = Kind("same", ("node",), changes=False, hooks=True, each_batch=True)


@dataclass(frozen=True)
class Same(Action):
    """Hash the files of a release on a node; all nodes must have the same files."""

    name = "same"
    handler = "orchestrator.run.handlers.same:SameHandler"

    release: str


def same(i: Inputs) -> Stage:
    """Compare the nodes' files before anything is linked or built, because files that a node adds itself may differ."""
    action = Same(i.release)
    steps = tuple(Step(place, action, i.settings.deadlines.look) for place in i.node_places)
    return Stage(SAME, steps)
