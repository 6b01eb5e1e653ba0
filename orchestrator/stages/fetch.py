"""Create the release directory of a revision on every node."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

FETCH = Kind("fetch", ("node",), hooks=True, each_batch=True)
DISCARD = Kind("discard", ("node",))


@dataclass(frozen=True)
class Fetch(Action):
    """Create the release directory of a version on a node.

    + revision: the commit, or its equivalent for this kind of source
    + release: the id of the release
    + ref: the version that the operator asked for
    + live: the live release, from which equal files are copied
    + color: the color that gets the release
    """

    name = "fetch"
    handler = "orchestrator.run.handlers.fetch:FetchHandler"
    prints = True

    revision: str
    release: str
    ref: str
    live: str | None
    color: Color


@dataclass(frozen=True)
class Discard(Action):
    """Remove a release that no color points to."""

    name = "discard"
    handler = "orchestrator.run.handlers.discard:DiscardHandler"

    release: str


def fetch(i: Inputs) -> Stage:
    """Fetch on every node in parallel. The undo removes the release, even an incomplete one."""
    action = Fetch(revision=i.revision, release=i.release, ref=i.ref, live=i.live, color=i.color)
    return Stage(FETCH, _each(i, action), undo=(discard(i),))


def discard(i: Inputs) -> Stage:
    """Remove the release that this run made. At this point no color points to it any more."""
    return Stage(DISCARD, _each(i, Discard(i.release)))


def _each(i: Inputs, action: Action) -> tuple[Step, ...]:
    return tuple(Step(place, action, i.settings.deadlines.fetch) for place in i.node_places)
