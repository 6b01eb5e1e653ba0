"""Read and compare the clocks of nodes, and calculate the instant at which armed nodes change their ``live`` links."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.facts.base import Fact
from orchestrator.scripts.command import question

SCRIPT = "date +%s.%N"

ARMING = 0.01
"""Seconds that are added for each armed node to the time between arming and the change of the ``live`` links.

One process arms all nodes, so arming takes longer with more nodes.
"""


@dataclass(frozen=True)
class Offset:
    """The difference between a node's clock and the clock of the operator's machine.

    + seconds: seconds by which the node's clock is ahead; negative if the node's clock is behind
    + uncertainty: seconds by which the true difference may be larger or smaller than ``seconds``
    """

    seconds: float
    uncertainty: float


def offset(sent: float, received: float, said: float) -> Offset:
    """Return how far a node's clock differs from the clock of the operator's machine, from one question and its answer.

    The calculation assumes that the node read its clock halfway between ``sent`` and ``received``.

    + sent: when the question was sent, by the clock of the operator's machine, in epoch seconds
    + received: when the answer was received, by the clock of the operator's machine, in epoch seconds
    + said: the answer: the time of the node's clock, in epoch seconds
    """
    return Offset(said - (sent + received) / 2, (received - sent) / 2)


def measure(ask: Callable[[], float], times: int = 3, clock: Callable[[], float] = time.time) -> Offset:
    """Measure several times how far a node's clock differs from the clock of the operator's machine.

    Return the measurement with the shortest round trip, because this measurement is the most exact one.

    + ask: function that asks the node for the time of its clock, and returns this time in epoch seconds
    + times: number of measurements
    + clock: function that returns the time of the operator's machine, in epoch seconds
    """
    found = []
    for _ in range(times):
        sent = clock()
        said = ask()
        found.append(offset(sent, clock(), said))
    return min(found, key=lambda one: one.uncertainty)


def common(offsets: Mapping[str, Offset]) -> float:
    """Return the number of seconds that must be added to the time of the operator's machine to get the nodes' time.

    The result is the median of the differences between the nodes' clocks and the clock of the operator's machine. The
    median is right even if the clock of the operator's machine or the clock of one node is wrong.

    + offsets: node -> difference between the node's clock and the clock of the operator's machine
    """
    # imported here, because only a fleet whose nodes are the switch needs the module `statistics`
    from statistics import median

    return median(one.seconds for one in offsets.values())


def compare(offsets: Mapping[str, Offset], allowed: float) -> str | None:
    """Return one line that names the nodes with wrong clocks, and says what to do. Return None if all clocks agree.

    + offsets: node -> difference between the node's clock and the clock of the operator's machine
    + allowed: seconds by which the clocks of two nodes may differ. This limit is for the smallest possible difference:
      the measured difference minus the uncertainties of both measurements.
    """
    middle = common(offsets)
    wrong: list[str] = []
    # drop the clock that is farthest from the median, until the remaining clocks agree; if two clocks are equally far,
    # drop the clock with the larger offset
    left = sorted(offsets, key=lambda name: (abs(offsets[name].seconds - middle), abs(offsets[name].seconds)))
    while _apart([offsets[name] for name in left]) > allowed:
        wrong.append(left.pop())
    if not wrong:
        return None
    far = ", ".join(_far(name, offsets[name], common({other: offsets[other] for other in left})) for name in wrong)
    return f"clocks differ by more than {allowed:g} s: {far}; check NTP on these hosts (timedatectl), then try again"


def _far(name: str, one: Offset, others: float) -> str:
    ahead = one.seconds - others
    return f"{name} is {abs(ahead):.3f} s {'ahead' if ahead > 0 else 'behind'} (±{one.uncertainty:.3f} s)"


def _apart(offsets: list[Offset]) -> float:
    """Return the smallest possible difference between the fastest and the slowest clock, in seconds.

    The result is negative if all clocks may be equal, given the uncertainties.
    """
    return max(one.seconds - one.uncertainty for one in offsets) - min(one.seconds + one.uncertainty for one in offsets)


def fire_time(now: float, lead: float, nodes: int) -> float:
    """Return the instant at which the armed nodes change their ``live`` links, in epoch seconds.

    + now: the present time by the nodes' clocks, in epoch seconds. This is the time of the operator's machine plus the
      result of ``common``
    + lead: the switch's setting ``lead``, in seconds. The instant is ``lead`` seconds from now, plus ARMING seconds for
      each node
    + nodes: number of nodes that are armed
    """
    return now + lead + nodes * ARMING


class Clock(Fact[float]):
    """Returns the time of a node's clock in epoch seconds, as a float; None if the node did not answer."""

    @override
    def command(self) -> StringCommand:
        return question(SCRIPT)

    @override
    def parse(self, output: list[str]) -> float:
        return float(output[-1])
