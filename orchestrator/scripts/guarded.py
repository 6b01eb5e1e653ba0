"""Make the command that runs an operation's script through the guard of a host."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api.command import QuoteString, StringCommand


@dataclass(frozen=True)
class Guard:
    """The guard of a host. It takes the application's flock on the host, compares the fence, and runs the command.

    + script: path of the guard that provisioning installed
    + directory: directory that holds the files ``lock`` and ``fence``
    + fence: number of the run (grows with each run); the guard refuses an older run with status 75
    + seconds: whole seconds after which the command is killed
    + preempt: whether to end the command that holds the lock instead of waiting for it, as an undo does
    """

    script: str
    directory: str
    fence: int
    seconds: int
    preempt: bool = False


def guarded(script: str, arguments: list[str], guard: Guard | None) -> StringCommand:
    """Return the command that runs a shell script with arguments ($1, $2, ...), through the guard if one is given.

    + script: text of a POSIX shell script; values are passed as arguments, never in the text
    """
    quoted = [QuoteString(argument) for argument in arguments]
    run = ["sh", "-c", QuoteString(script.strip()), "orchestrator", *quoted]
    if guard is None:
        return StringCommand(*run)
    return StringCommand(
        *(["GUARD_PREEMPT=1"] if guard.preempt else []),
        QuoteString(guard.script),
        QuoteString(guard.directory),
        str(guard.fence),
        str(guard.seconds),
        *run,
    )
