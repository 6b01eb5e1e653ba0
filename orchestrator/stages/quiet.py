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

    + still: seconds for which the color has to stay without requests
    """

    name = "quiet"
    handler = "orchestrator.run.handlers.quiet:QuietHandler"

    color: Color
    still: float


def quiet(i: Inputs, color: Color | None = None, balancers: bool = True) -> Stage:
    """Count PHP-FPM's requests, connections and streams on every node, and the requests in flight on every balancer.

    At ``drain.limit``, as ``drain.at_limit`` says, this stage fails or the next stage cuts the remaining requests.

    + balancers: whether to count on the balancers as well
    """
    # if a switch's data plane lags behind its control plane, requests may still arrive for a while
    still = max(switch.quiet for switch in i.settings.switches)
    action = Quiet(color or i.color, still)
    # The wait has its own limit, and reports its last count. This deadline is for a place that does not answer at all.
    deadline = i.settings.drain.limit + still + i.settings.deadlines.look
    places = (*i.node_places, *(switch.place for switch in i.at("balancer") if balancers))
    return Stage(QUIET, tuple(Step(place, action, deadline) for place in places))
