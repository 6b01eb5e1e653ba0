"""Check that the release has the same files on all nodes. If the files differ, the run fails."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.chains import FILES
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

SAME = Kind("same", ("node",), changes=False, hooks=True, each_batch=True, chain=FILES)


@dataclass(frozen=True)
class Same(Action):
    """Read the hash that a node recorded when the release's files arrived. The hashes of all nodes must be equal."""

    name = "same"
    handler = "orchestrator.run.handlers.same:SameHandler"

    release: str


def same(i: Inputs) -> Stage:
    """Return the stage that compares the release's files on all nodes.

    The stage comes before `share` and `build`, because build outputs may differ between nodes.
    """
    action = Same(i.release)
    steps = tuple(Step(place, action, i.settings.deadlines.look) for place in i.node_places)
    return Stage(SAME, steps)
