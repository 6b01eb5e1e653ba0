"""All exceptions that the orchestrator defines, as one tree.

::

    Failure
    ├── OrchestratorError            reaches the operator as one line; its class decides the exit status
    │   ├── UsageError               2   bad input
    │   ├── Refused                  3   the run did not begin
    │   ├── StepFailed               1   provisioning failed at a place
    │   ├── StageFailed              1   a stage of a run failed                (run/walk.py)
    │   ├── NotDone                  1   an API did not do what a switch asked for
    │   ├── ProbeError               1   the probe itself did not work
    │   ├── NotUndone                4   an undo failed, or an earlier run could not be settled
    │   ├── TakenOver                4   another run took the lock
    │   └── Undecided                4   it is unknown whether the commit is recorded (run/walk.py)
    └── Internal                     is caught inside the package and never reaches the operator
        ├── CommandFailed                a command failed
        │   └── TookTooLong              a command was killed at its deadline
        ├── Silent                       a host did not answer
        ├── NotYet                       a condition does not hold yet
        ├── CannotTell                   a switch's answer does not say what the code has to know
        ├── Lost                         the store refused a write              (journal/store.py)
        ├── ConditionFailed              S3 refused a conditional request       (journal/s3.py)
        └── StreamReset, GoneAway, NotHttp2   ways in which HTTP/2 loses a request (probe/lost.py)
    Interrupted            128 + n   a signal asked the run to stop; a BaseException, so not below Failure

A class that several parts of the package raise or catch is defined here. A class that only one part uses is defined
beside its code. ``docs/exit-codes.md`` says what each exit status means for the operator. In a run, only ``deploy.py``
turns an exception that reaches it into an exit status. For a failed stage, ``run/walk.py`` determines the status. If a
command on one of several hosts fails, only ``fleet.py`` and ``run/`` catch the exception, and store it as the result of
that host.
"""

from __future__ import annotations

from collections.abc import Sequence

OUTPUT = 60
"""How many of the last lines of a failed command's output are kept."""


class Failure(Exception):
    """The root of the tree. Code raises and catches only the classes below it."""


class OrchestratorError(Failure):
    """An error whose message is one clear line for the operator: what happened, where, what to do. Exit status 1.

    Any code may raise this error. ``deploy.py`` catches the error, prints the line and exits with ``status``. If a
    command on one of several hosts fails, ``fleet.py`` and ``run/`` catch the error and store it as that host's result.
    """

    status = 1


class UsageError(OrchestratorError):
    """The settings, ``--data`` or the inventory are wrong. The run did not begin. Exit status 2."""

    status = 2


class Refused(OrchestratorError):
    """The run did not begin and moved no traffic. Exit status 3.

    For example, another run holds the lock, preflight found a problem, or the plan has changed since it was approved.
    An earlier run that stopped before its end may already have been undone or completed.
    """

    status = 3


class StepFailed(OrchestratorError):
    """A step of provisioning failed at a host, and provisioning stopped. Exit status 1."""


class NotUndone(OrchestratorError):
    """An undo failed, or an earlier run cannot be settled. Exit status 4.

    After a failed undo, a switch or a reachable node is not as it was before the run. An earlier run cannot be settled
    if one of its stages fails again and no other run can do the work of this stage. Resuming the Auto Scaling group is
    such a stage.
    """

    status = 4


class TakenOver(OrchestratorError):
    """Another run holds the lock now. This run must stop and change nothing more. Exit status 4.

    The other run settles this run. ``journal/session.py`` raises TakenOver. Code in ``run/`` that continues after other
    errors must not continue after TakenOver.
    """

    status = 4


class NotDone(OrchestratorError):
    """An API did not make a requested change, or did not answer a question. Exit status 1.

    The message says which request failed, where, and what to do. Switches raise NotDone. ``run/`` and ``survey.py``
    catch NotDone and store its message as the result of the switch.
    """


class ProbeError(OrchestratorError):
    """The probe itself did not work: it did not start, died, or gave no report. Exit status 1.

    ``probe/process.py`` raises ProbeError and ``run/`` catches it. If the probe does not start, the stage that starts
    the probe fails. If the probe dies later, the stage that reads the probe's report shows the error.
    """


class Internal(Failure):
    """An error that code inside this package catches. If an Internal error reaches the operator, that is a bug."""


class CommandFailed(Internal):
    """A command failed, on a host or on the operator's machine.

    The message says what failed. For a command on a host, it is the last line of the command's standard error or, if
    there is none, of its output. ``fleet.py`` and ``run/`` catch CommandFailed and store it as the result of the host.

    + output: the last OUTPUT lines of everything that the command printed
    """

    def __init__(self, message: str = "", output: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.output = tuple(output[-OUTPUT:])


class TookTooLong(CommandFailed):
    """A command on the operator's machine was killed at its deadline. ``output`` holds the lines printed until then."""


class Silent(Internal):
    """A host did not answer, because its connection broke or the host froze.

    ``fleet.py`` catches Silent and pings the host. If the ping gets no answer either, ``fleet.py`` marks the host's
    reply as lost.
    """


class NotYet(Internal):
    """A condition that the code checks or waits for is not met yet. The message says what was seen instead.

    The functions in ``waiting.py`` call a function ``check``, catch NotYet and call ``check`` again. If a handler of
    ``run/`` raises NotYet, ``run/executor.py`` stores the message as the error of the step.
    """


class CannotTell(Internal):
    """A switch's answer does not say which color gets traffic, or its record of requests cannot be read.

    The code must then not guess. Switches raise CannotTell. ``run/`` and ``survey.py`` catch CannotTell, and keep its
    message in place of the answer.
    """


class Interrupted(BaseException):
    """A signal (SIGINT, SIGTERM, SIGHUP) asked the run to stop. Exit status 128 + ``signum``.

    Interrupted is a BaseException, so that no ``except Exception`` handles it like the failure of a step.
    ``signals.py`` throws it into the greenlet of the run. ``run/walk.py`` catches it and undoes the run. If it comes
    outside of the stages, ``deploy.py`` catches it and exits with ``status``.

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
