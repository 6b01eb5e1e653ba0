"""Base classes of the handlers. A handler performs the steps that have one class of action."""

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
"""Seconds between two checks while a handler waits for a condition."""


@dataclass
class Context:
    """The data that all handlers of one run share.

    + fence: the number of the run. Once a newer run has used a host, the host's guard refuses this run's commands
    + probe: the run's probe
    + swap: the instant at which the armed nodes change their ``live`` links, None until it is chosen
    """

    fleet: Fleet
    fence: int
    probe: RunProbe
    swap: SwapTime | None = None


class Handler(Generic[A]):
    """Performs all steps of one run that have one class of action. A subclass overrides the methods that it needs.

    The ``at_...`` methods act at one place and return a line of detail for the report. If such a method raises an
    exception, only its own step fails, and the report shows the message. CommandFailed, NotYet, CannotTell and
    OrchestratorError are expected errors, so their messages should be written for the operator.

    + output: whether the report keeps the last lines that a failed command printed
    """

    output: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self.context = context
        self.fleet = context.fleet
        self.settings = context.fleet.settings

    def before(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        """Do the part of a stage's work that is done once, on the operator's machine, before the steps.

        Return () if this work succeeded. If it failed, return the results of the stage; no step is then performed.

        + steps: all steps of the stage, including steps with other actions
        + undoing: whether the stage is part of an undo
        """
        return ()

    def at_host(self, host: Host, step: Step[A], undoing: bool) -> str:
        """Perform a step on a node or on the host of a balancer.

        + undoing: whether the step is part of an undo. If another command holds the host's lock, an undo kills that
          command instead of waiting for the lock
        """
        raise NotImplementedError(f"{step.action.name} is not an action for a host")

    def at_api(self, api: Api, step: Step[A]) -> str:
        """Perform a step at a switch behind an API."""
        raise NotImplementedError(f"{step.action.name} is not an action for an API")

    def at_operator(self, step: Step[A]) -> str:
        """Perform a step on the operator's machine."""
        raise NotImplementedError(f"{step.action.name} is not an action for the operator's machine")

    def together(self, results: tuple[Result, ...]) -> tuple[Result, ...]:
        """Judge all results of a stage together, after its steps. Return the results, with an error where one is found.

        The method here returns the results unchanged.
        """
        return results

    def close(self) -> None:
        """Remove the files that this handler has made on the operator's machine. Called once, after the run."""


@dataclass(frozen=True)
class Call:
    """A pyinfra operation and all its arguments except ``guard``."""

    operation: Callable[..., Any]
    arguments: Mapping[str, Any]


class OperationHandler(Handler[A]):
    """Performs an action by running one pyinfra operation on the host.

    + guarded: whether the operation's commands go through the guard. False for an operation that changes no file
    """

    guarded: ClassVar[bool] = True

    @classmethod
    def call(cls, step: Step[A], settings: Settings) -> Call:
        """Return the operation for a step, with its arguments. Pure, so that a plan can show the command."""
        raise NotImplementedError

    def sent(self, host: Host, step: Step[A]) -> tuple[Mapping[str, Any], str | None]:
        """Return the values that the handler knows only during the run, not while a plan is shown.

        The first value replaces arguments of ``call``. The second value is the text for the operation's standard input,
        None for none.
        """
        return {}, None

    def heard(self, lines: Sequence[str]) -> str:
        """Make the line of detail from the lines that the operation printed: here, the last three lines.

        A subclass may raise CommandFailed if the printed lines show that the step has failed.
        """
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
    """Import and return the handler class that performs a class of actions."""
    module, _, name = action.handler.partition(":")
    found: type[Handler[Any]] = getattr(import_module(module), name)
    return found


def guard(step: Step, settings: Settings, fence: int, undoing: bool = False) -> Guard:
    """Return the guard through which a step's commands go, on a node or on a balancer.

    + undoing: whether the step is part of an undo. If so, the guard kills a command that holds the host's lock, instead
      of waiting for the lock
    """
    layout = settings.balancer if step.place.kind == "balancer" else settings.node
    return Guard(f"{layout.library}/guard", layout.guard_dir, fence, seconds(step.deadline), undoing)


def seconds(deadline: float) -> int:
    """Return a step's deadline in whole seconds, rounded down, but at least 1. Commands on a host get this limit."""
    return max(1, int(deadline))
