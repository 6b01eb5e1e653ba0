"""Read and compare the clocks of nodes, and calculate the instant at which all nodes change their ``live`` links."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from orchestrator.scripts.command import script

SCRIPT = "date +%s.%N"

ARMING = 0.01
"""Seconds that each node adds to the time between arming and the instant, because one process arms all nodes."""


@dataclass(frozen=True)
class Offset:
    """The difference between a node's clock and the operator's clock.

    + seconds: seconds by which the node's clock is ahead; negative if it is behind
    + uncertainty: seconds by which ``seconds`` may be wrong in either direction
    """

    seconds: float
    uncertainty: float


def offset(sent: float, received: float, said: float) -> Offset:
    """Return the offset of a node's clock, assuming that the node read its clock halfway between question and answer.

    + sent, received: when the question was sent and the answer received, by the operator's clock, in epoch seconds
    + said: the time in the answer, in epoch seconds
    """
    return Offset(said - (sent + received) / 2, (received - sent) / 2)


def measure(ask: Callable[[], float], times: int = 3, clock: Callable[[], float] = time.time) -> Offset:
    """Measure the offset of a node's clock several times, and return the most exact measurement.

    The most exact measurement is the measurement with the shortest round trip.

    + ask: asks the node, and returns the time of its clock, in epoch seconds
    + times: number of measurements
    + clock: returns the operator's time, in epoch seconds
    """
    found = []
    for _ in range(times):
        sent = clock()
        said = ask()
        found.append(offset(sent, clock(), said))
    return min(found, key=lambda one: one.uncertainty)


def common(offsets: Mapping[str, Offset]) -> float:
    """Return the median of the nodes' offsets, in seconds.

    The operator's time plus this median is the common time of the nodes, even if the operator's clock or the clock of
    one node is wrong.
    """
    return median(one.seconds for one in offsets.values())


def compare(offsets: Mapping[str, Offset], allowed: float) -> str | None:
    """Return one line that names the clocks that differ too much, and says what to do; None if no clock does.

    + offsets: node -> offset of its clock
    + allowed: seconds by which two clocks may differ. The uncertainties are subtracted from a difference first.
    """
    middle = common(offsets)
    wrong: list[str] = []
    # drop the clock farthest from the median until the rest agree; at equal distance, the larger offset goes first
    left = sorted(offsets, key=lambda name: (abs(offsets[name].seconds - middle), abs(offsets[name].seconds)))
    while _apart([offsets[name] for name in left]) > allowed:
        wrong.append(left.pop())
    if not wrong:
        return None
    far = ", ".join(_far(name, offsets[name], common({other: offsets[other] for other in left})) for name in wrong)
    return f"clocks differ by more than {allowed:g} s: {far}; see that NTP runs there (timedatectl), then try again"


def _far(name: str, one: Offset, others: float) -> str:
    ahead = one.seconds - others
    return f"{name} is {abs(ahead):.3f} s {'ahead' if ahead > 0 else 'behind'} (±{one.uncertainty:.3f} s)"


def _apart(offsets: list[Offset]) -> float:
    """Return the seconds by which the clocks differ at least. The result is negative if they may all be equal."""
    return max(one.seconds - one.uncertainty for one in offsets) - min(one.seconds + one.uncertainty for one in offsets)


def fire_time(now: float, lead: float, nodes: int) -> float:
    """Return the instant at which the armed nodes change their ``live`` links, in epoch seconds.

    + now: the present time by the nodes' clocks (the operator's time plus ``common``), in epoch seconds
    + lead: the switch's setting ``lead``: seconds between arming and the instant, without the time for each node
    + nodes: number of nodes that are armed
    """
    return now + lead + nodes * ARMING


class Clock(FactBase[float]):
    """Returns a node's time in epoch seconds, exact to less than a millisecond; None if the node did not answer."""

    @override
    def command(self) -> StringCommand:
        return script(SCRIPT)

    @override
    def process(self, output: list[str]) -> float:
        return float(output[-1])

    @staticmethod
    @override
    def default() -> Any:
        return None
