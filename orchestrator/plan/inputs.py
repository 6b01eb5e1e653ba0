"""The Inputs of a plan are the operator's request and the observed state of the fleet.

The journal keeps the Inputs. A plan depends only on the Inputs, so every machine that reads the journal makes the same
plan.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, get_args

from orchestrator.config import Settings
from orchestrator.config.cutover import CutoverStep
from orchestrator.config.secrets import with_secrets, without_secrets
from orchestrator.database.known import Known
from orchestrator.model import Color, Weights
from orchestrator.plan.steps import NoTraffic, Place, Where


@dataclass(frozen=True)
class NodeInput:
    """The facts about a node that a plan needs.

    + name: the name of the node
    + former: the release that the node's idle color had before the run; None if the color never had a release
    + former_active: whether the idle color's processes ran the release ``former`` before the run. If False, an undo
      starts this release again, but does not check it with the gate.
    """

    name: str
    former: str | None
    former_active: bool = True


@dataclass(frozen=True)
class SwitchInput:
    """The facts about a switch that a plan needs.

    + name: the name of the balancer's host, of the node whose link is the switch, or of the switch behind an API
    + kind: ``haproxy``, ``nginx``, ``node``, ``alb``, or a kind that a package adds
    + at: the kind of place that receives the switch's commands
    + sticky: seconds for which the switch keeps a client on a color, whatever the weights are; 0 if the switch keeps no
      client on a color
    + attached: whether both colors are attached to the switch. If False, an earlier run has left one color detached.
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
    """A node that takes no part in the run. The node gets no traffic until the verb `join` brings the node back.

    + name: the name of the node
    + address: the address under which the balancers reach the node
    + barred: whether the node was already barred before the run
    """

    name: str
    address: str
    barred: bool


@dataclass(frozen=True)
class Release:
    """The operator's request for a release.

    + ref: the version that the operator asked for
    + code_only: whether the release may change only code. If True, the run fails if a build step with outputs would
      have to run again. The run also fails if the environment file or the shared paths differ from those of the live
      release.
    """

    verb: ClassVar[str] = "release"

    ref: str
    code_only: bool = False


@dataclass(frozen=True)
class Rollback:
    """The operator's request for a rollback.

    + cold: whether the run must first start the release, warm it and check it with the gate, before traffic moves.
      False if the release is warm in the idle color of every node.
    """

    verb: ClassVar[str] = "rollback"

    cold: bool = False


@dataclass(frozen=True)
class Join:
    """The operator's request for a join, and the facts about the other nodes that only a join needs.

    + former_release: the release in the idle color of the other nodes; None if there is none
    + former_revision: the revision of ``former_release``; None if there is no such release
    + stale: the releases that only the joining node has. The join removes these releases.
    + running: the colors of the node that already run their release, so that the join does not restart these colors
    """

    verb: ClassVar[str] = "join"

    former_release: str | None
    former_revision: str | None
    stale: tuple[str, ...] = ()
    running: tuple[Color, ...] = ()


@dataclass(frozen=True)
class Contract:
    """The operator's request for a contract, which removes the parts of the schema that only older releases use."""

    verb: ClassVar[str] = "contract"


@dataclass(frozen=True)
class ScalingInput:
    """The facts about the nodes' Auto Scaling group that a plan needs.

    + suspended: the names of the group's processes (such as ``Launch``) that this run resumes at its end. Either this
      run suspends these processes, or (in a rollback) an earlier run could not resume them.
    + instances: the ids of the instances that the group had when the run first read its state
    """

    suspended: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()


@dataclass(frozen=True)
class DatabaseAsked:
    """The operator's options about the database.

    + retry: whether to change the schema even if it is unknown how an earlier run changed it
    + accept: ids of findings of the stage lint that the operator accepts. For a database with a name, the name and a
      colon come before the id
    + reason: why the operator accepts these findings
    """

    retry: bool = False
    accept: tuple[str, ...] = ()
    reason: str = ""


NOTHING_ASKED = DatabaseAsked()
"""The operator gave no options about the database."""


