"""Define the parts of a plan as plain data: places, actions, steps, stages.

A plan is a pure function of its Inputs. Therefore every machine that reads the Inputs from the journal makes the same
plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, Self

from pydantic import ConfigDict, TypeAdapter
from typing_extensions import TypeVar, override

from orchestrator.model import Color

Where = Literal["balancer", "node", "api"]
"""The kind of place to which a run sends the commands for a switch.

``balancer``: the host on which HAProxy or nginx runs. ``node``: the node whose ``live`` link is the switch. ``api``: an
API that the operator's machine calls.
"""


PlaceKind = Literal["node", "balancer", "api", "operator"]


@dataclass(frozen=True)
class Place:
    """The place where a step acts: a node, a balancer, a switch behind an API, or the operator's machine."""

    kind: PlaceKind
    name: str

    @override
    def __str__(self) -> str:
        return self.name


OPERATOR = Place("operator", "operator")


@dataclass(frozen=True)
class NoTraffic:
    """The condition of a step that a color gets no traffic.

    The step stops or restarts the color, points the color to another release, or lets in nodes that lack the color's
    release. Therefore the step may act only if every switch in ``switches`` says that it sends no request to the color.
    If a switch does not say where it sends requests, the condition is not met.

    + color: the color that must get no traffic
    + switches: the switches that can send requests to the color at the place of the step
    + barred: the node at which the color must get no traffic; empty for all nodes. If a switch has barred the node, the
      switch sends no request there, whatever its weights are
    """

    color: Color
    switches: tuple[Place, ...]
    barred: str = ""


@dataclass(frozen=True)
class Action:
    """The work of a step. Each kind of work is a subclass, and the subclass's fields are the arguments of the work.

    A subclass is in the file of the stage that uses it (in ``stages/``).

    + name: the action's name in plans and tests
    + handler: the class that performs the action, as a string ``module:Class``. Because of the string, a run imports
      only the handlers that the run uses.
    + prints: whether an error of the action may contain output of the application's own commands
    + disturbs: whether the action would fail requests to a color. Every step with such an action has ``Step.needs``
    """

    name: ClassVar[str]
    handler: ClassVar[str]
    prints: ClassVar[bool] = False
    disturbs: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    @property
    def title(self) -> str:
        """The beginning of the message if the action takes too long, such as ``the hook `true` ``; may be empty."""
        return ""

    @property
    def advisory(self) -> bool:
        """Whether an error of the action is only a warning, so that the run or the undo continues."""
        return False

    @property
    def runs_as(self) -> str:
        """The user for whom a printed plan shows ``as <user>``; empty for none.

        Only commands of the settings that run as the web user have such a user.
        """
        return ""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as data for JSON. Fields with their default value are left out."""
        said: dict[str, Any] = TypeAdapter(type(self)).dump_python(self, mode="json", exclude_defaults=True)
        return said

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the action that has these fields.

        Raises ValueError if a field is unknown or of another type, or if a field without a default value is missing.
        """
        return TypeAdapter(cls).validate_python(data)


A_co = TypeVar("A_co", bound=Action, default=Action, covariant=True)


@dataclass(frozen=True)
class Step(Generic[A_co]):
    """One action at one place.

    + deadline: seconds that the whole step may take
    + needs: the color that must get no traffic before the step acts; None for no condition. ``run/walk.py`` asks the
      switches before it performs the step
    """

    place: Place
    action: A_co
    deadline: float
    needs: NoTraffic | None = None


