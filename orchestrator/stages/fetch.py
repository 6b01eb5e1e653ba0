"""Bring the revision to every node, as a release directory."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

FETCH = Kind("fetch", ("node",), hooks=True, each_batch=True)
DISCARD = Kind("discard", ("node",))


@dataclass(frozen=True)
class Fetch(Action):
    """Bring a version to a node as a release.

    + revision: commit, or what the kind of source has instead
    + release: id of the release
    + ref: version that was asked for
    + live: the live release, whose equal files are copied
    + color: that gets the release
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
    """On every node at once; undone by removing the release, whole or half."""
    action = Fetch(revision=i.revision, release=i.release, ref=i.ref, live=i.live, color=i.color)
    return Stage(FETCH, _each(i, action), undo=(discard(i),))


def discard(i: Inputs) -> Stage:
    """Remove the release that this run made; no color points to it any more."""
    return Stage(DISCARD, _each(i, Discard(i.release)))


def _each(i: Inputs, action: Action) -> tuple[Step, ...]:
    return tuple(Step(place, action, i.settings.deadlines.fetch) for place in i.node_places)
