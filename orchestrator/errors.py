"""What can go wrong, by class; each class is an exit status (documented in docs/exit-codes.md)."""

from __future__ import annotations

from collections.abc import Sequence

OUTPUT = 60
"""Lines of a failed command's output that are kept."""


class OrchestratorError(Exception):
    """One clear line for the operator: what, where and what to do. Exit status 1."""

    status = 1


class UsageError(OrchestratorError):
    """Bad input: settings, ``--data``, inventory. Nothing was looked at or changed. Exit status 2."""

    status = 2


class Refused(OrchestratorError):
    """The run did not begin (lock, preflight, plan changed); nothing was changed. Exit status 3."""

    status = 3


class StepFailed(OrchestratorError):
    """A step failed at its place. The run is undone. Exit status 1."""


class NotUndone(OrchestratorError):
    """An undo failed: a switch or a reachable node is not as it was. Exit status 4."""

    status = 4


class Interrupted(BaseException):
    """A signal asked the run to stop. Not an ``Exception``, so that no step takes it for its own failure.

    + signum: number of the signal; the exit status is 128 + signum
    """

    def __init__(self, signum: int, name: str) -> None:
        super().__init__(name)
        self.signum = signum
        self.name = name

    @property
    def status(self) -> int:
        return 128 + self.signum


class CommandFailed(Exception):
    """A command failed, on a host or here; the message is the last line it printed as an error.

    + output: the last lines of all it printed
    """

    def __init__(self, message: str = "", output: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.output = tuple(output[-OUTPUT:])
