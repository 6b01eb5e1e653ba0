"""Create the release's directory, with its files, on every node."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color
from orchestrator.plan.chains import FILES
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

FETCH = Kind("fetch", ("node",), hooks=True, each_batch=True, chain=FILES)
DISCARD = Kind("discard", ("node",), hooks=True)


@dataclass(frozen=True)
class Fetch(Action):
    """Create the release's directory, with its files, on a node.

    + revision: the git commit, or its equivalent for another kind of source (the checksum of a tarball)
    + release: the id of the release
    + ref: the version as the operator named it, such as a branch or tag
    + live: the live release; None if there is no live release. If the operator's machine sends the files, each node
      copies unchanged files from the live release on the same node
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
    """Return the stage that fetches the release on every node, in parallel.

    The undo removes the release, even if the release is incomplete.
    """
    action = Fetch(revision=i.revision, release=i.release, ref=i.ref, live=i.live, color=i.color)
    return Stage(FETCH, _each(i, action), undo=(discard(i),))


def discard(i: Inputs) -> Stage:
    """Return the stage that removes this run's release from every node.

    If a color still points to the release, the stage fails.
    """
    return Stage(DISCARD, _each(i, Discard(i.release)))


def _each(i: Inputs, action: Action) -> tuple[Step, ...]:
    return tuple(Step(place, action, i.settings.deadlines.fetch) for place in i.node_places)
