"""Remove old and incomplete releases. A release that a color or a process still uses is never removed."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.chains import AFTER_COMMIT
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

PRUNE = Kind("prune", ("node",), hooks=True, chain=AFTER_COMMIT)
TIDY = Kind("tidy", ("node",), hooks=True)


@dataclass(frozen=True)
class Prune(Action):
    """Remove old releases.

    + keep: how many of the newest releases stay
    + needed: the ids of releases that stay even if they are old
    """

    name = "prune"
    handler = "orchestrator.run.handlers.prune:PruneHandler"

    keep: int
    needed: tuple[str, ...]


@dataclass(frozen=True)
class Tidy(Action):
    """Remove the incomplete releases and the packed releases (tar files) of earlier runs, but no complete release."""

    name = "tidy"
    handler = "orchestrator.run.handlers.tidy:TidyHandler"


def prune(i: Inputs) -> Stage:
    """Return the stage that removes old releases, after the commit.

    The new release and the release that was live before stay even if they are old.
    """
    needed = tuple(sorted({i.release, *([i.live] if i.live else [])}))
    action = Prune(i.settings.keep, needed)
    return Stage(PRUNE, tuple(Step(place, action, i.settings.deadlines.prune) for place in i.node_places))


def tidy(i: Inputs) -> Stage:
    """Return the stage that removes the incomplete releases and the packed releases (tar files) of earlier runs."""
    return Stage(TIDY, tuple(Step(place, Tidy(), i.settings.deadlines.prune) for place in i.node_places))
