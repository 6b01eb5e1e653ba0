"""The interface of a load balancer: scripts that run on its host, and what their answers mean.

Pure: it makes commands and reads answers. Who sends them, and what a failure means to a run, is not its business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.layout import BalancerLayout
from orchestrator.model import Color, Weights


class CannotTell(Exception):
    """The balancer's answer does not say which color gets traffic. Never taken for a color."""


@dataclass(frozen=True)
class Seen:
    """A balancer's answer: weights as its data plane has them, and what a restart would come back with.

    + in_flight: requests each color is answering for this balancer now, None where it cannot count them
    + out: members that an operator has taken out (drain, maintenance)
    + barred: addresses of nodes that are kept out of both colors
    + filesystem: type of the file system that holds the state, as ``stat -f`` names it
    + down: for each color the members that the balancer's own checks call down (empty where it has no checks)
    """

    weights: Weights
    kept: Weights
    in_flight: dict[Color, int] | None
    filesystem: str
    down: dict[Color, tuple[str, ...]]
    out: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()


class Balancer(ABC):
    """One kind of load balancer."""

    def __init__(self, layout: BalancerLayout) -> None:
        self.layout = layout

    @property
    @abstractmethod
    def look(self) -> str:
        """A shell script that prints what ``seen`` reads; it changes nothing."""

    @abstractmethod
    def seen(self, output: Sequence[str]) -> Seen:
        """The meaning of the answer to ``look``. Raises CannotTell."""

    @property
    @abstractmethod
    def shift(self) -> str:
        """A shell script that moves traffic: $1 is green's weight, 0 to 100.

        All or nothing: if the data plane does not take the weight, the state that a restart reads is put
        back and the script fails. Doing it twice does no harm.
        """

    @property
    @abstractmethod
    def bar(self) -> str:
        """A shell script, for an administrator, that keeps new requests from a node or lets them in again.

        $1 is the node's name, $2 its address, $3 ``on`` or ``off``. It prints ``kept`` if an operator had
        taken the node out before: that is not ours to touch.
        """
