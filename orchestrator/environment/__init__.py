"""Read the environment variables of the application on the operator's machine, and make the text of a dotenv file.

The section ``environment`` of the settings names the sources of the variables: a file, commands, and values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from orchestrator import local
from orchestrator.config.environment import Environment
from orchestrator.environment import file
from orchestrator.errors import OrchestratorError, Refused, TookTooLong, UsageError
from orchestrator.mask import Mask

UNKNOWN = "\0unknown\0"
"""Stands for the output of a command that was not run. A dotenv file cannot contain this text."""


class Variables:
    """The environment variables of the application, which a release writes into its environment file.

    The variables are read only once, so that every node gets the same values. As soon as a value is read, this class
    adds the value to the mask. The mask hides secrets in all output.

    + asked: the section ``environment`` of the settings; None if the settings have no such section
    """

    def __init__(self, asked: Environment | None, mask: Mask) -> None:
        self._asked = asked
        self._mask = mask
        self._found: dict[str, str] | None = None

    def read(self) -> Mapping[str, str]:
        """Return name -> value of all variables; empty if the settings have no section ``environment``.

        Raises UsageError or Refused if the variables cannot be read. In the message, the mask hides the values that
        were already read.
        """
        if self._found is None:
            try:
                self._found = values(self._asked, self._mask.add) if self._asked else {}
            except OrchestratorError as error:
                raise type(error)(self._mask.hide(str(error))) from None
        return self._found

    def without_commands(self) -> tuple[Mapping[str, str], frozenset[str]]:
        """Read the variables, but run no command. Return name -> value of all variables that need no command.

        The second value has the names of the other variables. Raises UsageError if the file cannot be read.
        """
        if self._found is not None:
            return self._found, frozenset()
        if self._asked is None:
            return {}, frozenset()
        commands = self._asked.commands
        known = values(self._asked, self._mask.add, dict.fromkeys(commands, UNKNOWN)) if commands else self.read()
        needing = frozenset(name for name, value in known.items() if UNKNOWN in value)
        return {name: value for name, value in known.items() if name not in needing}, needing


def values(
    asked: Environment, hide: Callable[[Iterable[str]], None], printed: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Read the file and run the commands, and return name -> value of all variables.

    If a variable has several values, the value in the settings wins over the output of a command, and the output of a
    command wins over the file. A value in the file may refer to other variables by ``${NAME}``.

    + asked: the section ``environment`` of the settings
    + hide: hides values in all later messages. This function calls ``hide`` with the values of the file, and with the
      output of each command, as soon as they are read. The caller must already hide the values in the settings.
    + printed: name of each variable in ``environment.commands`` -> its value; None to run the commands

    Raises UsageError in these cases: there are no variables, the file cannot be read, a line of the file is not
    KEY=VALUE, a name cannot be the name of a variable, the file lacks a key of ``environment.keys``, or programs that
    read dotenv files read a value differently. Raises Refused if a command fails, prints nothing or takes too long.
    """
    lines = file.lines(asked.file, asked.keys) if asked.file else []
    hide(line.value for line in lines)
    given = dict(printed or {})
    for key, command in asked.commands.items() if printed is None else ():
        given[key] = _said(key, command, asked.deadline)
        hide([given[key]])
    given |= {key: value.get_secret_value() for key, value in asked.values.items()}
    found = file.expanded(lines, asked.keys, given)
    hide(found.values())
    found |= given
    if not found:
        raise UsageError(
            "settings: environment: there are no variables: set environment.file, environment.commands or "
            "environment.values, or remove environment"
        )
    return found


def text(variables: Mapping[str, str]) -> str:
    """Return the content of a dotenv file. Shells and dotenv libraries all read the same values from this content.

    The libraries are phpdotenv, Symfony's Dotenv and python-dotenv. Raises UsageError if a value has a NUL character.
    Also raises UsageError if no way of quoting makes shells and libraries read the same value. For example,
    python-dotenv replaces ``${NAME}`` even in single quotes. The message names the variable, but does not show the
    value.

    + variables: name -> value
    """
    return "".join(f"{key}={_quoted(key, value)}\n" for key, value in variables.items())


def _quoted(key: str, value: str) -> str:
    if "\0" in value:
        raise UsageError(
            f"environment: {key} has a NUL character, which an environment cannot contain: encode the value (base64)"
        )
    if re.fullmatch(r"[A-Za-z0-9_./:@%+,-]*", value):
        return value
    replaced = file.REPLACED.search(value)
    # text in single quotes is literal, with three exceptions: python-dotenv replaces ${...} in any quotes, and reads
    # some backslashes as escapes, and phpdotenv may read the next line as a continuation of this line
    if not replaced and not re.search(r"['\n\r]|\\\\|\\\Z", value) and not _looks_open(f"='{value}'"):
        return f"'{value}'"
    if wrong := "a ${...}" if replaced else _no_way(value):
        raise UsageError(
            f"environment: {key} has {wrong}, and no quotes make shells, phpdotenv and python-dotenv read the same "
            "value: encode the value (base64)"
        )
    return '"' + re.sub(r'([\\"])', r"\\\1", value) + '"'


def _no_way(value: str) -> str:
    """Name the part of a value that rules out double quotes, such as "a carriage return"; empty if there is none.

    In double quotes, shells and libraries agree about only two escapes: the escape of a backslash and the escape of a
    double quote. Therefore no other special character can be escaped.
    """
    if "\r" in value:
        return "a carriage return"
    if "`" in value:
        return "a backtick beside a single quote, a line break or a backslash"
    # if one of these characters follows the $, no shell or library reads the $ as the beginning of a variable's name
    if re.search(r"\$(?![\s.,;/%+=~^)>|&\]]|\Z)", value):
        return "a $ beside a single quote, a line break or a backslash"
    return "a last line that has only backslashes" if re.search(r"\n\\+\Z", value) else ""


def _looks_open(line: str) -> bool:
    """Return whether phpdotenv finds an open double quote in a line, and therefore joins the next line to this line.

    + line: one line of a dotenv file
    """
    return '="' in line and len(re.findall(r'(?=[^\\]")', line.replace("\\\\", ""))) < 2


def _said(key: str, command: str, seconds: float) -> str:
    """Run the command of a variable on the operator's machine, and return the output without its last line break.

    The output is a secret, so an error message shows only the last line of standard error. Raises Refused if the
    command fails, prints nothing, or takes longer than ``seconds``.

    + key: the name of the variable
    """
    try:
        done = local.run(command, seconds)
    except TookTooLong:
        raise Refused(
            f"environment: the command of {key} took longer than {seconds:g} s: correct the command, or raise "
            "environment.deadline"
        ) from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        last = f": {said[-1]}" if said else ""
        raise Refused(f"environment: the command of {key} ended with status {done.returncode}{last}")
    value = done.stdout.removesuffix("\n")
    if not value:
        raise Refused(f"environment: the command of {key} printed nothing: correct the command")
    return value
