"""Makes the command that runs the script of an operation through the guard of a place."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api.command import QuoteString, StringCommand


@dataclass(frozen=True)
class Guard:
    """The guard of a place. It takes the application's flock there, compares the fence, and runs the command.

    + script: path of the guard that provisioning installed
    + directory: directory with ``lock`` and ``fence``
    + fence: number of the run; the guard refuses an older run with status 75
    + seconds: whole seconds after which the command is killed
    + preempt: end the command that holds the lock instead of waiting for it, as an undo does
    """

    script: str
    directory: str
    fence: int
    seconds: int
    preempt: bool = False


def guarded(script: str, arguments: list[str], guard: Guard | None) -> StringCommand:
    """The command that runs a shell script with arguments ($1, $2, ...), through the guard if there is one.

    + script: text of a POSIX shell script; values are arguments, never part of the text
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
