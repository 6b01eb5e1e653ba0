"""Read the clocks of nodes, compare them, and calculate the instant of a swap for which all nodes are armed."""

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
"""Seconds that are added to the lead for each node, since one process arms all nodes."""


@dataclass(frozen=True)
class Offset:
    """The difference of a node's clock to the operator's clock; positive if the node's clock is ahead.

    + uncertainty: seconds by which ``seconds`` may be wrong in either direction
    """

    seconds: float
    uncertainty: float


def offset(sent: float, received: float, said: float) -> Offset:
    """Calculate a clock's offset by the midpoint rule.

    + sent, received: times of question and answer by the operator's clock, in epoch seconds
    + said: the time in the answer, in epoch seconds
    """
    return Offset(said - (sent + received) / 2, (received - sent) / 2)


def measure(ask: Callable[[], float], times: int = 3, clock: Callable[[], float] = time.time) -> Offset:
    """Measure a clock's offset several times.

    The result is the measurement with the shortest round trip, since that is the most exact one.
    """
    found = []
    for _ in range(times):
        sent = clock()
        said = ask()
        found.append(offset(sent, clock(), said))
    return min(found, key=lambda one: one.uncertainty)


def common(offsets: Mapping[str, Offset]) -> float:
    """Return the median of the nodes' offsets, in seconds.

    With the median, a single wrong clock (the operator's included) does not matter.
    """
    return median(one.seconds for one in offsets.values())


def compare(offsets: Mapping[str, Offset], allowed: float) -> str | None:
    """Return a message about clocks that differ too much and what to do; None if all clocks may be close enough.

    + offsets: node -> offset of its clock
    + allowed: seconds by which two clocks may differ
    """
    middle = common(offsets)
    wrong: list[str] = []
    # drop the farthest clock until the rest agree; if two are equally far, drop the one farther from the operator's
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
    """Return the seconds by which the two clocks farthest apart certainly differ."""
    return max(one.seconds - one.uncertainty for one in offsets) - min(one.seconds + one.uncertainty for one in offsets)


def fire_time(now: float, lead: float, nodes: int) -> float:
    """Return the instant for which the nodes are armed.

    + now: the present time by the nodes' clocks: the operator's time plus ``common``
    + lead: seconds of lead from the settings
    + nodes: number of nodes that are armed
    """
    return now + lead + nodes * ARMING


class Clock(FactBase[float]):
    """Returns the node's time in seconds since 1970, to well below a millisecond; None if the node did not answer."""

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
