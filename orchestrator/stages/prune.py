"""Remove old releases, never one that a color or a process still uses, and what was left half done."""

from __future__ import annotations

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

PRUNE = Kind("prune", ("node",), hooks=True)
TIDY = Kind("tidy", ("node",))


def prune(i: Inputs) -> Stage:
    """After the commit; both the new release and the one to go back to stay whatever their age."""
    needed = sorted({i.release, *([i.live] if i.live else [])})
    action = Action("prune", {"keep": i.settings.keep, "needed": needed})
    return Stage(PRUNE, tuple(Step(place, action, i.settings.deadlines.prune) for place in i.node_places))


def tidy(i: Inputs) -> Stage:
    """What a run that ended on the way left half done goes, and no release. Needs no undo."""
    return Stage(TIDY, tuple(Step(place, Action("tidy"), i.settings.deadlines.prune) for place in i.node_places))
