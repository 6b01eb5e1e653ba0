"""What time it is on a node, how far clocks are apart, and when a swap that all nodes are armed for may be."""

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
"""Seconds by which the lead grows with each node: one process arms them all, and shares its processor."""


@dataclass(frozen=True)
class Offset:
    """How far a node's clock is ahead of the operator's.

    + uncertainty: the truth is at most so far from ``seconds``, either way
    """

    seconds: float
    uncertainty: float


def offset(sent: float, received: float, said: float) -> Offset:
    """A clock's offset by the midpoint rule.

    + sent, received: when it was asked and had answered, by the operator's clock
    + said: what it answered
    """
    return Offset(said - (sent + received) / 2, (received - sent) / 2)


def measure(ask: Callable[[], float], times: int = 3, clock: Callable[[], float] = time.time) -> Offset:
    """A clock's offset, asked several times: the shortest round trip says most."""
    found = []
    for _ in range(times):
        sent = clock()
        said = ask()
        found.append(offset(sent, clock(), said))
    return min(found, key=lambda one: one.uncertainty)


def common(offsets: Mapping[str, Offset]) -> float:
    """Seconds that most nodes' clocks are ahead of the operator's: whose clock is wrong does not matter then."""
    return median(one.seconds for one in offsets.values())


def compare(offsets: Mapping[str, Offset], allowed: float) -> str | None:
    """None if all nodes' clocks can be within so many seconds of each other, else which are not and what to do.

    + offsets: by node
    + allowed: seconds
    """
    middle = common(offsets)
    wrong: list[str] = []
    # the farthest first, until those that are left agree; where two are as far, the operator's clock tells
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
    """Seconds that the two clocks farthest apart are apart for sure."""
    return max(one.seconds - one.uncertainty for one in offsets) - min(one.seconds + one.uncertainty for one in offsets)


def fire_time(now: float, lead: float, nodes: int) -> float:
    """The instant to arm for.

    + now: by the nodes' clocks: the operator's plus ``common``
    + lead: seconds that the settings give
    + nodes: how many are armed
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
