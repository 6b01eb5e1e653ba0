"""Make the command that runs the shell script of a fact, and parse the output of the script."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra.api.command import QuoteString, StringCommand


def script(text: str, *arguments: str, seconds: int = 10) -> StringCommand:
    """Return the command that runs a shell script with arguments ($1, $2, ...).

    + text: text of a POSIX shell script. Pass values as ``arguments``; never insert values into the text.
    + arguments: the values of $1, $2, ..., without quotes: this function quotes them
    + seconds: seconds after which the script is killed
    """
    quoted = [QuoteString(argument) for argument in arguments]
    return StringCommand(
        "timeout", "-s", "KILL", str(seconds), "sh", "-c", QuoteString(text.strip()), "orchestrator", *quoted
    )


def pairs(output: list[str]) -> dict[str, str]:
    """Return the ``key=value`` lines of a script's output as a dict. Other lines are ignored."""
    return dict(line.split("=", 1) for line in output if "=" in line)


def digests(said: Mapping[str, str]) -> dict[str, str] | None:
    """Return the digests that provisioning recorded on a host: key of a setting -> digest of the applied value.

    Return None if the host has no record of digests.

    + said: the ``key=value`` lines that a script printed, as ``pairs`` returns them. The keys of the lines with digests
      begin with ``set.``
    """
    found = {key.removeprefix("set."): value for key, value in said.items() if key.startswith("set.")}
    return found or None
