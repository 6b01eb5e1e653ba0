"""The inputs of a plan: what was asked and what was seen.

The journal keeps them, so that any machine makes the same plan from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

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
class Inputs:
    """What was asked (settings, ref) and what was seen (nodes, weights). The journal's first record.

    + color: gets all the traffic by this run; it is idle before
    + before: the weights that were in force
    + live: the release that had the traffic before, None if there was none
    + release: the release that gets the traffic
    + members: nodes that the balancers are expected to find up
    + missing: nodes that take no part (of a `join`: the node that comes back)
    + former_release, former_revision: of a `join`, what the color without traffic has on the other nodes
    + stale: of a `join`, releases that the node has and no other: what a run that it died under left there
    + mend: nodes whose ``live`` link lags behind the switch, as a failure after an earlier commit leaves them
    + scaling: processes of the Auto Scaling group that this run suspends, and so resumes, and no others (of a
      `rollback`: that an earlier run could not resume)
    + instances: that the Auto Scaling group had
    + cold: of a `rollback`, the release is kept on the nodes' disks but does not run: it is started and gated first
    + code_only: refused where a build step would have to run, or the environment is another one
    """

    verb: str
    settings: Settings
    color: Color
    before: Weights
    live: str | None
    release: str
    ref: str
    revision: str
    nodes: tuple[NodeInput, ...]
    switches: tuple[SwitchInput, ...]
    mend: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    former_release: str | None = None
    former_revision: str | None = None
    stale: tuple[str, ...] = ()
    scaling: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    cold: bool = False
    code_only: bool = False

    def at(self, *where: str) -> tuple[SwitchInput, ...]:
        """The switches that are told there: ``balancer``, ``node``, ``api``."""
        return tuple(switch for switch in self.switches if switch.at in where)

    @property
    def node_places(self) -> tuple[Place, ...]:
        return tuple(Place("node", node.name) for node in self.nodes)

    def to_json(self) -> dict[str, Any]:
        """JSON without any secret: tokens, values of the environment and of php.ini stay out of the journal."""
        plain = asdict(replace(self, settings=None))  # type: ignore[arg-type]
        return plain | {"settings": without_secrets(self.settings), "before": self.before.green}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], now: Settings) -> Inputs:
        """Inputs from the journal; secrets come from the settings at hand.

        + now: those settings
        """
        return cls(
            verb=data["verb"],
            settings=with_secrets(data["settings"], now),
            color=Color(data["color"]),
            before=Weights(data["before"]),
            live=data["live"],
            release=data["release"],
            ref=data["ref"],
            revision=data["revision"],
            nodes=tuple(NodeInput(**node) for node in data["nodes"]),
            switches=tuple(SwitchInput(**switch) for switch in data["switches"]),
            mend=tuple(data["mend"]),
            members=tuple(data["members"]),
            missing=tuple(Missing(**node) for node in data["missing"]),
            former_release=data["former_release"],
            former_revision=data["former_revision"],
            stale=tuple(data["stale"]),
            # a run of an earlier version has none
            scaling=tuple(data.get("scaling", ())),
            instances=tuple(data.get("instances", ())),
            cold=bool(data.get("cold")),
            code_only=bool(data.get("code_only")),
        )
