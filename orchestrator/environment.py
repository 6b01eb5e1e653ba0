"""The values of a release's environment, read on the operator's machine and written as a dotenv file."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from orchestrator import local
from orchestrator.config.environment import Environment
from orchestrator.errors import OrchestratorError, Refused, TookTooLong, UsageError
from orchestrator.mask import Mask


class Variables:
    """The environment's values.

    They are read only once, so that every node gets the same, and are hidden from then on.
    """

    def __init__(self, asked: Environment | None, mask: Mask) -> None:
        self._asked = asked
        self._mask = mask
        self._found: dict[str, str] | None = None

    def read(self) -> Mapping[str, str]:
        """Return the values; empty if the settings ask for none.

        Raises OrchestratorError, whose message shows no known value.
        """
        if self._found is None:
            try:
                self._found = values(self._asked, self._mask.add) if self._asked else {}
            except OrchestratorError as error:
                raise type(error)(self._mask.hide(str(error))) from None
        return self._found


def values(asked: Environment, hide: Callable[[Iterable[str]], None]) -> dict[str, str]:
    """Return all variables: from the file, then the commands, then the settings. A later value replaces an earlier one.

    + hide: called with each value before any other step can fail

    Raises UsageError if the file is missing or has a line that is not dotenv syntax, Refused if a command fails.
    """
    found = _of_file(asked) if asked.file else {}
    hide(found.values())
    for key, command in asked.commands.items():
        found[key] = _said(key, command, asked.deadline)
        hide([found[key]])
    found |= {key: value.get_secret_value() for key, value in asked.values.items()}
    if not found:
        raise UsageError("settings: environment has no variables (file, commands, values)")
    return found


def text(variables: Mapping[str, str]) -> str:
    """Write variables as a dotenv file that shells, phpdotenv, Symfony's Dotenv and python-dotenv read alike.

    Raises UsageError if a value cannot be written in such a way. The message names the key and shows no value.
    """
    return "".join(f"{key}={_quoted(key, value)}\n" for key, value in variables.items())


def _quoted(key: str, value: str) -> str:
    if "\0" in value:
        raise UsageError(f"environment: {key} has a NUL, which no environment can hold")
    if re.fullmatch(r"[A-Za-z0-9_./:@%+,-]*", value):
        return value
    # single quotes are literal, with two exceptions: python-dotenv treats some backslashes as escapes, and phpdotenv
    # may take such a line for the first of several lines
    if not re.search(r"['\n\r]|\\\\|\\\Z", value) and not _looks_open(f"='{value}'"):
        return f"'{value}'"
    if wrong := _no_way(value):
        raise UsageError(
            f"environment: {key} has {wrong}, which shells, phpdotenv and python-dotenv do not read alike however "
            "it is written: give it encoded (base64)"
        )
    return '"' + re.sub(r'([\\"])', r"\\\1", value) + '"'


def _no_way(value: str) -> str:
    """Return the part of a value that double quotes cannot hold.

    Only backslash and double quote are escaped alike by all readers.
    """
    if "\r" in value:
        return "a carriage return"
    if "`" in value:
        return "a backtick beside a single quote, a line break or a backslash"
    # if one of these characters follows the $, no reader takes the $ for the beginning of a variable name
    if re.search(r"\$(?![\s.,;/%+=~^)>|&\]]|\Z)", value):
        return "a $ beside a single quote, a line break or a backslash"
    return "a last line of nothing but backslashes" if re.search(r"\n\\+\Z", value) else ""


def _looks_open(line: str) -> bool:
    """Say whether phpdotenv takes the next line for a continuation of this line."""
    return '="' in line and len(re.findall(r'(?=[^\\]")', line.replace("\\\\", ""))) < 2


def _of_file(asked: Environment) -> dict[str, str]:
    # imported here, since only releases with an environment file need it
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    path = Path(str(asked.file)).expanduser()
    try:
        content = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"settings: environment.file: {path} cannot be read ({error})") from None
    for binding in parse_stream(io.StringIO(content)):
        if binding.error:
            raise UsageError(f"settings: environment.file: line {binding.original.line} of {path} is not KEY=VALUE")
    found = {key: value or "" for key, value in dotenv_values(stream=io.StringIO(content), interpolate=False).items()}
    if missing := [key for key in asked.keys if key not in found]:
        raise UsageError(f"settings: environment.keys: {path} has no {', '.join(missing)}")
    return {key: found[key] for key in asked.keys} if asked.keys else found


def _said(key: str, command: str, seconds: float) -> str:
    """Return the output of a command.

    The output is a secret, so an error shows only the last line of standard error.
    """
    try:
        done = local.run(command, seconds)
    except TookTooLong:
        raise Refused(f"environment: the command of {key} took longer than {seconds:g} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        last = f": {said[-1]}" if said else ""
        raise Refused(f"environment: the command of {key} ended with status {done.returncode}{last}")
    value = done.stdout.removesuffix("\n")
    if not value:
        raise Refused(f"environment: the command of {key} printed nothing")
    return value
