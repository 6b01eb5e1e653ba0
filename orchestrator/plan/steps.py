"""What a run is made of: places, actions, steps, stages. Data only; what was asked and seen makes the plan.

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
"""Where a switch is told: on its own host, on a node (whose link it is), by an API from the operator's machine."""


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
    """What a step does, and its arguments as typed fields: data, never a closure.

    Each class stands in the file of the stage that owns it.

    + name: how the plan and tests call it
    + handler: the class that performs it, as ``module:Class``, so that nothing is imported that a run does not use
    + prints: its errors may show what the application's own commands print
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
    """One action at one place.

    + deadline: seconds it may take, everything included
    """

    place: Place
    action: A_co
    deadline: float


@dataclass(frozen=True)
class Kind:
    """What is true of every stage of one kind. The stage's own file declares it, and ``stages.KINDS`` lists it.

    + name: how the plan, the journal, the terminal and hooks call it
    + at: where its steps act
    + changes: False for a stage that only looks
    + skipped: why a stage of this kind without steps is skipped, for the plan
    + hooks: the hooks of the settings may name it
    + each_batch: each batch of nodes has its own, and hooks run for each. At any other kind, a hook runs once: before
      the first stage or after the last one
    + standing: a look that a run which goes on repeats, whatever has changed since
    + valid_until: name of a later kind. A run that goes on does the stage again, done or not, until the stage of that
      kind with the same weight is done
    + at_once: the stage counts as begun as soon as the Inputs of its run are recorded
    + owed: no later run would do it, so a run that could not do it stays open, committed or not, for the next command
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
    """Which batch of nodes a stage is for.

    + number: from 1
    + total: how many batches there are
    """

    number: int
    total: int


@dataclass(frozen=True)
class Stage:
    """A named part of a run. Its steps run at once, at all their places; all succeed, or the stage failed.

    + do: the steps
    + undo: stages that take it back, in order; right whether its steps ran, half ran or never ran
    + commits: the run is committed once this stage is done; later ones only go forward
    + pause: where a run may be asked to stop and wait, once this stage is done ("preview", "25"); empty for nowhere
    + label: tells stages of one kind apart: the name of a build step, the point of a hook, a release; empty for none
    + weight: per cent of the traffic that the new color gets, None if the stage has nothing to do with that
    + batch: which batch of nodes it is for, None for all nodes
    + side: of a `join`, which color it is for
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
        """How the journal and people call it: ``cutover 5%``, ``build composer 1/3``, ``start live``. Unique in a plan.

        All of the traffic is not mentioned: ``cutover``.
        """
        weight = "" if self.weight in (None, 100) else f"{self.weight}%"
        batch = f"{self.batch.number}/{self.batch.total}" if self.batch else ""
        return " ".join(word for word in (self.point, weight, self.side, batch) if word)

    @property
    def point(self) -> str:
        """The name by which hooks refer to it, whatever its weight and batch: ``cutover``, ``build composer``."""
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
        """Where it may be asked to stop and wait, in order."""
        return tuple(stage.pause for stage in self.stages if stage.pause)

    def until(self, pause: str) -> tuple[Stage, ...]:
        """The stages until one of the pauses. ValueError if the plan has no such pause."""
        last = [stage.pause for stage in self.stages].index(pause)
        return self.stages[: last + 1]

    @property
    def after_commit(self) -> tuple[Stage, ...]:
        return self.stages[len(self.until_commit) :]
