"""Read shell scripts from the files of this package."""

from __future__ import annotations

import posixpath
import re
from functools import cache
from importlib.resources import files
from shlex import quote

HEADER = re.compile(r"\A(?:#(?!!).*\n)+\n*")
"""Matches the comment at the top of a script. That comment is for readers of the file, and is not sent to hosts."""
INCLUDE = re.compile(r"^\. (\S+)$", re.MULTILINE)


@cache
def read(name: str) -> str:
    """Return the text of a script, without the comment at its top, and with the fragments that the script includes.

    + name: path in this package, such as ``operations/build.sh``

    A line such as ``. ../scripts/apart.sh`` includes a fragment: the line is replaced by the text of that file. The
    path is relative to the script's directory, as in shellcheck.
    """
    folder = posixpath.dirname(name)
    text = files("orchestrator").joinpath(name).read_text(encoding="utf-8")
    text = HEADER.sub("", text).strip()
    return INCLUDE.sub(lambda line: read(posixpath.normpath(f"{folder}/{line[1]}")), text)


def assign(script: str, **values: str) -> str:
    """Return the script with a first line that assigns these values to shell variables.

    + script: text of a POSIX shell script that uses the variables
    + values: variable -> value; this function quotes the values
    """
    return " ".join(f"{name}={quote(value)}" for name, value in values.items()) + f"\n{script}"
