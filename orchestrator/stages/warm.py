"""Warm the idle color: compile its files into OPcache, then request its pages."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color
from orchestrator.plan.chains import PROCESSES
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

WARM = Kind("warm", ("node",), hooks=True, each_batch=True, chain=PROCESSES)


@dataclass(frozen=True)
class Warm(Action):
    """Compile a color's files into OPcache and request its pages."""

    name = "warm"
    handler = "orchestrator.run.handlers.warm:WarmHandler"

    color: Color


def warm(i: Inputs) -> Stage:
    """Return the stage that warms the idle color on every node.

    The stage needs no undo, because the stage changes only the memory of the color's processes. The next restart of
    these processes empties the memory.
    """
    action = Warm(i.color)
    return Stage(WARM, tuple(Step(place, action, i.settings.deadlines.warm) for place in i.node_places))
