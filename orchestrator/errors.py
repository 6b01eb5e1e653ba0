"""All exceptions of the orchestrator form one tree. The number after a class is the exit status of the process.

::

    Failure
    ├── OrchestratorError            reaches the operator as one line; its class decides the exit status
    │   ├── UsageError               2   bad input
    │   ├── Refused                  3   the run did not begin
    │   │   ├── NoJournal            3   the store of lock and journal does not work
    │   │   ├── Unreadable           3   the record of an earlier run cannot be read
    │   │   └── CannotConnect        3   a database server does not accept a session
    │   ├── StepFailed               1   provisioning failed at a place
    │   ├── StageFailed              1   a stage of a run failed                (run/walk.py)
    │   ├── NotDone                  1   an API did not make a requested change
    │   ├── ProbeError               1   the probe itself did not work
    │   ├── StatementFailed          1   a database server did not carry out a statement
    │   │   ├── ConnectionLost       1   it is unknown whether the server carried out a statement
    │   │   └── Blocked              1   another session held a lock for too long
    │   ├── BackfillPaused           1   an operator has paused a backfill
    │   ├── NotUndone                4   an undo failed, or an earlier run could not be settled
    │   ├── TakenOver                4   another run took the lock
    │   └── Undecided                4   it is unknown whether the commit is recorded
    └── Internal                     is caught inside the package and never reaches the operator
        ├── CommandFailed                a command failed
        │   ├── TookTooLong              a command was killed at its deadline
        │   └── FilesRefused             the check of SQL files has findings         (migrate/judge.py)
        ├── Silent                       a host did not report a requested fact
        │   └── Unclear                  the answer of a host cannot be understood
        ├── NotYet                       a condition does not hold yet
        ├── CannotTell                   a switch does not say which color gets traffic
        ├── LockBusy                     another session holds a lock of the database
        ├── Lost                         the store refused a write              (journal/store.py)
        ├── ConditionFailed              S3 refused a conditional request       (journal/s3.py)
        └── StreamReset, GoneAway, NotHttp2   ways in which HTTP/2 loses a request (probe/lost.py)
    Interrupted            128 + n   a signal asked the run to stop; a BaseException, so not below Failure

If the tree names a file after a class, that file defines the class. All other classes are defined here.
``docs/exit-codes.md`` says what each exit status means for the operator.

If a stage of a run fails, ``run/walk.py`` determines the exit status. If an exception ends the run in another way,
``deploy.py`` determines the exit status. If a command fails on one of several hosts, only ``fleet.py`` and ``run/``
catch the exception, and store it as the result of that host.
"""

from __future__ import annotations

from collections.abc import Sequence

OUTPUT = 60
"""An exception keeps at most this number of lines of a failed command's output: the last lines."""


SAID = 80
"""Number of characters of an unclear answer that an error message shows."""


class Failure(Exception):
    """The base class of all exceptions of the orchestrator except Interrupted.

    Code raises and catches only subclasses of Failure.
    """


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
    Before a run is refused, the command may have settled an earlier run that had stopped before its end.
    """

    status = 3


class NoJournal(Refused):
    """The store of lock and journal does not work, so the run did not begin. Exit status 3."""


class Unreadable(Refused):
    """An earlier run must be settled first, but this version cannot read the record of that run. Exit status 3.

    ``run/settle.py`` raises Unreadable. Only a rollback catches Unreadable, and continues without settling that run.

    + run: name of the earlier run
    + uncommitted: the release of the earlier run, if that run was not committed; otherwise empty
    """

    def __init__(self, message: str, run: str, uncommitted: str) -> None:
        super().__init__(message)
        self.run = run
        self.uncommitted = uncommitted


class CannotConnect(Refused):
    """A database server does not accept a session, so the run did not begin. Exit status 3.

    For example, the server does not answer, the password is wrong, or the database does not exist.

    + code: the server's error number; empty if there is none
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class StepFailed(OrchestratorError):
    """A step of provisioning failed at a host, and provisioning stopped. Exit status 1."""


class NotUndone(OrchestratorError):
    """An undo failed, or an earlier run cannot be settled. Exit status 4.

    After a failed undo, at least one switch or reachable node still has changes of the run. An earlier run cannot be
    settled if the earlier run suspended the Auto Scaling group and AWS does not resume the group.
    """

    status = 4


