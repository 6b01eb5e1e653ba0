"""Read shell scripts from the files of the package ``orchestrator``."""

from __future__ import annotations

import posixpath
import re
from functools import cache
from importlib.resources import files
from shlex import quote

HEADER = re.compile(r"\A(?:#(?!!).*\n)+\n*")
"""Matches the comment at the top of a script. Hosts get the script without this comment."""
INCLUDE = re.compile(r"^\. (\S+)$", re.MULTILINE)
"""Matches a line with which a script includes another file, such as ``. ../scripts/apart.sh``."""


@cache
def read(name: str) -> str:
    """Return the text of a script, without the comment at its top, and with the text of the files that it includes.

    + name: path of the script in the package ``orchestrator``, such as ``operations/build.sh``

    A line such as ``. ../scripts/apart.sh`` includes a file: this function replaces the line by the text of the file.
    The path in the line is relative to the directory of the script.
    """
    folder = posixpath.dirname(name)
    text = files("orchestrator").joinpath(name).read_text(encoding="utf-8")
    text = HEADER.sub("", text).strip()
    return INCLUDE.sub(lambda line: read(posixpath.normpath(f"{folder}/{line[1]}")), text)


def assign(script: str, **values: str) -> str:
    """Return the text of a script, after a new first line that assigns values to shell variables.

    + script: text of a POSIX shell script that uses the variables
    + values: name of a variable -> value, without quotes: this function quotes the values
    """
    return " ".join(f"{name}={quote(value)}" for name, value in values.items()) + f"\n{script}"
