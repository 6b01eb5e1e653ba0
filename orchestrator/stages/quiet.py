"""Wait until the idle color has answered its last request, so that restarting the color cuts off no request."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Color
from orchestrator.plan.chains import FILES
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Action, Kind, Stage, Step

QUIET = Kind("quiet", ("node", "balancer"), changes=False, hooks=True, each_batch=True, proves=True, chain=FILES)


@dataclass(frozen=True)
class Quiet(Action):
    """Wait until a color has no request in flight.

    + still: seconds for which the color has to stay without requests
    + idle: seconds to wait at most until the color has no idle connection on the node. 0 if the color gets no requests
      on such connections. Earlier versions of this tool did not write this field to the journal
    """

    name = "quiet"
    handler = "orchestrator.run.handlers.quiet:QuietHandler"

    color: Color
    still: float
    idle: float = 0.0


def quiet(i: Inputs, balancers: bool = True, idle: float = 0.0) -> Stage:
    """Return the stage that waits until the color that the run prepares has no request, connection or stream in flight.

    The run counts the requests on every node. If requests are left after ``drain.limit`` seconds (a setting), the
    setting ``drain.at_limit`` decides: either this stage fails, or the later restart of the color cuts off these
    requests.

    + balancers: whether the run also counts the requests on every balancer
    + idle: seconds to wait at most until the color has no idle connection on any node
    """
    # some switches keep sending requests to the color for some seconds after its weight became 0
    still = max(switch.quiet for switch in i.settings.switches)
    action = Quiet(i.color, still, idle)
    # The wait ends at ``drain.limit`` and reports its last count. Only a place that does not answer at all reaches this
    # deadline.
    looks = i.settings.deadlines.look * (2 if idle else 1)
    deadline = idle + i.settings.drain.limit + still + looks
    places = (*i.node_places, *(switch.place for switch in i.at("balancer") if balancers))
    return Stage(QUIET, tuple(Step(place, action, deadline, i.no_traffic(place)) for place in places))
