"""Bring the revision to every node, as a release directory."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step, Value

FETCH = Kind("fetch", ("node",), hooks=True, each_batch=True)
DISCARD = Kind("discard", ("node",))


def fetch(i: Inputs) -> Stage:
    """On every node at once; undone by removing the release, whole or half."""
    arguments = {"revision": i.revision, "release": i.release, "ref": i.ref, "live": i.live, "color": i.color}
    return Stage(FETCH, _each(i, "fetch", arguments), undo=(discard(i),))


def discard(i: Inputs) -> Stage:
    """Remove the release that this run made; no color points to it any more."""
    return Stage(DISCARD, _each(i, "discard", {"release": i.release}))


def _each(i: Inputs, action: str, arguments: Mapping[str, Value]) -> tuple[Step, ...]:
    return tuple(Step(place, Action(action, arguments), i.settings.deadlines.fetch) for place in i.node_places)
