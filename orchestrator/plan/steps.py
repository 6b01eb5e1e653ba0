"""The parts of a run as plain data: places, actions, steps, stages.

A run's plan is a pure function of its Inputs, so that any machine that reads the Inputs from the journal
gets the same plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, Self

from pydantic import ConfigDict, TypeAdapter
from typing_extensions import TypeVar, override

Where = Literal["balancer", "node", "api"]
"""The place that receives a switch's commands.

Its own host, the node whose link is the switch, or an API that the operator's machine calls.
"""


PlaceKind = Literal["node", "balancer", "api", "operator"]


@dataclass(frozen=True)
class Place:
    """Where a step acts: a node, a balancer's host, a switch behind an API, or the operator's own machine."""

    kind: PlaceKind
    name: str

    @override
    def __str__(self) -> str:
        return self.name


OPERATOR = Place("operator", "operator")


@dataclass(frozen=True)
class Action:
    """The work of a step, with its arguments as typed fields: data, never a closure.

    Each class is in the file of the stage that owns it.

    + name: the action's name in plans and tests
    + handler: the class that performs the action, as ``module:Class``, so that a run imports only what it uses
    + prints: whether the action's errors may show output of the application's own commands
    """

    name: ClassVar[str]
    handler: ClassVar[str]
    prints: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def to_json(self) -> dict[str, Any]:
        """The fields as plain data; fields that have their default are left out."""
        said: dict[str, Any] = TypeAdapter(type(self)).dump_python(self, mode="json", exclude_defaults=True)
        return said

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The action with these fields. Raises ValueError if one is unknown, missing, or of another type."""
        return TypeAdapter(cls).validate_python(data)


A_co = TypeVar("A_co", bound=Action, default=Action, covariant=True)


@dataclass(frozen=True)
class Step(Generic[A_co]):
    """An action at a place.

    + deadline: seconds that the step may take, everything included
    """

    place: Place
    action: A_co
    deadline: float


@dataclass(frozen=True)
class Kind:
    """The facts that all stages of one kind share. The stage's own file declares its kind; ``stages.KINDS`` lists all.

    + name: the kind's name in the plan, the journal, the terminal and hooks
    + at: the kinds of places at which its steps act
    + changes: False for a stage that only looks
    + skipped: why a stage of this kind without steps is skipped, for the plan
    + hooks: whether the hooks of the settings may name the kind
    + each_batch: whether each batch of nodes has its own stage, with its own hooks. For any other kind, a hook runs
      once: before the first stage or after the last one
    + standing: whether a resumed run always repeats this look, whatever has changed since
    + valid_until: the name of a later kind. A resumed run repeats the stage, done or not, until the stage of that
      kind with the same weight is done
    + at_once: whether the stage counts as begun as soon as the Inputs of its run are recorded
    + owed: whether only this run can do the stage. If the stage fails, the run stays open for the next command,
      committed or not
    """

    name: str
    at: tuple[PlaceKind, ...]
    changes: bool = True
    skipped: str = "nothing to do"
    hooks: bool = False
    each_batch: bool = False
    standing: bool = False
    valid_until: str = ""
    at_once: bool = False
    owed: bool = False


@dataclass(frozen=True)
class Batch:
    """The batch of nodes that a stage is for.

    + number: the batch's number, from 1
    + total: the number of batches
    """

    number: int
    total: int


@dataclass(frozen=True)
class Stage:
    """A named part of a run. Its steps run in parallel at all their places; if one fails, the stage failed.

    + do: the steps
    + undo: the stages that undo this stage, in order; correct whether its steps ran, half ran or never ran
    + commits: whether the run is committed once this stage is done; later stages only go forward
    + pause: the name of the pause after this stage, at which the operator may stop the run ("preview", "25"); empty
      for none
    + label: tells stages of one kind apart: the name of a build step, the point of a hook, a release; empty for none
    + weight: per cent of the traffic that the new color gets, None if the stage has nothing to do with weights
    + batch: the batch of nodes that the stage is for, None for all nodes
    + side: the color that the stage of a `join` is for
    """

    kind: Kind
    do: tuple[Step, ...]
    undo: tuple[Stage, ...] = ()
    commits: bool = False
    pause: str = ""
    label: str = ""
    weight: int | None = None
    batch: Batch | None = None
    side: Literal["live", "idle"] | None = None

    @property
    def name(self) -> str:
        """The stage's name, unique in a plan: ``cutover 5%``, ``build composer 1/3``, ``start live``.

        A weight of 100% is left out: ``cutover``.
        """
        weight = "" if self.weight in (None, 100) else f"{self.weight}%"
        batch = f"{self.batch.number}/{self.batch.total}" if self.batch else ""
        return " ".join(word for word in (self.point, weight, self.side, batch) if word)

    @property
    def point(self) -> str:
        """The stage's name in hooks, without weight and batch: ``cutover``, ``build composer``."""
        return f"{self.kind.name} {self.label}".rstrip()


@dataclass(frozen=True)
class Plan:
    """The stages of a run, in order."""

    verb: str
    stages: tuple[Stage, ...]

    @property
    def until_commit(self) -> tuple[Stage, ...]:
        last = max(index for index, stage in enumerate(self.stages) if stage.commits)
        return self.stages[: last + 1]

    @property
    def pauses(self) -> tuple[str, ...]:
        """The names of the pauses at which the operator may stop the run, in order."""
        return tuple(stage.pause for stage in self.stages if stage.pause)

    def until(self, pause: str) -> tuple[Stage, ...]:
        """The stages up to and including a pause's stage. Raises ValueError if the plan has no such pause."""
        last = [stage.pause for stage in self.stages].index(pause)
        return self.stages[: last + 1]

    @property
    def after_commit(self) -> tuple[Stage, ...]:
        return self.stages[len(self.until_commit) :]
