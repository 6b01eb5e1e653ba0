"""Clocks of nodes: the time, the difference between them, and the instant of a swap that all nodes are armed for."""

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
"""Seconds that are added to the lead for each node: one process arms all of them."""


@dataclass(frozen=True)
class Offset:
    """How far a node's clock is ahead of the operator's.

    + uncertainty: seconds by which ``seconds`` may be wrong, either way
    """

    seconds: float
    uncertainty: float


def offset(sent: float, received: float, said: float) -> Offset:
    """A clock's offset by the midpoint rule.

    + sent, received: times of question and answer by the operator's clock, epoch seconds
    + said: the time in the answer, epoch seconds
    """
    return Offset(said - (sent + received) / 2, (received - sent) / 2)


def measure(ask: Callable[[], float], times: int = 3, clock: Callable[[], float] = time.time) -> Offset:
    """A clock's offset, measured several times. The shortest round trip is the most exact and counts."""
    found = []
    for _ in range(times):
        sent = clock()
        said = ask()
        found.append(offset(sent, clock(), said))
    return min(found, key=lambda one: one.uncertainty)


def common(offsets: Mapping[str, Offset]) -> float:
    """The median of the nodes' offsets in seconds: one wrong clock, the operator's included, does not matter."""
    return median(one.seconds for one in offsets.values())


def compare(offsets: Mapping[str, Offset], allowed: float) -> str | None:
    """A message about the clocks that differ too much and what to do; None if all may be close enough.

    + offsets: offset of each node
    + allowed: seconds by which two clocks may differ
    """
    middle = common(offsets)
    wrong: list[str] = []
    # drop the farthest clock until the rest agree; of two equally far clocks, the one farther from the operator's
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
    """Seconds by which the two clocks farthest apart certainly differ."""
    return max(one.seconds - one.uncertainty for one in offsets) - min(one.seconds + one.uncertainty for one in offsets)


def fire_time(now: float, lead: float, nodes: int) -> float:
    """The instant to arm for.

    + now: the time by the nodes' clocks: the operator's plus ``common``
    + lead: seconds of lead from the settings
    + nodes: number of nodes that are armed
    """
    return now + lead + nodes * ARMING


class Clock(FactBase[float]):
    """Returns the node's time in seconds since 1970, to well below a millisecond; None if the node did not say."""

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
