"""Make the command that runs the shell script of a fact, and parse the output of the script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pyinfra.api.command import QuoteString, StringCommand

from orchestrator.errors import Unclear

T = TypeVar("T")


class Shared(StringCommand):
    """A command that may share an SSH session with other commands, because it leaves no process behind.

    A command that runs code of the application, such as a build step or a hook, is not of this class: its processes may
    live on, and could write into the answer of a later command.
    """


class Question(Shared):
    """The command of a fact. If the command fails, the host gave no answer.

    `Connection` raises Silent then. pyinfra alone would return the default value of the fact, such as an empty list.

    + limit: seconds after which the command kills itself; 0 without a limit
    """

    limit = 0


def script(text: str, *arguments: str, seconds: int = 10) -> Shared:
    """Return the command that runs a shell script with arguments ($1, $2, ...).

    + text: text of a POSIX shell script. Pass values as ``arguments``; never insert values into the text.
    + arguments: the values of $1, $2, ..., without quotes: this function quotes them
    + seconds: seconds after which the script is killed
    """
    quoted = [QuoteString(argument) for argument in arguments]
    return Shared("timeout", "-s", "KILL", str(seconds), "sh", "-c", QuoteString(text.strip()), "orchestrator", *quoted)


BY = """
with_rights_of() {
by=
while read -r key _ by _; do [ "$key" != Uid: ] || break; by=; done 2>/dev/null </proc/self/status
if [ "${by:-0}" = 0 ] && id -- "$1" >/dev/null 2>&1; then runuser -u "$@"; else shift 2; "$@"; fi
}
with_rights_of
""".strip()
"""Runs a command with the rights of a user, if root asks and the user exists. Arguments: ``<user> -- <command>``.

This is a function of the shell that runs the whole command, because a shell of its own would be one more process. The
function reads the effective user id from /proc, because the program ``id`` would be one more process, too. If the id is
unknown, the command counts as root's.
"""


def question(text: str, *arguments: str, seconds: int = 10, user: str = "") -> Question:
    """Return the command that runs the shell script of a fact. The other arguments are those of `script`.

    + user: if root asks, as in a provisioning, the script runs with the rights of this user; empty for root's rights.
      Root must not read a file below a directory that the user can change: the user could put a symlink there, and
      error messages would show lines of any file. If the user does not exist, as on a new host, root runs the script.
    """
    by = [BY, QuoteString(user), "--"] if user else []
    made = Question(*by, script(text, *arguments, seconds=seconds))
    made.limit = seconds
    return made


def pairs(output: list[str]) -> dict[str, str]:
    """Return the ``key=value`` lines of a script's output as a dict. Other lines are ignored."""
    return dict(line.split("=", 1) for line in output if "=" in line)


GARBLED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""The exceptions that a parser may raise if a text is not what the parser expects."""


def understood(parse: Callable[[list[str]], T], output: Sequence[str]) -> T:
    """Return the parsed answer of a host. Raises Unclear if the answer cannot be parsed.

    + parse: function that parses the answer, and raises one of the exceptions in GARBLED if the answer cannot be parsed
    + output: the lines of the answer
    """
    try:
        return parse(list(output))
    except GARBLED:
        raise Unclear(" ".join(output)) from None


def number(said: Mapping[str, str], key: str) -> int:
    """Return the whole number that a script printed for a key; 0 if the script printed nothing for the key.

    Raises KeyError if the line is missing, and Unclear if the line has no number.

    + said: the ``key=value`` lines that the script printed, as ``pairs`` returns them
    """
    try:
        return int(said[key] or 0)
    except ValueError:
        raise Unclear(f"{key}={said[key]}") from None


def digests(said: Mapping[str, str]) -> dict[str, str] | None:
    """Return the digests that provisioning recorded on a host: key of a setting -> digest of the applied value.

    Return None if the host has no record of digests.

    + said: the ``key=value`` lines that a script printed, as ``pairs`` returns them. The keys of the lines with digests
      begin with ``set.``
    """
    found = {key.removeprefix("set."): value for key, value in said.items() if key.startswith("set.")}
    return found or None
