"""The interface of a switch: read its state, shift weights, keep nodes out (docs/switches.md explains it).

There are two sorts. A ``Balancer`` is controlled by shell scripts that run on its own hosts. It is pure: it makes the
scripts and parses their output, and other code runs them. An ``Api`` is controlled from the operator's machine.
A shift is verified in the same way for all kinds: by requests through every address of the switch (run/verify.py),
never by what the switch says itself.
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


def _none_down() -> dict[Color, tuple[str, ...]]:
    return dict.fromkeys(Color, ())


@dataclass(frozen=True)
class Seen:
    """The state of a switch.

    + weights: the weights that its data plane uses now
    + kept: the weights that it would use after a restart
    + in_flight: number of requests that each color is answering for this switch now; None if the switch cannot count
      them
    + filesystem: type of the file system that holds the state, as ``stat -f`` names it; None if no file holds the state
    + down: for each color, the members that the switch's own health checks call down (empty without health checks)
    + out: members that an operator has taken out (drain, maintenance)
    + barred: addresses of nodes that are kept out of both colors
    + problems: lines that say why no run may begin while the switch is in this state
    + attached: colors that the switch is connected to; a detached color must be attached before it gets traffic
    + sticky: seconds for which the switch keeps a client on its color whatever the weights; 0 without stickiness
    """

    weights: Weights
    kept: Weights
    in_flight: dict[Color, int] | None
    filesystem: str | None = None
    down: dict[Color, tuple[str, ...]] = field(default_factory=_none_down)
    out: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    attached: frozenset[Color] = frozenset(Color)
    sticky: float = 0.0


class Balancer(ABC):
    """One kind of load balancer that runs on hosts of the inventory."""

    section: ClassVar[type[Switch]]
    """Class of the balancer's settings."""

    def __init__(self, layout: BalancerLayout) -> None:
        self.layout = layout

    @property
    @abstractmethod
    def look(self) -> str:
        """Return a shell script that prints the state for ``seen``. The script changes nothing."""

    @abstractmethod
    def seen(self, output: Sequence[str]) -> Seen:
        """Parse the lines that ``look`` printed. Raises CannotTell."""

    @property
    @abstractmethod
    def arm(self) -> str:
        """Return a shell script that proves that ``shift`` would be accepted, and prepares it. $1 is green's weight.

        The script moves no traffic. All balancers are armed before the first one shifts.
        """

    @property
    @abstractmethod
    def shift(self) -> str:
        """Return a shell script that moves traffic. $1 is green's weight, 0 to 100.

        The script does all or nothing: if the data plane does not accept the weight, the script restores the state that
        a restart reads, and fails. It may run twice, and does not need ``arm`` to run before.
        """

    @property
    @abstractmethod
    def bar(self) -> str:
        """Return a shell script, run as an administrator, that keeps new requests from a node or lets them in again.

        $1 is the node's name, $2 its address, $3 ``on`` or ``off``. If an operator had already taken the node out, the
        script prints ``kept`` and changes nothing.
        """

    @property
    def record(self) -> str:
        """Return a shell script that sums up the balancer's own record of requests. The script changes nothing.

        It counts requests that ended at or after $1 and before $2, in epoch seconds by the balancer's clock. If $1 is
        empty, the window begins when the present weight was set, and requests that began before are not counted. If $2
        is empty, the window ends now. The newest requests may not be recorded yet, so the output says where the window
        really ends: use that time as $1 of the next window.
        """
        return "true"

    def traffic(self, output: Sequence[str]) -> dict[Color, Traffic]:
        """Parse the lines that ``record`` printed. Raises CannotTell."""
        raise CannotTell("this kind of balancer keeps no record of requests")


class Api(ABC):
    """One kind of switch that is controlled from the operator's machine, through its provider's API.

    + switch: settings of the switch
    + members: node -> the provider's name for it (instance id or IP address)
    + ports: ports of the colors
    """

    section: ClassVar[type[Switch]]
    """Class of the switch's settings."""

    def __init__(self, switch: Switch, members: Mapping[str, str], ports: Ports) -> None:
        self.switch = switch
        self.members = dict(members)
        self.ports = ports

    @abstractmethod
    def see(self) -> Seen:
        """Read the switch's state. Changes nothing. Raises CannotTell, NotDone."""

    @abstractmethod
    def arm(self, weights: Weights, back: bool = False) -> str:
        """Prove that ``shift`` would be accepted; no traffic moves. Returns one line for the report. Raises NotDone.

        + back: whether this is an undo or a rollback, as for ``shift``
        """

    @abstractmethod
    def shift(self, weights: Weights, back: bool = False) -> str:
        """Move traffic. May be called twice. Returns one line for the report. Raises NotDone.

        + back: whether this is an undo or a rollback: then traffic moves even to an unhealthy color
        """

    @abstractmethod
    def detach(self, color: Color) -> str:
        """Detach a color that has no weight, so that the switch no longer keeps clients on it. Raises NotDone."""

    @abstractmethod
    def attach(self) -> str:
        """Undo ``detach``: attach both colors, and leave the weights as they are. Raises NotDone."""

    def shares(self, since: float, old: Color, settings: Comparison, wait: bool) -> Mapping[Color, Shares]:
        """Return the answers of both colors since an instant, as the provider recorded them.

        + since: the instant, in epoch seconds
        + old: the color whose response times determine the limits
        + wait: whether to wait until the record is complete; if False, return the part that is recorded already

        Raises NotDone.
        """
        raise NotDone("this kind of switch keeps no record of requests")

    @abstractmethod
    def bar(self, addresses: Sequence[str], out: bool) -> str:
        """Keep nodes out of both colors, or let them in and wait until they are healthy. Raises NotDone.

        + out: True to keep the nodes out, False to let them in
        """
