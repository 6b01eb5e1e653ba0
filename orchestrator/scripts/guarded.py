"""Make the command that runs an operation's shell script through the guard of a host."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api.command import QuoteString, StringCommand


@dataclass(frozen=True)
class Guard:
    """How to call the guard of a host: the script through which every changing command of a run goes.

    The guard takes the application's lock on the host (flock). If the host has seen a newer run, the guard refuses the
    command with status 75. Otherwise the guard runs the command.

    + script: path of the guard that provisioning installed
    + directory: directory that holds the guard's files ``lock`` and ``fence``
    + fence: number of the run that sends the command. Each run has a higher number than the run before.
    + seconds: whole seconds after which the guard kills the command
    + preempt: whether the guard kills a command that holds the lock, instead of waiting until the command ends. A new
      run sets this only at its beginning, to end commands that a killed run left behind.
    """

    script: str
    directory: str
    fence: int
    seconds: int
    preempt: bool = False


def guarded(script: str, arguments: list[str], guard: Guard | None) -> StringCommand:
    """Return the command that runs a shell script with arguments ($1, $2, ...).

    + script: text of a POSIX shell script. Pass values as ``arguments``; never insert values into the text.
    + guard: guard that runs the script on the host; None to run the script directly
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
