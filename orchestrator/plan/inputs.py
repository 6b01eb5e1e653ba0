"""The inputs of a plan: what was asked and what was seen.

The journal keeps them, so that any machine makes the same plan from them.
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
    """What the plan needs to know of a node.

    + former: the release its idle color had before the run, None if it never had one
    + former_active: whether its processes ran for it (undo gates only what ran)
    """

    name: str
    former: str | None
    former_active: bool = True


@dataclass(frozen=True)
class SwitchInput:
    """What the plan needs to know of a switch.

    + name: of the balancer's host, of the node whose link it is, or of a switch behind an API
    + kind: ``haproxy``, ``nginx``, ``node``, ``alb``, or what a package adds
    + at: where it is told
    + sticky: seconds for which it keeps a client on a color whatever the weights
    + attached: it knows both colors
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

    + address: how the balancers reach it
    + barred: they kept it out before the run already
    """

    name: str
    address: str
    barred: bool


@dataclass(frozen=True)
class Release:
    """What was asked of a release.

    + ref: version that was asked for
    + code_only: fail where a build step would have to run, or where the environment is another one
    """

    verb: ClassVar[str] = "release"

    ref: str
    code_only: bool = False


@dataclass(frozen=True)
class Rollback:
    """What was asked of a rollback.

    + cold: the release is on the nodes' disks but does not run, so it is started and gated first
    """

    verb: ClassVar[str] = "rollback"

    cold: bool = False


@dataclass(frozen=True)
class Join:
    """What was seen for a node that comes back.

    + former_release, former_revision: what the color without traffic has on the other nodes, None if it has nothing
    + stale: releases that this node has and no other node has: left there by a run under which the node died
    """

    verb: ClassVar[str] = "join"

    former_release: str | None
    former_revision: str | None
    stale: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScalingInput:
    """The Auto Scaling group of the nodes.

    + suspended: processes that this run suspends, and so resumes, and no others (of a `rollback`: processes that an
      earlier run could not resume)
    + instances: that the group had
    """

    suspended: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """What was asked (settings, verb) and what was seen (nodes, weights). The journal's first record.

    + asked: the part that only this verb has
    + color: gets all the traffic by this run; it is idle before
    + before: the weights that were in force
    + live: the release that had the traffic before, None if there was none
    + release: the release that gets the traffic
    + members: nodes that the balancers are expected to find up
    + missing: nodes that take no part (of a `join`: the node that comes back)
    + mend: nodes whose ``live`` link lags behind the switch, as a failure after an earlier commit leaves them
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
        """The version that was asked for; empty for a rollback and a join, which name a release instead."""
        return self.asked.ref if isinstance(self.asked, Release) else ""

    @property
    def code_only(self) -> bool:
        """Whether the run must fail where it would change more than code."""
        return isinstance(self.asked, Release) and self.asked.code_only

    @property
    def cold(self) -> bool:
        """Whether a kept release is started first, for a rollback to it."""
        return isinstance(self.asked, Rollback) and self.asked.cold

    def at(self, *where: str) -> tuple[SwitchInput, ...]:
        """The switches that are told there: ``balancer``, ``node``, ``api``."""
        return tuple(switch for switch in self.switches if switch.at in where)

    @property
    def node_places(self) -> tuple[Place, ...]:
        return tuple(Place("node", node.name) for node in self.nodes)

    def to_json(self) -> dict[str, Any]:
        """JSON without any secret: tokens, values of the environment and of php.ini stay out of the journal.

        All keys are on one level, and each verb has the keys of all verbs, as version 0.1.0 reads and writes them.
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
        """Inputs from the journal; secrets come from the settings at hand.

        + now: those settings
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
"""What a record says of the keys that only other verbs have."""


def _asked(data: Mapping[str, Any]) -> Release | Rollback | Join:
    """The part of a verb in a record. Keys that an earlier version did not write are false. Raises ValueError."""
    match data["verb"]:
        case "release":
            return Release(data["ref"], bool(data.get("code_only")))
        case "rollback":
            return Rollback(bool(data.get("cold")))
        case "join":
            return Join(data["former_release"], data["former_revision"], tuple(data["stale"]))
        case verb:
            raise ValueError(f"the inputs of a run have the unknown verb {verb!r}: use the version that wrote them")