@dataclass(frozen=True)
class Kind:
    """The properties that all stages of one kind share. ``stages.KINDS`` lists all kinds.

    + name: the kind's name in the plan, the journal, the terminal and hooks
    + at: the kinds of places at which the steps act
    + changes: whether the stage changes something on the fleet. If False, the stage only checks or waits.
    + skipped: the reason that a printed plan shows if a stage of this kind has no steps
    + hooks: whether hooks in the settings may name the kind. True for every kind that the plan of a verb has; False
      for the kinds that only an undo has
    + each_batch: whether each batch of nodes has its own stage of this kind, and hooks run for each batch. If False, a
      hook runs once, before the first or after the last stage of this kind.
    + standing: whether a resumed run always repeats the stage. Used only if ``changes`` is False.
    + valid_until: the name of a later kind of stage; empty for none. A resumed run repeats the stage, even if the stage
      was done, until the later stage with the same weight is done.
    + at_once: whether the stage counts as begun as soon as the journal has the Inputs of the run
    + owed: whether the next command must finish the stage if the stage fails. The run then stays open, even after its
      commit, because a later run would not do the work of this stage.
    + repeated: whether the next release or rollback does the work of the stage if the stage fails after the commit.
      False for a hook: the operator has to run the command
    + decides: whether the command ends with status 1 if the stage fails after the commit
    + proves: whether the stage has to prove that a switch sends no request to a color any more. If such a stage of an
      undo fails at a switch, or at the operator's machine, the undo stops before the next step that needs this proof
      (``Step.needs``).
    + chain: the name of the chain to which the kind belongs; empty for none. Between two stages of a chain there is no
      barrier: each place performs its steps of these stages in order, and waits for no other place (``plan/chains.py``)
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
    repeated: bool = True
    decides: bool = False
    proves: bool = False
    chain: str = ""


@dataclass(frozen=True)
class Batch:
    """One batch of nodes. A stage may act on only one batch.

    + number: the number of this batch, from 1
    + total: the number of batches of the run
    """

    number: int
    total: int


@dataclass(frozen=True)
class Stage:
    """A named part of a run. All steps of a stage run in parallel. If a step fails, the stage fails.

    + do: the steps
    + undo: the stages that undo this stage, in order. These stages must succeed even if some or all of the steps in
      ``do`` were not performed.
    + commits: whether the run is committed once this stage is done. Later stages are never undone.
    + pause: the name of the pause after this stage ("preview", "25"); empty for none. The operator may ask a run to
      wait at a pause.
    + label: the second part of the stage's name, if a plan has several stages of one kind; empty for none. For example,
      the name of a build step, or the stage before or after which a hook runs.
    + weight: per cent of the traffic that the new color gets; None if the stage has nothing to do with weights
    + batch: the batch of nodes on which the stage acts; None for all nodes
    + side: in a join, the color on which the stage acts; None for a stage that acts on no color or on both
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
        """The stage's name, which is unique in a plan, such as ``cutover 5%``, ``build composer 1/3``, ``start live``.

        A weight of 100% is left out of the name: the last cutover is ``cutover``.
        """
        weight = "" if self.weight in (None, 100) else f"{self.weight}%"
        batch = f"{self.batch.number}/{self.batch.total}" if self.batch else ""
        return " ".join(word for word in (self.point, weight, self.side, batch) if word)

    @property
    def point(self) -> str:
        """The stage's name as hooks use it, without weight and batch, such as ``cutover`` or ``build composer``."""
        return f"{self.kind.name} {self.label}".rstrip()


@dataclass(frozen=True)
class Plan:
    """The stages of a run, in order."""

    verb: str
    stages: tuple[Stage, ...]

    @property
    def until_commit(self) -> tuple[Stage, ...]:
        """The stages before the commit, including the stage that commits the run."""
        last = max(index for index, stage in enumerate(self.stages) if stage.commits)
        return self.stages[: last + 1]

    @property
    def pauses(self) -> tuple[str, ...]:
        """The names of the pauses, in order. The operator may ask the run to wait at a pause."""
        return tuple(stage.pause for stage in self.stages if stage.pause)

    def until(self, pause: str) -> tuple[Stage, ...]:
        """Return the stages before a pause. Raises ValueError if the plan does not have the pause.

        + pause: the name of the pause, such as "preview" or "25"
        """
        last = [stage.pause for stage in self.stages].index(pause)
        return self.stages[: last + 1]

    @property
    def after_commit(self) -> tuple[Stage, ...]:
        """The stages after the commit."""
        return self.stages[len(self.until_commit) :]