@dataclass(frozen=True)
class DatabaseInput:
    """The facts about the databases that a plan needs.

    + runner: the name of the node on which the commands run that change the schema
    + run: a text that is different for each run. The commands of a run have this text in their names
    + retry: whether to start a command even if it is unknown how a command of an earlier run ended
    + accept: ids of findings that the operator accepts, although the stage lint refuses them (as in DatabaseAsked)
    + reason: why the operator accepts these findings; empty if ``accept`` is empty
    + marks: whether the run writes a mark into the database of the section ``database``, because the settings have
      the URL of the database
    + known: the last run of the journal that has changed the schema of this database and marked the database; None if
      there is none
    + marked: the names of the databases of the section ``databases`` into which the run writes a mark
    + others: the last run of the journal that has changed the schema of such a database: name -> run
    """

    runner: str
    run: str
    retry: bool = False
    accept: tuple[str, ...] = ()
    reason: str = ""
    marks: bool = False
    known: Known | None = None
    marked: tuple[str, ...] = ()
    others: Mapping[str, Known] = field(default_factory=dict)

    def known_of(self, name: str) -> Known | None:
        """Return the last run of the journal that has changed the schema of a database; None if there is none.

        + name: the name of the database; empty for the section ``database``
        """
        return self.others.get(name) if name else self.known

    def accepted(self, name: str) -> tuple[str, ...]:
        """Return the ids of the findings at a database that the operator accepts.

        + name: the name of the database; empty for the section ``database``
        """
        found = ((before, last) for before, _, last in (one.rpartition(":") for one in self.accept))
        return tuple(last for before, last in found if before == name)

    def to_json(self) -> dict[str, Any]:
        """Return the facts as data for JSON. Values that an earlier version does not know are left out if possible."""
        plain = asdict(self)
        always = {key: plain.pop(key) for key in ("runner", "run", "retry")}
        return {**always, **{key: value for key, value in plain.items() if value}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DatabaseInput:
        """Make the facts from the data that ``to_json`` returned. Raises TypeError or ValueError for other data."""
        known = Known(**data["known"]) if data.get("known") else None
        others = {str(name): Known(**one) for name, one in data.get("others", {}).items()}
        lists = {key: tuple(data.get(key, ())) for key in ("accept", "marked")}
        made = cls(**{**data, **lists, "known": known, "others": others})
        if not isinstance(made.reason, str) or not all(re.fullmatch(r"[a-z0-9:-]+", str(one)) for one in made.accept):
            raise ValueError("database: accept or reason is not valid")
        if not all(re.fullmatch(r"[a-z0-9-]+", str(one)) for one in (*made.marked, *others)):
            raise ValueError("database: marked or others is not valid")
        return made


@dataclass(frozen=True)
class WorkersInput:
    """The facts about workers that a plan needs. A run has them if the settings or a node have workers.

    + outside: the names of the nodes that take no part in the run. Their workers end, too, when a release is retired
    + unreached: the names of the nodes that a rollback cannot reach, although these nodes may have traffic. When the
      release is retired, the rollback tries to hand over their workers; a failure is only a warning
    """

    outside: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the facts as data for JSON. Earlier versions do not know ``unreached``: it is left out if empty."""
        return {"outside": self.outside, **({"unreached": self.unreached} if self.unreached else {})}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> WorkersInput:
        """Make the facts from the data that ``to_json`` returned. Raises TypeError or KeyError for other data."""
        return cls(tuple(data["outside"]), tuple(data.get("unreached", ())))


@dataclass(frozen=True)
class ScheduleInput:
    """The changes of the nodes' schedules that a run makes. A run has them only if something has to change.

    + holder: name of the node that runs the single-node schedules at the end; empty if that is unknown
    + each: names of the nodes of the run that must be told to run only the schedules with ``"on": "each"``
    + none: names of the nodes that take no part in the run, and must be told to run no schedule
    + one: name of the node that must be told to run the single-node schedules; empty if no node must
    + after: names of the nodes that ran the single-node schedules before
    """

    holder: str = ""
    each: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    one: str = ""
    after: tuple[str, ...] = ()


Closes = Literal["", "page", "kept", "hold"]
"""Whether a run closes the site to all but the testers (docs/maintenance.md).

``page``: the balancers send the page of maintenance from before the cutover until the new release is verified.
``kept``: the balancers sent the page before the run, and continue to send the page after the run. ``hold``: the
balancers let new requests wait, from before the cutover until the new release is verified. Empty: the site is open.
"""


@dataclass(frozen=True)
class Inputs:
    """Everything from which a plan is made: the operator's request and the observed state of the fleet.

    + asked: the operator's request: a release, a rollback, a join or a contract
    + settings: the settings of the run
    + color: the color that gets all the traffic at the end of this run. In a join or a contract: the live color
    + before: the weights before the run
    + live: the release that was live before the run; None if there was none
    + release: the release that gets the traffic
    + revision: the git commit of the release, or its equivalent for another kind of source
    + nodes: the nodes on which the run acts
    + switches: the switches of the fleet
    + mend: the names of nodes whose ``live`` link names the wrong color, because an earlier run failed after its commit
    + members: the names of the nodes that the balancers are expected to reach
    + missing: the nodes that take no part. In a join: the node that comes back
    + scaling: the facts about the Auto Scaling group
    + database: the facts about the database; None if the run does not change the schema
    + barrier: the release of the latest contract: no older release may run any more. Empty if there was no contract
    + workers: the facts about workers; None if neither the settings nor a node have workers
    + schedule: the changes of the nodes' schedules; None if nothing has to change
    + closes: whether the run closes the site to all but the testers
    """

    asked: Release | Rollback | Join | Contract
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
    database: DatabaseInput | None = None
    barrier: str = ""
    workers: WorkersInput | None = None
    schedule: ScheduleInput | None = None
    closes: Closes = ""

    @property
    def verb(self) -> str:
        """The kind of the plan: ``release``, ``rollback``, ``join`` or ``contract``."""
        return self.asked.verb

    @property
    def ref(self) -> str:
        """The version that the operator asked for; empty for a rollback, a join and a contract, which have no ref."""
        return self.asked.ref if isinstance(self.asked, Release) else ""

    @property
    def code_only(self) -> bool:
        """Whether the run is a release that may change only code (``Release.code_only``)."""
        return isinstance(self.asked, Release) and self.asked.code_only

    @property
    def cold(self) -> bool:
        """Whether the run is a rollback that has to start its release before traffic moves (``Rollback.cold``)."""
        return isinstance(self.asked, Rollback) and self.asked.cold

    def at(self, *where: str) -> tuple[SwitchInput, ...]:
        """Return the switches whose commands go to these kinds of places.

        + where: one or more of ``balancer``, ``node``, ``api``
        """
        return tuple(switch for switch in self.switches if switch.at in where)

    @property
    def shares(self) -> Sequence[CutoverStep]:
        """The steps of the cutover: for each step, the new color's share of the traffic and the length of the bake.

        For a release, the setting ``cutover`` lists the steps. A rollback and a first release move all the traffic in
        one step, and so does a release that closes the site.
        """
        if self.verb != "release":
            return [CutoverStep(weight=100)]
        return self.settings.cutover if self.live and not self.closes else [self.settings.cutover[-1]]

    def no_traffic(self, place: Place | None = None) -> NoTraffic:
        """Return the condition that no load balancer sends traffic to the run's color.

        If the nodes themselves are a switch, a node's own script checks the node's ``live`` link at the moment at which
        the script acts. Therefore the condition does not name such switches.

        + place: the place of the step. In a join, a node is barred, so that it gets no traffic in either color.
          Therefore the condition of a step on this node is also met if all load balancers bar the node.
        """
        switches = tuple(switch.place for switch in self.at("balancer", "api"))
        barred = place.name if self.verb == "join" and place is not None and place.kind == "node" else ""
        return NoTraffic(self.color, switches, barred)

    @cached_property
    def node_places(self) -> tuple[Place, ...]:
        return tuple(Place("node", node.name) for node in self.nodes)

    def to_json(self) -> dict[str, Any]:
        """Return the Inputs as data for JSON, without secrets: tokens, environment, the setting ``php.ini``.

        All keys are at the top level. All verbs write all keys, except ``running`` and the keys of ``NEWER``, which are
        written only if they have a value. If a key belongs to another verb, its value is the default value. Version
        0.1.0 of this tool reads and writes this format.
        """
        plain = asdict(replace(self, settings=None))  # type: ignore[arg-type]
        asked, scaling = plain.pop("asked"), plain.pop("scaling")
        # without these keys, an earlier version can read the runs of all fleets that have no database and no workers
        newer = {key: value for key in NEWER if (value := plain.pop(key))}
        if running := asked.pop("running", ()):
            newer["running"] = running
        if self.database:
            newer["database"] = self.database.to_json()
        if self.workers:
            newer["workers"] = self.workers.to_json()
        return {
            **plain,
            **newer,
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
        """Make Inputs from the data that ``to_json`` returned.

        + now: the present settings, which supply the secrets

        Raises ValueError, KeyError or TypeError if ``data`` does not have this format. Raises UsageError if this
        version of the tool does not accept the recorded settings.
        """
        made = cls(
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
            # an older version of this tool did not write these keys
            scaling=ScalingInput(tuple(data.get("scaling", ())), tuple(data.get("instances", ()))),
            database=DatabaseInput.from_json(data["database"]) if data.get("database") else None,
            barrier=data.get("barrier", ""),
            workers=WorkersInput.from_json(data["workers"]) if data.get("workers") else None,
            schedule=_schedule(data["schedule"]) if data.get("schedule") else None,
            closes=data.get("closes", ""),
        )
        _check(made)
        return made


NEWER = ("database", "barrier", "workers", "schedule", "closes")
"""Keys of the Inputs in JSON that are written only if they have a value, because earlier versions do not know them."""

OTHER_VERBS = {
    "ref": "",
    "code_only": False,
    "cold": False,
    "former_release": None,
    "former_revision": None,
    "stale": (),
}
"""Key of the Inputs in JSON -> value that is written if the run's verb does not use the key.

Each of these keys is used by only one verb: release, rollback or join.
"""


def _check(i: Inputs) -> None:
    """Raise ValueError if a name or a release in Inputs is no text, so that a damaged journal leads to no plan.

    A run removes and links directories by the names of releases, so a release must not be a path.
    """
    join = i.asked if isinstance(i.asked, Join) else None
    names = {
        "the ref": [i.ref],
        "the revision": [i.revision],
        "the nodes": [node.name for node in i.nodes],
        "the switches": [word for switch in i.switches for word in (switch.name, switch.kind, switch.at)],
        "the nodes that are left out": [word for node in i.missing for word in (node.name, node.address)],
        "the nodes outside": [*i.workers.outside, *i.workers.unreached] if i.workers else [],
        "the nodes of the schedules": _nodes_of(i.schedule) if i.schedule else [],
        "the node of the database's commands": [i.database.runner] if i.database else [],
        "mend, members, scaling or instances": [*i.mend, *i.members, *i.scaling.suspended, *i.scaling.instances],
    }
    for what, words in names.items():
        if not all(isinstance(word, str) for word in words):
            raise ValueError(f"{what}: not a text")
    if i.closes not in get_args(Closes):
        raise ValueError(f"closes: {i.closes!r} is not valid")
    if i.database and not re.fullmatch(r"[A-Za-z0-9-]+", str(i.database.run)):
        raise ValueError(f"database.run: {i.database.run!r} is not valid: only letters, digits and - are allowed")
    formers = [i.live, *(node.former for node in i.nodes), *([join.former_release, *join.stale] if join else [])]
    formers.append(None if i.barrier == "" else i.barrier)
    for release in (i.release, *(former for former in formers if former is not None)):
        if not isinstance(release, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", release):
            raise ValueError(f"{release!r} is not a release")


def _nodes_of(schedule: ScheduleInput) -> list[str]:
    return [schedule.holder, schedule.one, *schedule.each, *schedule.none, *schedule.after]


def _schedule(data: Mapping[str, Any]) -> ScheduleInput:
    """Return the changes of the nodes' schedules from the data that ``Inputs.to_json`` returned."""
    names = {key: tuple(data[key]) for key in ("each", "none", "after")}
    return ScheduleInput(holder=data["holder"], one=data["one"], **names)


def _asked(data: Mapping[str, Any]) -> Release | Rollback | Join | Contract:
    """Return the operator's request from the data that ``Inputs.to_json`` returned.

    Older versions of this tool did not write ``code_only`` and ``cold``: if such a key is missing, its value is False.
    If they did not write ``running``, a join waits before it starts each color.
    Raises ValueError if the verb is unknown, and KeyError if any other key is missing.
    """
    match data["verb"]:
        case "release":
            return Release(data["ref"], bool(data.get("code_only")))
        case "rollback":
            return Rollback(bool(data.get("cold")))
        case "join":
            running = tuple(map(Color, data.get("running", ())))
            return Join(data["former_release"], data["former_revision"], tuple(data["stale"]), running)
        case "contract":
            return Contract()
        case verb:
            raise ValueError(f"the inputs of a run have the unknown verb {verb!r}: use the version that wrote them")
