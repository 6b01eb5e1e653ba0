"""Watch the new color for some time after a shift: its health pages, the probe, and the comparison of both colors."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color, Weights
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import OPERATOR, Action, Kind, Stage, Step

BAKE = Kind("bake", ("operator",), changes=False, hooks=True)

# seconds that the checks at the end of the last window may take
SLACK = 60.0

# additional seconds for a switch behind an API: CloudWatch shows the data of a minute two minutes after its end
API_SLACK = 240.0


@dataclass(frozen=True)
class Bake(Action):
    """Watch the new color for some time. The first failure ends the bake.

    + seconds: the length of the bake
    + share: per cent of the traffic that the new color gets
    + color: the new color
    + release: the new color's release
    + nodes: the nodes whose health pages are requested
    + switches: the switches whose records of requests are read to compare both colors
    """

    name = "bake"
    handler = "orchestrator.run.handlers.bake:BakeHandler"

    seconds: float
    share: int
    color: Color
    release: str
    nodes: tuple[str, ...]
    switches: tuple[str, ...]


def bake(i: Inputs, weights: Weights, seconds: float) -> Stage:
    """Return the stage that watches the new color at these weights.

    The time is divided into windows of ``comparison.window`` seconds (a setting). At the end of each window, the run
    checks the color. A failed check ends the bake at once. The run compares the colors only while both have traffic.

    + seconds: the length of the bake, 0 for no bake
    """
    action = Bake(
        seconds=seconds,
        share=weights.share(i.color),
        color=i.color,
        release=i.release,
        nodes=tuple(node.name for node in i.nodes),
        switches=tuple(switch.name for switch in i.switches),
    )
    slack = SLACK + (API_SLACK if i.at("api") else 0.0)
    steps = (Step(OPERATOR, action, seconds + slack),) if seconds else ()
    return Stage(BAKE, steps, weight=weights.share(i.color))
