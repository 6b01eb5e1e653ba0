"""The two interfaces of a switch: read its state, shift weights, keep nodes out (docs/switches.md).

A ``Balancer`` is controlled by shell scripts that run on its own hosts. The class only makes the scripts and parses
their output, and other code runs the scripts. An ``Api`` is controlled from the operator's machine.

After a shift, run/verify.py sends requests through every address of the switch, whatever the kind of switch. Only these
requests prove the shift. What the switch reports about itself is not enough.
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

    + weights: the weights by which the switch routes traffic now
    + kept: the weights by which the switch would route traffic after a restart
    + in_flight: color -> number of requests that this switch has in flight at the color now; None if the switch cannot
      count these requests
    + filesystem: type of the file system that holds the weights, as ``stat -f`` names it; None if no file holds them
    + down: color -> the nodes that fail the switch's own health checks (empty without health checks)
    + out: nodes that an operator has taken out of the switch (drain, maintenance)
    + barred: nodes that are barred, which means kept out of both colors. A ``Balancer`` gives addresses, an ``Api``
      gives names.
    + problems: lines that say why no run may begin while the switch is in this state
    + attached: colors that the switch can send traffic to; a detached color must be attached before it gets traffic
    + sticky: seconds for which the switch keeps a client on its color whatever the weights; 0 without stickiness
    + digests: key -> digest of the value that provisioning applied on this host; None if the host does not tell
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
    digests: Mapping[str, str] | None = None


class Balancer(ABC):
    """A kind of load balancer that runs on hosts of the inventory.

    + layout: paths on the balancer
    """

    section: ClassVar[type[Switch]]
    """Class of the settings for this kind of balancer."""

    def __init__(self, layout: BalancerLayout) -> None:
        self.layout = layout

    @property
    @abstractmethod
    def look(self) -> str:
        """The text of a shell script that prints the balancer's state, for ``seen``. The script changes nothing."""

    @abstractmethod
    def seen(self, output: Sequence[str]) -> Seen:
        """Return the state that the script ``look`` printed. Raises CannotTell if the output does not tell the weights.

        + output: lines that the script printed
        """

    @property
    @abstractmethod
    def arm(self) -> str:
        """The text of a shell script that proves that the balancer would accept ``shift``, and prepares the shift.

        $1 is green's weight after the shift, 0 to 100. The script moves no traffic. A run executes ``arm`` on all
        balancers before the first ``shift``.
        """

    @property
    @abstractmethod
    def shift(self) -> str:
        """The text of a shell script that moves traffic. $1 is green's new weight, 0 to 100.

        If the balancer does not accept the weight, the script fails, and the former weight stays valid, also after a
        restart of the balancer. The script may run twice. It may also run without ``arm`` before it.
        """

    @property
    @abstractmethod
    def bar(self) -> str:
        """The text of a shell script that keeps new requests from a node, or lets them in again.

        $1 is the node's name, $2 is the node's address. $3 is ``on`` to keep requests from the node, or ``off`` to let
        them in. If the node was already taken out, ``on`` changes nothing and prints ``kept``. Only provisioning runs
        this script, as the administrator. A run bars nodes with the program ``bar`` that provisioning installed.
        """

    @property
    def record(self) -> str:
        """The text of a shell script that sums up the balancer's own record of requests. The script changes nothing.

        The script counts the requests that ended in a window: at or after $1, and before $2. Both are epoch seconds by
        the balancer's clock. If $1 is empty, the window begins when the present weight was set, and requests that began
        before that time are not counted. If $2 is empty, the window ends now.

        The newest requests may not be recorded yet, so the window may end earlier. The output says when the window
        really ends. Use that time as $1 of the next window.
        """
        return "true"

    def traffic(self, output: Sequence[str]) -> dict[Color, Traffic]:
        """Return the traffic of each color, from the lines that the script ``record`` printed.

        Raises CannotTell if the record cannot be read, or if this kind of balancer keeps no record.

        + output: lines that the script printed
        """
        raise CannotTell("this kind of balancer keeps no record of requests")


class Api(ABC):
    """A kind of switch that is controlled from the operator's machine, through its provider's API.

    + switch: settings of the switch
    + members: name of each node -> the provider's name for the node (instance id or IP address)
    + ports: ports of the colors
    """

    section: ClassVar[type[Switch]]
    """Class of the settings for this kind of switch."""

    def __init__(self, switch: Switch, members: Mapping[str, str], ports: Ports) -> None:
        self.switch = switch
        self.members = dict(members)
        self.ports = ports

    @abstractmethod
    def see(self) -> Seen:
        """Read and return the state of the switch. Changes nothing.

        Raises CannotTell if the state does not tell the weights, and NotDone if the API gives no answer.
        """

    @abstractmethod
    def arm(self, weights: Weights, back: bool = False) -> str:
        """Prove that the API would accept ``shift``. Returns one line for the report. No traffic moves.

        Raises NotDone if the API would not accept the shift.

        + weights: weights of the coming shift
        + back: whether the coming shift is an undo or a rollback
        """

    @abstractmethod
    def shift(self, weights: Weights, back: bool = False) -> str:
        """Move traffic. Returns one line for the report. A second call with the same weights does no harm.

        Raises NotDone if the API does not accept the weights.

        + weights: new weights
        + back: whether this shift is an undo or a rollback. If True, traffic moves even to an unhealthy color.
        """

    @abstractmethod
    def detach(self, color: Color) -> str:
        """Detach a color whose weight is 0, so that stickiness no longer keeps clients on this color.

        Returns one line for the report. Raises NotDone if the color has a weight or the API refuses.
        """

    @abstractmethod
    def attach(self) -> str:
        """Attach the detached color again, and leave the weights as they are. This undoes ``detach``.

        Returns one line for the report. Raises NotDone if the API refuses.
        """

    def shares(self, since: float, old: Color, settings: Comparison, wait: bool) -> Mapping[Color, Shares]:
        """Return the numbers of both colors that a comparison needs, from the provider's record of requests.

        + since: time at which the record's window begins, in epoch seconds
        + old: the color whose response times set the threshold above which an answer of either color counts as slow
        + settings: settings of the comparison
        + wait: whether to wait until the record is complete; if False, return the part that is recorded already

        Raises NotDone if the record cannot be read, or if this kind of switch keeps no record.
        """
        raise NotDone("this kind of switch keeps no record of requests")

    @abstractmethod
    def bar(self, addresses: Sequence[str], out: bool) -> str:
        """Keep nodes out of both colors, or let them in again and wait until they are healthy.

        Returns one line for the report. Raises NotDone if the API refuses, or if the nodes do not become healthy.

        + addresses: the nodes, by name or by the provider's name for them
        + out: True to keep the nodes out, False to let them in
        """