class TakenOver(OrchestratorError):
    """Another run holds the lock now. This run must stop and change nothing more. Exit status 4.

    The other run settles this run. ``journal/session.py`` raises TakenOver. Code in ``run/`` that continues after other
    errors must not continue after TakenOver.
    """

    status = 4


class NotDone(OrchestratorError):
    """The API of a provider, such as AWS, did not make a requested change or did not answer a question. Exit status 1.

    The message says which request failed, where, and what to do. Switches raise NotDone. ``run/`` and ``survey.py``
    catch NotDone and store its message as the result of the switch.
    """


class ProbeError(OrchestratorError):
    """The probe itself did not work: it did not start, died, or gave no report. Exit status 1.

    ``probe/process.py`` raises ProbeError and ``run/`` catches ProbeError. If the probe does not start, the stage that
    starts the probe fails. If the probe dies later, the run continues without the probe.
    """


class StatementFailed(OrchestratorError):
    """A database server did not carry out a statement. Exit status 1.

    + code: SQLSTATE (PostgreSQL) or error number (MariaDB, MySQL); empty if there is none
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class ConnectionLost(StatementFailed):
    """The connection to a database server broke. It is unknown whether the server carried out the statement."""


class Blocked(StatementFailed):
    """Another session held a lock of the database for too long. The message names the session.

    The server has changed nothing.
    """


class BackfillPaused(OrchestratorError):
    """An operator has paused a backfill, which stopped between two batches. Exit status 1."""


class Undecided(OrchestratorError):
    """It is unknown whether the commit was recorded. The run stops at once, without an undo."""

    status = 4


class Internal(Failure):
    """An error that code inside this package catches. If an Internal error reaches the operator, that is a bug."""


class CommandFailed(Internal):
    """A command failed, on a host or on the operator's machine.

    The message says what failed. For a command on a host, the message is the last line of the command's standard error.
    If standard error is empty, the message is the last line of standard output. ``fleet.py`` and ``run/`` catch
    CommandFailed and store it as the result of the host.

    + output: the last OUTPUT lines of everything that the command printed
    """

    def __init__(self, message: str = "", output: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.output = tuple(output[-OUTPUT:])


class TookTooLong(CommandFailed):
    """A command on the operator's machine or on a host was killed at its deadline.

    ``output`` has the lines printed until then.
    """


class Silent(Internal):
    """A host did not report a requested fact, for example because the connection broke or the host froze.

    ``fleet.py`` catches Silent and pings the host. If the ping gets no answer either, ``fleet.py`` marks the host's
    reply as lost.
    """


class Unclear(Silent):
    """A host answered, but its answer is not whole or cannot be parsed.

    ``fleet.py`` treats the host like a host that is down, because nothing is known about the host's state.

    + said: the text that the host printed; empty if it printed nothing. The message has the first SAID characters,
      with U+FFFD in place of characters that a terminal may not show
    """

    def __init__(self, said: str) -> None:
        start = " ".join(said.split())[:SAID]
        visible = "".join(one if one.isprintable() else "\ufffd" for one in start)
        super().__init__(f"its answer cannot be read: {visible or 'the answer is empty'}")


class NotYet(Internal):
    """A condition that the code checks or waits for is not met yet. The message says what the code saw instead.

    The functions in ``waiting.py`` call a function ``check`` again and again until ``check`` no longer raises NotYet.
    If a handler of ``run/`` raises NotYet, ``run/executor.py`` stores the message as the error of the step.
    """


class CannotTell(Internal):
    """A switch does not say which color gets traffic, or the switch's record of requests cannot be read.

    The code must then not guess. Switches raise CannotTell. ``run/`` and ``survey.py`` catch CannotTell, and keep the
    message in place of the switch's answer.
    """


class LockBusy(Internal):
    """A statement did not get a lock, because another session holds the lock. The server has changed nothing.

    ``engines/base.py`` catches LockBusy, and tries the statement again.

    + code: SQLSTATE (PostgreSQL) or error number (MariaDB, MySQL)
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Interrupted(BaseException):
    """A signal (SIGINT, SIGTERM, SIGHUP) asked the run to stop. Exit status 128 + ``signum``.

    Interrupted is a BaseException, so that an ``except Exception`` does not catch it like the failure of a step.
    ``signals.py`` throws Interrupted into the greenlet of the run. During a stage, ``run/walk.py`` catches Interrupted
    and undoes the run. Outside of the stages, ``deploy.py`` catches Interrupted and exits with ``status``.

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
