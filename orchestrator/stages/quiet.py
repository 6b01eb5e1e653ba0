"""Wait until the idle color has answered its last request, so that restarting it cuts no request."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

QUIET = Kind("quiet", ("node", "balancer"), changes=False, hooks=True, each_batch=True)


@dataclass(frozen=True)
class Quiet(Action):
    """Wait until a color has no request in flight.

    + still: seconds for which it has to stay so
    """

    name = "quiet"
    handler = "orchestrator.run.handlers.quiet:QuietHandler"

    color: Color
    still: float


def quiet(i: Inputs, color: Color | None = None, balancers: bool = True) -> Stage:
    """Count PHP-FPM's requests, connections and streams on every node, and the requests in flight on every balancer.

    At ``drain.limit`` the next stage cuts what is left, or this stage fails, as ``drain.at_limit`` says.

    + balancers: also ask the balancers
    """
    # a switch whose data plane lags behind its control plane may still send something for a while
    still = max(switch.quiet for switch in i.settings.switches)
    action = Quiet(color or i.color, still)
    # the wait has its own limit, and says what it saw last; this deadline is for a place that does not answer at all
    deadline = i.settings.drain.limit + still + i.settings.deadlines.look
    places = (*i.node_places, *(switch.place for switch in i.at("balancer") if balancers))
    return Stage(QUIET, tuple(Step(place, action, deadline) for place in places))
