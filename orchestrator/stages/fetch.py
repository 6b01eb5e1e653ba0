"""Bring the revision to every node, as a release directory."""

from __future__ import annotations

from orchestrator.plan import Action, Inputs, Stage, Step


def fetch(i: Inputs) -> Stage:
    """On every node at once, from its own mirror; undone by removing the release, whole or half."""
    return Stage("fetch", _each(i, "fetch", revision=i.revision, release=i.release), undo=(discard(i),))


def discard(i: Inputs) -> Stage:
    """Remove the release that this run made; no color points to it any more."""
    return Stage("discard", _each(i, "discard", release=i.release))


def _each(i: Inputs, action: str, **arguments: str) -> tuple[Step, ...]:
    return tuple(Step(place, Action(action, arguments), i.settings.deadlines.fetch) for place in i.node_places)
