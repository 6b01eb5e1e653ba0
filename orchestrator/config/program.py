"""Check the commands of workers and services, which must be one program with its arguments. Pure."""

from __future__ import annotations

import re

QUOTED = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)
"""A character or a text that the shell takes literally, or as a part of one word."""

INNER = re.compile(r"`[^`]*`|\$?\([^()]*\)|\$\{[^{}]*\}")
"""A command or a variable whose value the shell puts into a word, without another one inside."""


def not_one_program(command: str) -> str | None:
    """Return why a shell command is not one program with its arguments; None if it is one program.

    systemd sends the signals of a stop to the process that it has started. Therefore the shell gives this process to
    the program of the command (``exec``), and would run only the first one of several commands.
    """
    bare, former = QUOTED.sub("x", command), ""
    while bare != former:
        bare, former = INNER.sub("x", bare), bare
    bare = re.sub(r"(^|\s)#.*", "", bare).rstrip("; ")
    if found := re.search(r"&&|\|\||;", bare):
        return (
            f"the command must be one program with its arguments, but has {found[0]}: write the commands into a script "
            "of the release, and name the script"
        )
    if found := re.match(r"\s*([A-Za-z_]\w*)=", bare):
        return f"the command begins with the variable {found[1]}: begin the command with env, as in env {found[1]}=..."
    return None
