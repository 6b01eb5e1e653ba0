"""What a run is made of: places, actions, steps, stages. Data only; what was asked and seen makes the plan.

A run's plan is a pure function of its Inputs, so that any machine that reads the Inputs from the journal
gets the same plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from typing_extensions import override

Where = Literal["balancer", "node", "api"]
"""Where a switch is told: on its own host, on a node (whose link it is), by an API from the operator's machine."""

Value = str | int | float | bool | None | list[str]


@dataclass(frozen=True)
class Place:
    """Where a step acts: a node, a balancer's host, a switch behind an API, or the operator's own machine."""

    kind: Literal["node", "balancer", "api", "operator"]
    name: str

    @override
    def __str__(self) -> str:
        return self.name


OPERATOR = Place("operator", "operator")


@dataclass(frozen=True)
class Action:
    """An entry of the executor's table, and its arguments: data, never a closure."""

    name: str
    arguments: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One action at one place.

    + deadline: seconds it may take, everything included
    """

    place: Place
    action: Action
    deadline: float


@dataclass(frozen=True)
class Stage:
    """A named part of a run. Its steps run at once, at all their places; all succeed, or the stage failed.

    + do: the steps
    + undo: stages that take it back, in order; right whether its steps ran, half ran or never ran
    + changes: False for a stage that only looks
    + commits: the run is committed once this stage is done; later ones only go forward
    + pause: where a run may be asked to stop and wait, once this stage is done ("preview", "25"); empty for nowhere
    + owed: nobody would do it later: a run that could not do it stays open, committed or not, for the next command
    """

    name: str
    do: tuple[Step, ...]
    undo: tuple[Stage, ...] = ()
    changes: bool = True
    commits: bool = False
    pause: str = ""
    owed: bool = False

    @property
    def word(self) -> str:
        """What it is, without the share of traffic or the batch it is for: "cutover" of "cutover 5%"."""
        return self.name.partition(" ")[0]


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
