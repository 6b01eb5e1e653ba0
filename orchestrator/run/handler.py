"""The base classes of the handlers that perform actions, and the context that the handlers of one run share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Generic, TypeVar

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.fleet import Fleet
from orchestrator.plan.steps import Action, Step
from orchestrator.run.run_probe import RunProbe
from orchestrator.run.swap_time import SwapTime
from orchestrator.run.walk import Result
from orchestrator.scripts.guarded import Guard
from orchestrator.switches.base import Api

A = TypeVar("A", bound=Action)

INTERVAL = 0.25
"""Seconds between two checks of a condition that has to become true."""


@dataclass
class Context:
    """The context that the handlers of one run share.

    + fence: the number of the run; the guard at every place refuses a run with a lower number
    + probe: the run's probe
    + swap: the instant at which the armed nodes swap their links, None until the nodes have agreed on it
    """

    fleet: Fleet
    fence: int
    probe: RunProbe
    swap: SwapTime | None = None


class Handler(Generic[A]):
    """Performs the steps of one class of actions, for one run. A subclass has the methods that its action needs.

    Methods that act at one place return a line of detail for the report. An error that they raise becomes the result of
    that step only. CommandFailed, NotYet, CannotTell and OrchestratorError keep their messages.

    + output: whether the report keeps the last lines that a failed command printed
    """

    output: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self.context = context
        self.fleet = context.fleet
        self.settings = context.fleet.settings

    def before(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        """Do the operator's part of a stage, once before its steps. Returns the stage's results if it failed, else ().

        + steps: all steps of the stage, including steps with other actions
        """
        return ()

    def at_host(self, host: Host, step: Step[A], undoing: bool) -> str:
        """Perform a step on a node or on the host of a balancer.

        + undoing: whether the step is part of an undo. If another command holds the place's lock, an undo ends that
          command instead of waiting for it
        """
        raise NotImplementedError(f"{step.action.name} is not an action for a host")

    def at_api(self, api: Api, step: Step[A]) -> str:
        """Perform a step at a switch behind an API."""
        raise NotImplementedError(f"{step.action.name} is not an action for an API")

    def at_operator(self, step: Step[A]) -> str:
        """Perform a step on the operator's machine."""
        raise NotImplementedError(f"{step.action.name} is not an action for the operator's machine")

    def together(self, results: tuple[Result, ...]) -> tuple[Result, ...]:
        """The results of a stage, judged together."""
        return results

    def close(self) -> None:
        """Clean up after the run: leave nothing on the operator's machine."""


@dataclass(frozen=True)
class Call:
    """A pyinfra operation, and all its arguments except the guard."""

    operation: Callable[..., Any]
    arguments: Mapping[str, Any]


class OperationHandler(Handler[A]):
    """Performs an action that is one pyinfra operation, through the guard.

    + guarded: False for an operation that changes only memory
    """

    guarded: ClassVar[bool] = True

    @classmethod
    def call(cls, step: Step[A], settings: Settings) -> Call:
        """The operation. Pure, so that a plan shows the command that the run will send."""
        raise NotImplementedError

    def sent(self, host: Host, step: Step[A]) -> tuple[Mapping[str, Any], str | None]:
        """Values that only the run knows: arguments that replace the plan's, and the operation's standard input."""
        return {}, None

    def heard(self, lines: Sequence[str]) -> str:
        """The detail, from the lines that the operation printed. Raises CommandFailed if they report a failure."""
        return " ".join(lines[-3:])

    @override
    def at_host(self, host: Host, step: Step[A], undoing: bool) -> str:
        call = self.call(step, self.settings)
        more, stdin = self.sent(host, step)
        arguments = {**call.arguments, **more}
        if self.guarded:
            arguments["guard"] = guard(step, self.settings, self.context.fence, undoing)
        return self.heard(self.fleet.operate(host, call.operation, stdin, **arguments))


def handler_of(action: type[Action]) -> type[Handler[Any]]:
    """The class that performs an action."""
    module, _, name = action.handler.partition(":")
    found: type[Handler[Any]] = getattr(import_module(module), name)
    return found


def guard(step: Step, settings: Settings, fence: int, undoing: bool = False) -> Guard:
    """The guard that a step's commands go through, on a node or on the host of a balancer."""
    layout = settings.balancer if step.place.kind == "balancer" else settings.node
    return Guard(f"{layout.library}/guard", layout.guard_dir, fence, seconds(step.deadline), undoing)


def seconds(deadline: float) -> int:
    """The time limit at the place in whole seconds: at most the operator's machine's deadline, at least 1."""
    return max(1, int(deadline))
