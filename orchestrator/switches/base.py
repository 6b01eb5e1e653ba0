"""The two interfaces of a switch (docs/switches.md). Both interfaces can read the state, shift weights, and bar nodes.

A ``Balancer`` is a switch on hosts of the inventory, such as HAProxy. The class only makes shell scripts and parses
their output; other code runs the scripts on these hosts. An ``Api`` is a switch that the operator's machine controls
through a provider's API.

After a shift, run/verify.py sends requests through every address of the switch, whatever the kind of switch. Only these
requests prove the shift. A report of the switch about itself is not enough.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from orchestrator.comparison.judge import Shares
from orchestrator.comparison.traffic import Traffic
from orchestrator.config.cutover import Comparison
from orchestrator.config.identity import Identity
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
    + filesystem: type of the file system on which the weights are stored, as ``stat -f`` prints the type; None if the
      weights are not stored in a file
    + down: color -> the nodes that fail the switch's own health checks (empty without health checks)
    + out: nodes that an operator has taken out of the switch (drain, maintenance)
    + barred: nodes that are barred: they get no requests for either color. A ``Balancer`` gives addresses, an ``Api``
      gives names.
    + problems: one line for each reason why no run may begin while the switch is in this state
    + attached: colors to which the switch can send traffic. A detached color must be attached before it gets traffic.
    + sticky: seconds for which the switch keeps a client on one color, whatever the weights are; 0 without stickiness
    + digests: key of a setting -> digest of the value that provisioning applied on this host; None if unknown
    + identity: the inventory that provisioned this host; None if unknown
    + page: whether the switch sends the page of maintenance now, instead of the application's answers
    + kept_page: whether the switch would send the page after a restart
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
    identity: Identity | None = None
    page: bool = False
    kept_page: bool = False


def barred(said: Mapping[str, str]) -> tuple[str, ...]:
    """Return the addresses of the nodes that a balancer bars. Raises CannotTell if the answer lacks them.

    + said: the ``key=value`` lines that the script ``scripts/barred.sh`` printed
    """
    if "barred" not in said:
        raise CannotTell(f"it is unknown which nodes are barred: {said.get('unread') or 'no answer'}")
    return tuple(said["barred"].split())


class Balancer(ABC):
    """A kind of load balancer that runs on hosts of the inventory.

    + layout: paths on the balancer
    """

    section: ClassVar[type[Switch]]
    """Class that defines the settings for this kind of switch."""

    def __init__(self, layout: BalancerLayout) -> None:
        self.layout = layout

    @property
    @abstractmethod
    def look(self) -> str:
        """The text of a shell script that prints the balancer's state. The method ``seen`` parses the output.

        The script changes nothing.
        """

    @abstractmethod
    def seen(self, output: Sequence[str]) -> Seen:
        """Return the balancer's state, from the output of the script ``look``.

        Raises CannotTell if the output does not contain the weights.

        + output: lines that the script printed
        """

    @property
    @abstractmethod
    def arm(self) -> str:
        """The text of a shell script that prepares a shift, and fails if the balancer would not accept the shift.

        $1 is green's weight after the shift, 0 to 100 per cent. The script moves no traffic. A run executes ``arm`` on
        all balancers before the first ``shift``.
        """

    @property
    @abstractmethod
    def shift(self) -> str:
        """The text of a shell script that moves traffic. $1 is green's new weight, 0 to 100 per cent.

        If the balancer does not accept the weight, the script fails. The former weight then stays valid, also after a
        restart of the balancer. A second call with the same weight must do no harm. A run may execute ``shift`` without
        ``arm``.
        """

    @property
    @abstractmethod
    def bar(self) -> str:
        """The text of a shell script that keeps new requests away from a node, or lets new requests in again.

        $1 is the node's name. $2 is the node's address. $3 is ``on`` to keep requests away, or ``off`` to let requests
        in. If requests were already kept away, ``on`` changes nothing and prints ``kept``. Only provisioning runs this
        script, as root. A run bars nodes with the program ``bar``, which provisioning installed.
        """

    @property
    def page(self) -> str:
        """The text of a shell script that shows the page of the setting ``maintenance``, or the site again.

        $1 is ``on`` for the page, or ``off`` for the site. If the balancer does not accept the change, the script
        fails, and the former state stays valid, also after a restart of the balancer. A second call must do no harm. A
        class with this script has a section whose ``has_page`` is True.
        """
        return "echo 'this kind of balancer cannot show a page' >&2; exit 1"

    @property
    def hold(self) -> str:
        """The text of a shell script that lets new requests wait, and lets them go on.

        $1 is the longest time for which requests wait, in whole seconds; 0 to let the requests go on. The hold ends by
        itself after this time. If $1 is 0 and the hold has already ended, the
        script prints ``ended``.
        """
        return "echo 'this kind of balancer cannot hold requests' >&2; exit 1"

    @property
    def record(self) -> str:
        """The text of a shell script that counts the requests in the balancer's record. The script changes nothing.

        The script counts the requests that ended in a window: at or after $1, and before $2. Both times are epoch
        seconds by the balancer's clock. If $1 is empty, the window begins at the time when the present weight was set.
        If $2 is empty, the window ends now. Requests that began before the present weight was set are never counted.

        The newest requests may not be recorded yet, so the window may end earlier than $2. The output contains the time
        at which the window really ends. Use this time as $1 of the next window.
        """
        return "true"

    def traffic(self, output: Sequence[str]) -> dict[Color, Traffic]:
        """Return the traffic of each color, from the output of the script ``record``.

        Raises CannotTell if the record cannot be read, or if this kind of balancer keeps no record.

        + output: lines that the script printed
        """
        raise CannotTell("this kind of balancer keeps no record of requests")


class Api(ABC):
    """A kind of switch that the operator's machine controls through the API of a provider, such as AWS.

    + switch: settings of the switch
    + members: inventory name of each node -> the provider's name for the node (instance id or IP address)
    + ports: ports of the colors
    """

    section: ClassVar[type[Switch]]
    """Class that defines the settings for this kind of switch."""

    def __init__(self, switch: Switch, members: Mapping[str, str], ports: Ports) -> None:
        self.switch = switch
        self.members = dict(members)
        self.ports = ports

    @abstractmethod
    def see(self) -> Seen:
        """Read and return the state of the switch. Changes nothing.

        Raises CannotTell if the weights cannot be determined from the state. Raises NotDone if the API gives no answer.
        """

    def see_weights(self) -> Seen:
        """Read the weights and the attached colors, with as few requests as possible. Changes nothing.

        An override may leave out the other fields of the state. Raises the same errors as ``see``.
        """
        return self.see()

    def unhealthy(self, color: Color) -> tuple[str, ...]:
        """Return the nodes that fail the switch's own health checks in a color. Changes nothing.

        A run repeats this call while it waits for a color, so an override should send as few requests as possible.
        Raises the same errors as ``see``.
        """
        return self.see().down[color]

    @abstractmethod
    def arm(self, weights: Weights, back: bool = False) -> str:
        """Check that the API would accept a ``shift``. Returns one line for the report. No traffic moves.

        Raises NotDone if the API would not accept the shift.

        + weights: weights of the coming shift
        + back: whether the coming shift is an undo or a rollback
        """

    @abstractmethod
    def shift(self, weights: Weights, back: bool = False) -> str:
        """Set new weights, which moves traffic. Returns one line for the report.

        A second call with the same weights does no harm.

        Raises NotDone if the API does not accept the weights.

        + weights: new weights
        + back: whether this shift is an undo or a rollback. In these cases, traffic moves even to an unhealthy color.
        """

    @abstractmethod
    def detach(self, color: Color) -> str:
        """Detach a color: remove it from the switch, so that stickiness no longer keeps clients on this color.

        Returns one line for the report. Raises NotDone if the weight of the color is not 0, or if the API refuses.
        """

    @abstractmethod
    def attach(self) -> str:
        """Attach the color that ``detach`` has detached, without a change of the weights.

        Returns one line for the report. Raises NotDone if the API refuses.
        """

    def shares(self, since: float, old: Color, settings: Comparison, wait: bool) -> Mapping[Color, Shares]:
        """Return the numbers that a comparison of the colors needs: color -> numbers of the color.

        The numbers come from the provider's record of requests.

        + since: time in epoch seconds. The numbers are about the requests after this time.
        + old: the old color. Its response times determine the limit above which an answer of either color counts as
          slow.
        + settings: settings of the comparison
        + wait: whether to wait until the record is complete. If False, the numbers are about the part of the requests
          that is recorded already.

        Raises NotDone if the record cannot be read, or if this kind of switch keeps no record.
        """
        raise NotDone("this kind of switch keeps no record of requests")

    @abstractmethod
    def bar(self, addresses: Sequence[str], out: bool) -> str:
        """Bar nodes, or let nodes in again. A barred node gets no new requests for either color.

        When nodes are let in, the method waits until these nodes are healthy. Returns one line for the report. Raises
        NotDone if the API refuses, or if the nodes do not become healthy.

        + addresses: the nodes, by inventory name or by the provider's name
        + out: True to bar the nodes, False to let the nodes in
        """
