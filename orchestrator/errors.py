"""All exceptions that the orchestrator defines, as one tree.

::

    Failure
    ├── OrchestratorError            reaches the operator as one line; its class decides the exit status
    │   ├── UsageError               2   bad input
    │   ├── Refused                  3   the run did not begin
    │   ├── StepFailed               1   provisioning failed at a place
    │   ├── StageFailed              1   a stage of a run failed                (run/walk.py)
    │   ├── NotDone                  1   an API did not make a change that was asked
    │   ├── ProbeError               1   the probe itself did not work
    │   ├── NotUndone                4   an undo failed
    │   ├── TakenOver                4   another run took the lock over
    │   └── Undecided                4   the commit may or may not be on record (run/walk.py)
    └── Internal                     is caught inside the package and never reaches the operator
        ├── CommandFailed                a command failed
        │   └── TookTooLong              a command had to be ended
        ├── Silent                       a host did not answer
        ├── NotYet                       a condition does not hold yet
        ├── CannotTell                   a switch's answer does not say which color gets traffic
        ├── Lost                         the store refused a write              (journal/store.py)
        ├── ConditionFailed              S3 refused a conditional request       (journal/s3.py)
        └── StreamReset, GoneAway, NotHttp2   how HTTP/2 loses a request        (probe/lost.py)
    Interrupted            128 + n   an operating system signal asked for a stop; no ``Exception``, so not below Failure

A class that several parts of the package raise or catch is defined here. A class that only one part uses is defined
beside its code. ``docs/exit-codes.md`` says what each exit status means for the operator. Only ``deploy.py`` turns an
exception into an exit status. If one of several hosts fails, only ``fleet.py`` and ``run/`` catch the exception and
store it as that host's result.
"""

from __future__ import annotations

from collections.abc import Sequence

OUTPUT = 60
"""Number of lines that are kept of a failed command's output."""


class Failure(Exception):
    """The root of the tree. Code raises and catches only the classes below it."""


class OrchestratorError(Failure):
    """An error whose message is one clear line for the operator: what happened, where, what to do. Exit status 1.

    Any code may raise it. ``deploy.py`` catches it, prints the line and exits with ``status``. If one of several hosts
    fails, ``fleet.py`` and ``run/`` catch the error and store it as that host's result.
    """

    status = 1


class UsageError(OrchestratorError):
    """Bad input: settings, ``--data``, inventory. The run did not begin and changed nothing. Exit status 2."""

    status = 2


class Refused(OrchestratorError):
    """The run did not begin (lock, preflight, plan changed) and changed nothing. Exit status 3."""

    status = 3


class StepFailed(OrchestratorError):
    """A step of provisioning failed at a host, and provisioning stopped. Exit status 1."""


class NotUndone(OrchestratorError):
    """An undo failed: a switch or a reachable node is not as it was before the run. Exit status 4."""

    status = 4


class TakenOver(OrchestratorError):
    """Another run holds the lock now: this run must change nothing more, and the other run settles it. Exit status 4.

    The journal's session raises it. Code in ``run/`` that continues after other errors must let this one pass.
    """

    status = 4


class NotDone(OrchestratorError):
    """An API did not make a change that was asked; the message says which, where, and what to do. Exit status 1.

    Switches raise it. ``run/`` and ``survey.py`` catch it and store it as the switch's result.
    """


class ProbeError(OrchestratorError):
    """The probe itself did not work: it did not start, died, or gave no report. Exit status 1.

    ``probe/process.py`` raises it and ``run/`` catches it. If the probe does not start, its stage fails. If the probe
    dies later, the stage that reads its report says so.
    """


class Internal(Failure):
    """An error that code inside this package catches. If an Internal error reaches the operator, that is a bug."""


class CommandFailed(Internal):
    """A command failed, on a host or on the operator's machine. The message is the last line of its standard error.

    ``fleet.py`` and ``run/`` catch it and store it as the host's result.

    + output: the last OUTPUT lines of everything that the command printed
    """

    def __init__(self, message: str = "", output: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.output = tuple(output[-OUTPUT:])


class TookTooLong(CommandFailed):
    """A command on the operator's machine was killed at its deadline. ``output`` holds the lines printed until then."""


class Silent(Internal):
    """A host did not answer: its connection broke, or it froze. ``fleet.py`` catches it and marks the reply as lost."""


class NotYet(Internal):
    """The condition that the code waits for is not met yet. The message says what was seen instead.

    The ``check`` function given to ``waiting.until`` raises it. ``until`` catches it and calls ``check`` again.
    """


class CannotTell(Internal):
    """A switch's answer does not say which color gets traffic. Such an answer is never taken for a color.

    Switches raise it. ``run/`` and ``survey.py`` catch it, and keep the message in place of the weights.
    """


class Interrupted(BaseException):
    """A signal (SIGINT, SIGTERM, SIGHUP) asked the run to stop. Exit status 128 + ``signum``.

    Interrupted is no ``Exception``, so that no handler mistakes it for a failure of its step. ``signals.py`` throws it
    into the greenlet of the run. ``run/walk.py`` catches it and undoes the run; ``deploy.py`` catches it as well.

    + signum: number of the signal
    + name: name of the signal
    """

    def __init__(self, signum: int, name: str) -> None:
        super().__init__(name)
        self.signum = signum
        self.name = name

    @property
    def status(self) -> int:
        """The exit status of the process."""
        return 128 + self.signum
