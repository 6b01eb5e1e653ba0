"""Make the command that runs a fact's script."""

from __future__ import annotations

from pyinfra.api.command import QuoteString, StringCommand


def script(text: str, *arguments: str, seconds: int = 10) -> StringCommand:
    """Return the command that runs a shell script with arguments ($1, $2, ...).

    + text: text of a POSIX shell script; values are passed as arguments, never in the text
    + seconds: seconds after which the script is killed
    """
    quoted = [QuoteString(argument) for argument in arguments]
    return StringCommand(
        "timeout", "-s", "KILL", str(seconds), "sh", "-c", QuoteString(text.strip()), "orchestrator", *quoted
    )


def pairs(output: list[str]) -> dict[str, str]:
    """Parse the ``key=value`` lines of a script's output."""
    return dict(line.split("=", 1) for line in output if "=" in line)
