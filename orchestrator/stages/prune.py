"""Remove old releases, never one that a color or a process still uses, and what was left half done."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

PRUNE = Kind("prune", ("node",), hooks=True)
TIDY = Kind("tidy", ("node",))


@dataclass(frozen=True)
class Prune(Action):
    """Remove old releases.

    + keep: how many stay
    + needed: these stay whatever their age
    """

    name = "prune"
    handler = "orchestrator.run.handlers.prune:PruneHandler"

    keep: int
    needed: tuple[str, ...]


@dataclass(frozen=True)
class Tidy(Action):
    """Remove what was left half done, and no release."""

    name = "tidy"
    handler = "orchestrator.run.handlers.tidy:TidyHandler"


def prune(i: Inputs) -> Stage:
    """After the commit; both the new release and the one to go back to stay whatever their age."""
    needed = tuple(sorted({i.release, *([i.live] if i.live else [])}))
    action = Prune(i.settings.keep, needed)
    return Stage(PRUNE, tuple(Step(place, action, i.settings.deadlines.prune) for place in i.node_places))


def tidy(i: Inputs) -> Stage:
    """What a run that ended on the way left half done goes, and no release. Needs no undo."""
    return Stage(TIDY, tuple(Step(place, Tidy(), i.settings.deadlines.prune) for place in i.node_places))
