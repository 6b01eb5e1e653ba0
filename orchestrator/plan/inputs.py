"""The inputs of a plan: the operator's request and the observed state of the fleet.

The journal keeps the inputs, so that any machine makes the same plan from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from orchestrator.config import Settings
from orchestrator.config.secrets import with_secrets, without_secrets
from orchestrator.model import Color, Weights
from orchestrator.plan.steps import Place, Where


@dataclass(frozen=True)
class NodeInput:
    """The facts about a node that a plan needs.

    + former: the release that the node's idle color had before the run, None if it never had one
    + former_active: whether the processes of the former release ran (an undo gates only a release that ran)
    """

    name: str
    former: str | None
    former_active: bool = True


@dataclass(frozen=True)
class SwitchInput:
    """The facts about a switch that a plan needs.

    + name: the name of the balancer's host, of the node whose link is the switch, or of the switch behind an API
    + kind: ``haproxy``, ``nginx``, ``node``, ``alb``, or a kind that a package adds
    + at: the place that receives the switch's commands
    + sticky: seconds for which the switch keeps a client on a color, whatever the weights are
    + attached: whether the switch knows both colors
    """

    name: str
    kind: str
    at: Where = "balancer"
    sticky: float = 0.0
    attached: bool = True

    @property
    def place(self) -> Place:
        return Place(self.at, self.name)


@dataclass(frozen=True)
class Missing:
    """A node that takes no part: it is kept out of both colors until it has caught up.

    + address: the address under which the balancers reach the node
    + barred: whether the balancers kept the node out before the run already
    """

    name: str
    address: str
    barred: bool


@dataclass(frozen=True)
class Release:
    """The operator's request for a release.

    + ref: the version that the operator asked for
    + code_only: fail if a build step would have to run, or if the environment differs from the live release's
    """

    verb: ClassVar[str] = "release"

    ref: str
    code_only: bool = False


@dataclass(frozen=True)
class Rollback:
    """The operator's request for a rollback.

    + cold: whether the release is on the nodes' disks but does not run, so that it is started and gated first
    """

    verb: ClassVar[str] = "rollback"

    cold: bool = False


@dataclass(frozen=True)
class Join:
    """The observed state that only a join needs, for the node that comes back.

    + former_release, former_revision: the release of the color without traffic on the other nodes, None if there is
      none
    + stale: the releases that only this node has: a run during which the node died left them there
    """

    verb: ClassVar[str] = "join"

    former_release: str | None
    former_revision: str | None
    stale: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScalingInput:
    """The Auto Scaling group of the nodes.

    + suspended: the only processes that this run suspends, and therefore resumes (in a `rollback`: the processes that
      an earlier run could not resume)
    + instances: the instances that the group had
    """

    suspended: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """The request (settings, verb) and the observed state (nodes, weights). The journal's first record.

    + asked: the part of the request that only this verb has
    + color: the color that gets all the traffic in this run; before the run it is idle
    + before: the weights before the run
    + live: the release that had the traffic before, None if there was none
    + release: the release that gets the traffic
    + members: the nodes that the balancers are expected to find up
    + missing: the nodes that take no part (in a `join`: the node that comes back)
    + mend: the nodes whose ``live`` link lags behind the switch because a stage failed after an earlier commit
    """

    asked: Release | Rollback | Join
    settings: Settings
    color: Color
    before: Weights
    live: str | None
    release: str
    revision: str
    nodes: tuple[NodeInput, ...]
    switches: tuple[SwitchInput, ...]
    mend: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    scaling: ScalingInput = ScalingInput()

    @property
    def verb(self) -> str:
        """``release``, ``rollback`` or ``join``."""
        return self.asked.verb

    @property
    def ref(self) -> str:
        """The version that the operator asked for; empty for a rollback and a join, which name a release instead."""
        return self.asked.ref if isinstance(self.asked, Release) else ""

    @property
    def code_only(self) -> bool:
        """Whether the run must fail if it would change more than code."""
        return isinstance(self.asked, Release) and self.asked.code_only

    @property
    def cold(self) -> bool:
        """Whether a rollback first starts a kept release."""
        return isinstance(self.asked, Rollback) and self.asked.cold

    def at(self, *where: str) -> tuple[SwitchInput, ...]:
        """The switches whose commands go to one of these places: ``balancer``, ``node``, ``api``."""
        return tuple(switch for switch in self.switches if switch.at in where)

    @property
    def node_places(self) -> tuple[Place, ...]:
        return tuple(Place("node", node.name) for node in self.nodes)

    def to_json(self) -> dict[str, Any]:
        """JSON without any secret: tokens, values of the environment and of php.ini stay out of the journal.

        All keys are on one level, and every verb writes the keys of all verbs: version 0.1.0 reads and writes this
        format.
        """
        plain = asdict(replace(self, settings=None))  # type: ignore[arg-type]
        asked, scaling = plain.pop("asked"), plain.pop("scaling")
        return {
            **plain,
            "verb": self.verb,
            "settings": without_secrets(self.settings),
            "before": self.before.green,
            **OTHER_VERBS,
            **asked,
            "scaling": scaling["suspended"],
            "instances": scaling["instances"],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], now: Settings) -> Inputs:
        """Inputs from the journal; secrets come from the present settings.

        + now: the present settings
        """
        return cls(
            asked=_asked(data),
            settings=with_secrets(data["settings"], now),
            color=Color(data["color"]),
            before=Weights(data["before"]),
            live=data["live"],
            release=data["release"],
            revision=data["revision"],
            nodes=tuple(NodeInput(**node) for node in data["nodes"]),
            switches=tuple(SwitchInput(**switch) for switch in data["switches"]),
            mend=tuple(data["mend"]),
            members=tuple(data["members"]),
            missing=tuple(Missing(**node) for node in data["missing"]),
            # a run of an earlier version has none
            scaling=ScalingInput(tuple(data.get("scaling", ())), tuple(data.get("instances", ()))),
        )


OTHER_VERBS = {
    "ref": "",
    "code_only": False,
    "cold": False,
    "former_release": None,
    "former_revision": None,
    "stale": (),
}
"""The values that a record has for the keys that only other verbs use."""


def _asked(data: Mapping[str, Any]) -> Release | Rollback | Join:
    """The part of a record that only its verb has. Keys that an earlier version did not write are false.

    Raises ValueError for an unknown verb.
    """
    match data["verb"]:
        case "release":
            return Release(data["ref"], bool(data.get("code_only")))
        case "rollback":
            return Rollback(bool(data.get("cold")))
        case "join":
            return Join(data["former_release"], data["former_revision"], tuple(data["stale"]))
        case verb:
            raise ValueError(f"the inputs of a run have the unknown verb {verb!r}: use the version that wrote them")
