"""The interface of a switch: read it, shift weights, see what is in flight and who is up. docs/switches.md explains it.

There are two sorts. A ``Balancer`` is told by shell scripts that run on its own hosts; it is pure: it makes commands
and reads answers, and who sends them is not its business. An ``Api`` is told from the operator's machine.
Verification is the same for all kinds: requests through every address of the switch (run/verify.py), never the
switch's own word.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from orchestrator.comparison.judge import Shares
from orchestrator.comparison.traffic import Traffic
from orchestrator.config.cutover import Comparison
from orchestrator.config.ports import Ports
from orchestrator.config.switch import Switch
from orchestrator.errors import CannotTell as CannotTell
from orchestrator.errors import NotDone as NotDone
from orchestrator.layout import BalancerLayout
from orchestrator.model import Color, Weights


def _nobody_down() -> dict[Color, tuple[str, ...]]:
    return dict.fromkeys(Color, ())


@dataclass(frozen=True)
class Seen:
    """A switch's answer: weights as its data plane has them, and what a restart would come back with.

    + in_flight: requests each color is answering for this switch now, None where it cannot count them
    + out: members that an operator has taken out (drain, maintenance)
    + barred: addresses of nodes that are kept out of both colors
    + filesystem: type of the file system that holds the state, as ``stat -f`` names it; None if no file holds it
    + down: for each color the members that the switch's own checks call down (empty where it has no checks)
    + problems: lines that say why no run may begin with it as it is
    + attached: colors that the switch still knows; one that it was made to forget is attached again first
    + sticky: seconds for which it keeps a client on a color whatever the weights, 0 if it does not
    """

    weights: Weights
    kept: Weights
    in_flight: dict[Color, int] | None
    filesystem: str | None = None
    down: dict[Color, tuple[str, ...]] = field(default_factory=_nobody_down)
    out: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    attached: frozenset[Color] = frozenset(Color)
    sticky: float = 0.0


class Balancer(ABC):
    """One kind of load balancer on hosts of ours."""

    section: ClassVar[type[Switch]]
    """Its settings."""

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
    def arm(self) -> str:
        """A shell script that makes ready for ``shift`` and proves that it would be taken: $1 is green's weight.

        No traffic moves. All balancers are armed before one of them shifts.
        """

    @property
    @abstractmethod
    def shift(self) -> str:
        """A shell script that moves traffic: $1 is green's weight, 0 to 100.

        All or nothing: if the data plane does not take the weight, the state that a restart reads is put
        back and the script fails. Doing it twice does no harm. It does not need ``arm``.
        """

    @property
    @abstractmethod
    def bar(self) -> str:
        """A shell script, for an administrator, that keeps new requests from a node or lets them in again.

        $1 is the node's name, $2 its address, $3 ``on`` or ``off``. It prints ``kept`` if an operator had
        taken the node out before: that is not ours to touch.
        """

    @property
    def record(self) -> str:
        """A shell script that counts the balancer's own record of requests; it changes nothing.

        $1 and $2 are epoch seconds by the balancer's clock: requests that ended from $1 on and before $2. Never any
        that began before the weight in force was set: an empty $1 is that moment. An empty $2 is now. What is not
        written down yet is left out, and the answer says where it ends: that is $1 of the next window.
        """
        return "true"

    def traffic(self, output: Sequence[str]) -> dict[Color, Traffic]:
        """The meaning of the answer to ``record``. Raises CannotTell."""
        raise CannotTell("this kind of balancer keeps no record of requests")


class Api(ABC):
    """One kind of switch that is told from the operator's machine, by its provider's API.

    + switch: its settings
    + members: node -> how the provider knows it (instance id or IP address)
    + ports: of the colors
    """

    section: ClassVar[type[Switch]]
    """Its settings."""

    def __init__(self, switch: Switch, members: Mapping[str, str], ports: Ports) -> None:
        self.switch = switch
        self.members = dict(members)
        self.ports = ports

    @abstractmethod
    def see(self) -> Seen:
        """Look at it now; changes nothing. Raises CannotTell, NotDone."""

    @abstractmethod
    def arm(self, weights: Weights, back: bool = False) -> str:
        """Prove that ``shift`` would be taken; no traffic moves. Raises NotDone. A line of detail for the report.

        + back: as for ``shift``
        """

    @abstractmethod
    def shift(self, weights: Weights, back: bool = False) -> str:
        """Move traffic. Doing it twice does no harm. Raises NotDone. A line of detail for the report.

        + back: an undo or a rollback: it is done even if members of the color that gets traffic are not healthy
        """

    @abstractmethod
    def detach(self, color: Color) -> str:
        """Make the switch forget a color that has no weight, so that clients it keeps there leave. Raises NotDone."""

    @abstractmethod
    def attach(self) -> str:
        """Undo of ``detach``: both colors known again, the weights as they are. Raises NotDone."""

    def shares(self, since: float, old: Color, settings: Comparison, wait: bool) -> Mapping[Color, Shares]:
        """What both colors have answered since an instant, as the provider tells.

        + since: epoch seconds
        + old: the color whose response times make the limits
        + wait: until it can tell all of it; otherwise what it can tell already

        Raises NotDone.
        """
        raise NotDone("this kind of switch keeps no record of requests")

    @abstractmethod
    def bar(self, addresses: Sequence[str], out: bool) -> str:
        """Keep nodes out of both colors, or let them in and wait until they are healthy. Raises NotDone."""
