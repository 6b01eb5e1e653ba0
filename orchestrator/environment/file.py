"""Read a dotenv file on the operator's machine, and expand variables in its values.

Programs that read dotenv files differ in the expressions that they expand. This module expands only expressions that
phpdotenv, Symfony's Dotenv and python-dotenv all expand to the same value, and refuses values that they read
differently (docs/building.md has the table). The release's environment file then has plain values, which all programs
read alike, including systemd, which expands nothing.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config.environment import NAME
from orchestrator.config.form import shown
from orchestrator.errors import UsageError

DOLLAR = re.compile(rf"(?P<escape>\\+)?\$(?:\{{(?P<name>{NAME})\}}|(?P<other>[A-Za-z_({{]))?")
"""A dollar sign in a value, with the backslashes before it and the part behind it that may give it a meaning."""

REPLACED = re.compile(r"\$\{[^}:]*(?::-[^}]*)?\}")
"""A part of a value that python-dotenv always replaces: no quotes and no escapes prevent this.

In single quotes, shells, phpdotenv and Symfony's Dotenv replace nothing.
"""


@dataclass(frozen=True)
class Line:
    """A variable in a dotenv file.

    + value: the value, without quotes and with its escapes resolved
    + raw: the value with its quotes and escapes, as in the file
    + where: number of the line and path of the file, for messages
    """

    key: str
    value: str
    raw: str
    where: str

    @property
    def literal(self) -> bool:
        """Whether the value is in single quotes. There, only python-dotenv replaces variables."""
        return self.raw.startswith("'")


def lines(file: str, keys: Sequence[str]) -> list[Line]:
    """Return the variables in a dotenv file, in the order of the file.

    + file: path of the file on the operator's machine
    + keys: names of the variables that will be used; empty if all variables will be used

    Raises UsageError in these cases: the file cannot be read, a line is not KEY=VALUE, the file lacks one of ``keys``,
    or a name cannot be the name of a variable.
    """
    # imported here, because only settings with ``environment.file`` need it
    from dotenv.parser import parse_stream

    path = Path(file).expanduser()
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"settings: environment.file: {path} cannot be read ({error})") from None
    found = []
    for binding in parse_stream(io.StringIO(content)):
        where = f"line {binding.original.line} of {path}"
        if binding.error:
            raise UsageError(f"settings: environment.file: {where} is not KEY=VALUE")
        if binding.key is None:
            continue
        if not keys and not re.fullmatch(NAME, binding.key):
            raise UsageError(
                f"settings: environment.file: {where}: {shown(binding.key)} cannot be the name of a variable: use "
                "letters, digits and _, without a digit at the beginning"
            )
        raw = binding.original.string.partition("=")[2].lstrip()
        found.append(Line(binding.key, binding.value or "", raw, where))
    if missing := [key for key in keys if key not in {line.key for line in found}]:
        raise UsageError(
            f"settings: environment.keys: {path} has no {', '.join(missing)}: add the variables to the file, or "
            "remove the names"
        )
    return found


def expanded(found: Iterable[Line], keys: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """Return name -> value of the variables in a dotenv file, with ``${NAME}`` replaced by the value of NAME.

    + found: the variables in the file, in the order of the file
    + keys: names of the variables that are used; empty if all variables are used
    + given: name -> value of variables that win over the file, such as the output of ``environment.commands``. A value
      in the file may refer to them, and gets these values

    Raises UsageError if readers of dotenv files do not agree on a value that is used. The message names the variable,
    but shows no part of the value.
    """
    known: dict[str, str] = {}
    problems: dict[str, str] = {}
    for line in found:
        problem = _problem(line, {**known, **given})
        problems.pop(line.key, None)
        if problem:
            problems[line.key] = f"settings: environment.file: {line.where}: {line.key} {problem}"
        known[line.key] = line.value if line.literal or problem else _filled(line.value, {**known, **given})
    used = [key for key in known if not keys or key in keys]
    if wrong := [problems[key] for key in used if key in problems and key not in given]:
        raise UsageError("; ".join(wrong))
    return {key: known[key] for key in used}


def _problem(line: Line, known: Mapping[str, str]) -> str | None:
    """Return why programs read a value differently; None if all read the same value.

    + known: the variables that are defined in earlier lines or elsewhere
    """
    if line.literal:
        replaced = "has a ${...} in single quotes, which only python-dotenv replaces: encode the value (base64)"
        return replaced if REPLACED.search(line.value) else None
    literal = "encode the value (base64)" if REPLACED.search(line.value) else "put the whole value in single quotes"
    quotes = f"or, if the $ is meant literally, {literal}"
    if re.search(r"\\\$", line.raw):
        return f"has a backslash before a $, which programs read differently: {literal}"
    for dollar in DOLLAR.finditer(line.value):
        if dollar["other"] == "{":
            return f"has a ${{ that does not begin ${{NAME}}; programs read it differently: write ${{NAME}}, {quotes}"
        if dollar["other"] == "(":
            return "has a $(, for which some programs run a command: use environment.commands, " + quotes
        if dollar["other"]:
            return f"has a $ before a name, which only some programs expand: write ${{NAME}}, {quotes}"
        if dollar["name"] and dollar["name"] not in known:
            return (
                "refers to a variable by ${...} that is defined neither in an earlier line of the file, nor in "
                f"environment.commands or environment.values: define the variable, {quotes}"
            )
    return None


def _filled(value: str, known: Mapping[str, str]) -> str:
    return DOLLAR.sub(lambda dollar: known[dollar["name"]] if dollar["name"] else dollar[0], value)
