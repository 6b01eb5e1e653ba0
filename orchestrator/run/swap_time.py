"""Chooses the instant at which all armed nodes change their ``live`` links. Each node uses its own clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import time

from pyinfra.api.host import Host

from orchestrator.config.switch import NodeSwitch
from orchestrator.facts.clock import Clock, Offset, common, compare, fire_time, measure
from orchestrator.fleet import Fleet


@dataclass(frozen=True)
class SwapTime:
    """The instant at which all armed nodes change their ``live`` links.

    + at: the instant in seconds since 1970 by the nodes' clocks
    + here: the same instant by the clock of the operator's machine
    + window: seconds after the instant within which a node may still change its link. A node that was frozen for longer
      does not change its link
    + problem: one line that names the nodes whose clocks are too far apart; None if all clocks are close enough
    """

    at: float
    here: float
    window: float
    problem: str | None


def agree(fleet: Fleet, nodes: Sequence[str]) -> SwapTime:
    """Compare the nodes' clocks, and return an instant that leaves enough time to arm all nodes.

    This function ignores a node that does not report its time. The step that arms such a node will fail.

    + nodes: the names of the nodes to arm
    """
    switch = next(switch for switch in fleet.settings.switches if isinstance(switch, NodeSwitch))

    def ask(host: Host) -> float:
        said: float = fleet.look(host, Clock)
        return said

    replies = fleet.each(nodes, lambda host: measure(lambda: ask(host)), fleet.settings.deadlines.look)
    # ignore nodes that do not answer: arming such a node fails, and this stops the run
    offsets: dict[str, Offset] = {reply.name: reply.value for reply in replies if reply.value is not None}
    here = fire_time(time(), switch.lead, len(nodes))
    if not offsets:
        return SwapTime(here, here, switch.window, None)
    return SwapTime(here + common(offsets), here, switch.window, compare(offsets, switch.clocks))
