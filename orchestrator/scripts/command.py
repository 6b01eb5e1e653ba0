"""Make the command that runs a fact's shell script, and parse the script's output."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra.api.command import QuoteString, StringCommand


def script(text: str, *arguments: str, seconds: int = 10) -> StringCommand:
    """Return the command that runs a shell script with arguments ($1, $2, ...).

    + text: text of a POSIX shell script. Pass values as ``arguments``; never insert values into the text.
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
    """Return key -> digest of each setting that provisioning applied on a host; None if the host does not tell.

    + said: what the host printed by ``provisioned.sh``, beside other lines
    """
    found = {key.removeprefix("set."): value for key, value in said.items() if key.startswith("set.")}
    return found or None
