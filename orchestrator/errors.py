"""All exceptions of the orchestrator: one tree, from which everything that this package raises derives.

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

A class that several rooms raise or catch is defined here. A class that a single room uses stands beside that code.
``docs/exit-codes.md`` says what each exit status means for the operator. Only ``deploy.py`` turns an exception into an
exit status; only ``fleet.py`` and ``run/`` turn an exception at one place into that place's result.
"""

from __future__ import annotations

from collections.abc import Sequence

OUTPUT = 60
"""Lines of a failed command's output that are kept."""


class Failure(Exception):
    """The root of the tree. Nothing raises or catches it: raise and catch a class below it."""


class OrchestratorError(Failure):
    """An error whose message is one clear line for the operator: what happened, where, what to do. Exit status 1.

    Raised anywhere. Caught by ``deploy.py``, which prints the line and ends with ``status``; where one place of many
    failed, by ``fleet.py`` and ``run/``, which make it that place's result.
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

    Raised by the journal's session. ``run/`` lets it pass every handler that would otherwise go on.
    """

    status = 4


class NotDone(OrchestratorError):
    """An API did not make a change that was asked; the message says which, where, and what to do. Exit status 1.

    Raised by switches. Caught by ``run/`` and ``survey.py``, which make it the switch's result.
    """


class ProbeError(OrchestratorError):
    """The probe itself did not work: it did not start, died, or gave no report. Exit status 1.

    Raised by ``probe/process.py``. Caught by ``run/``: a probe that does not start fails its stage; a probe that is
    lost later ends, and the stage that reads its report says so.
    """


class Internal(Failure):
    """Something that code inside this package waits for and catches. If one reaches the operator, that is a bug."""


class CommandFailed(Internal):
    """A command failed, on a host or on the operator's machine. The message is the last line of its standard error.

    Caught by ``fleet.py`` and ``run/``, which make it the result of that place.

    + output: the last OUTPUT lines of everything that the command printed
    """

    def __init__(self, message: str = "", output: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.output = tuple(output[-OUTPUT:])


class TookTooLong(CommandFailed):
    """A command on the operator's machine was killed at its deadline. ``output`` is what it had printed."""


class Silent(Internal):
    """A host did not answer: its connection broke, or it froze. ``fleet.py`` makes it a lost reply."""


class NotYet(Internal):
    """The condition that the code waits for is not met yet. The message says what was seen instead.

    Raised by the ``check`` that is given to ``waiting.until``, which catches it and calls ``check`` again.
    """


class CannotTell(Internal):
    """A switch's answer does not say which color gets traffic. It is never taken for a color.

    Raised by switches. Caught by ``run/`` and ``survey.py``, which keep the message in place of the weights.
    """


class Interrupted(BaseException):
    """A signal (SIGINT, SIGTERM, SIGHUP) asked the run to stop. Exit status 128 + ``signum``.

    Not an ``Exception``, so that no handler mistakes it for a failure of its step. Thrown into the greenlet of
    the run by ``signals.py``; caught by ``run/walk.py``, which undoes the run, and by ``deploy.py``.

    + signum: number of the signal
    + name: name of the signal
    """

    def __init__(self, signum: int, name: str) -> None:
        super().__init__(name)
        self.signum = signum
        self.name = name

    @property
    def status(self) -> int:
        """The exit status."""
        return 128 + self.signum
