"""Wait until the idle color has answered its last request: nobody is cut when it is restarted."""

from __future__ import annotations

from orchestrator.model import Color
from orchestrator.plan import Action, Inputs, Place, Stage, Step


def quiet(i: Inputs, color: Color | None = None) -> Stage:
    """On every node, PHP-FPM and connections; on every balancer, its own count of requests in flight."""
    action = Action("quiet", {"color": color or i.color})
    deadline = i.settings.deadlines.quiet
    places = (*i.node_places, *(Place("balancer", balancer.name) for balancer in i.balancers))
    return Stage("quiet", tuple(Step(place, action, deadline) for place in places), changes=False)
