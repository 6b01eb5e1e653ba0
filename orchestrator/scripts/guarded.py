"""Make the command with which the guard of a host runs the shell script of an operation."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api.command import QuoteString, StringCommand

from orchestrator.scripts.command import Shared


@dataclass(frozen=True)
class Guard:
    """The arguments for the guard of a host.

    The guard is a script on the host. It runs the commands with which a run changes the host. For each command, the
    guard first takes the application's lock on the host (flock). If the host has already got a command of a newer run,
    the guard refuses the command and ends with status 75. Otherwise the guard runs the command.

    + script: path of the guard, which provisioning installed
    + directory: directory that holds the guard's files ``lock`` and ``fence``
    + fence: number of the run that sends the command. Each run has a higher number than the run before.
    + seconds: whole seconds after which the guard kills the command
    + preempt: if another command holds the lock, True makes the guard kill that command, and False makes the guard wait
      until that command ends. Only the first commands of a run use True, to end commands that a killed run left behind.
    """

    script: str
    directory: str
    fence: int
    seconds: int
    preempt: bool = False


def guarded(script: str, arguments: list[str], guard: Guard | None, alone: bool = False) -> StringCommand:
    """Return the command that runs a shell script with arguments ($1, $2, ...).

    + script: text of a POSIX shell script. Pass values as ``arguments``; never insert values into the text.
    + arguments: the values of $1, $2, ..., without quotes: this function quotes them
    + guard: guard that runs the script on the host; None to run the script directly
    + alone: whether the command needs a separate SSH session, because processes of the script may live on
    """
    kind = StringCommand if alone else Shared
    quoted = [QuoteString(argument) for argument in arguments]
    run = ["sh", "-c", QuoteString(script.strip()), "orchestrator", *quoted]
    if guard is None:
        return kind(*run)
    return kind(
        *(["GUARD_PREEMPT=1"] if guard.preempt else []),
        QuoteString(guard.script),
        QuoteString(guard.directory),
        str(guard.fence),
        str(guard.seconds),
        *run,
    )


def as_user(user: str | None, command: StringCommand) -> StringCommand:
    """Return a command that runs ``command`` as a user, with the rights of this user only.

    Root must not change a path below a directory that another user can change: this user could put a symlink there, and
    root would follow the symlink. Therefore provisioning runs each command that changes such a path as the user who can
    change the directory.

    + user: name of the user; None for the user who logs in
    """
    # env, because a command may begin with an environment variable
    return command if user is None else StringCommand("runuser", "-u", QuoteString(user), "--", "env", command)


def removed_by(user: str, path: str) -> StringCommand:
    """Return a command that removes a file or symlink with the rights of a user, as `as_user` explains.

    If there is nothing at the path, the command does nothing. Then the user need not exist, as on a new host.

    + user: name of the user who owns the directory of the file
    + path: path of the file or symlink
    """
    text = '{ [ ! -e "$2" ] && [ ! -L "$2" ]; } || exec runuser -u "$1" -- rm -f -- "$2"'
    return guarded(text, [user, path], None)
