"""The base classes of the handlers. Each handler class performs the steps of one class of action."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Generic, TypeVar

from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.errors import CommandFailed, NotYet
from orchestrator.fleet import Fleet
from orchestrator.plan.steps import Action, Step
from orchestrator.run.run_probe import RunProbe
from orchestrator.run.swap_time import SwapTime
from orchestrator.run.walk import Result
from orchestrator.scripts.guarded import Guard
from orchestrator.switches.base import Api
from orchestrator.waiting import until

A = TypeVar("A", bound=Action)

INTERVAL = 0.25
"""Seconds between two checks while a handler waits for a condition."""


@dataclass
class Context:
    """The data that all handlers of one run share.

    + fence: the number of the run. Once a newer run has used a host, the host's guard refuses this run's commands
    + probe: the run's probe
    + report: absolute path of the report file (``--data report=``); empty for no report
    + swap: the instant at which the armed nodes change their ``live`` links; None until this instant is chosen
    """

    fleet: Fleet
    fence: int
    probe: RunProbe
    report: str = ""
    swap: SwapTime | None = None


PERSISTENCE = 0.7
"""The part of a step's deadline for which an undo repeats a failed operation. The rest is for the last attempt."""

FENCED = "fenced: "
"""The begin of the guard's error message if a newer run has used the host."""


class Handler(Generic[A]):
    """Performs, in one run, all steps that have an action of class ``A``. A subclass overrides the methods it needs.

    Each ``at_...`` method performs a step at one place, and returns a line of detail for the report. If the method
    raises an exception, only this step fails, and the report shows the exception's message. CommandFailed, NotYet,
    CannotTell and OrchestratorError are expected errors, so their messages should be written for the operator.

    + output: whether the report keeps the last lines that a failed command printed
    """

    output: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self.context = context
        self.fleet = context.fleet
        self.settings = context.fleet.settings

    def before(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        """Prepare a stage once, on the operator's machine, before its steps.

        Return () if the preparation succeeded. If the preparation failed, return results with the error. These are then
        the results of the stage, and no step is performed.

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
        """Judge the results of all steps of a stage, after all steps have ended. Return the results.

        An override may add errors to the results. The base class returns the results unchanged.
        """
        return results

    def close(self) -> None:
        """Remove the files that this handler has made on the operator's machine. To be called once, after the run."""


@dataclass(frozen=True)
class Call:
    """A pyinfra operation and all its arguments except ``guard``."""

    operation: Callable[..., Any]
    arguments: Mapping[str, Any]


class OperationHandler(Handler[A]):
    """Performs an action by running one pyinfra operation on the step's host.

    + guarded: whether the host's guard runs the operation's commands. False for an operation that changes no file
    + persists: whether an undo repeats the operation until the deadline of the step if the operation fails. The load
      balancer may be restarting at this moment
    """

    guarded: ClassVar[bool] = True
    persists: ClassVar[bool] = False

    @classmethod
    def call(cls, step: Step[A], settings: Settings) -> Call:
        """Return the operation for a step, and the operation's arguments.

        This method is pure, so that a printed plan can show the commands of the operation.
        """
        raise NotImplementedError

    def sent(self, host: Host, step: Step[A]) -> tuple[Mapping[str, Any], str | None]:
        """Return the arguments and the standard input that are known only during the run, not when a plan is shown.

        The first value is a mapping from the name of an argument to its value. These values replace values that
        ``call`` returned. The second value is the text of the operation's standard input; None for no standard input.
        """
        return {}, None

    def heard(self, lines: Sequence[str]) -> str:
        """Return the line of detail for the report, made from the lines that the operation printed.

        The base class joins the last three lines. An override may raise CommandFailed if the printed lines show that
        the step has failed.
        """
        return " ".join(lines[-3:])

    @override
    def at_host(self, host: Host, step: Step[A], undoing: bool) -> str:
        call = self.call(step, self.settings)
        more, stdin = self.sent(host, step)
        arguments = {**call.arguments, **more}
        if self.guarded:
            arguments["guard"] = guard(step, self.settings, self.context.fence, undoing)

        def operate() -> str:
            return self.heard(self.fleet.operate(host, call.operation, stdin, **arguments))

        return _persistent(operate, PERSISTENCE * step.deadline) if undoing and self.persists else operate()


def _persistent(act: Callable[[], str], patience: float) -> str:
    """Call ``act`` until it does not raise CommandFailed, at most ``patience`` seconds. Return the result of ``act``.

    If a newer run has begun, the guard refuses every further command, so the first refusal is raised.
    """
    done: list[str] = []

    def attempt() -> None:
        try:
            done.append(act())
        except CommandFailed as failure:
            if str(failure).startswith(FENCED):
                raise
            raise NotYet(str(failure)) from None

    until(attempt, patience, INTERVAL)
    return done[-1]


def handler_of(action: type[Action]) -> type[Handler[Any]]:
    """Import and return the handler class that an action class names in ``Action.handler``."""
    module, _, name = action.handler.partition(":")
    found: type[Handler[Any]] = getattr(import_module(module), name)
    return found


def guard(step: Step, settings: Settings, fence: int, undoing: bool = False) -> Guard:
    """Return the guard that runs a step's commands on a node or on a balancer.

    + fence: the number of the run
    + undoing: whether the step is part of an undo. If another command holds the host's lock, the guard kills that
      command in an undo, and otherwise waits for the lock
    """
    layout = settings.balancer if step.place.kind == "balancer" else settings.node
    return Guard(f"{layout.library}/guard", layout.guard_dir, fence, seconds(step.deadline), undoing)


def seconds(deadline: float) -> int:
    """Return the time limit of a step's commands: the deadline in whole seconds, rounded down, but at least 1."""
    return max(1, int(deadline))
