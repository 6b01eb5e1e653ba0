"""The ways in which programs write a secret: for tests that look for a secret in output."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import subprocess
from collections.abc import Callable
from urllib.parse import quote, quote_plus

SECRET = "pa/ss+w\"o'r\\d%1 x\nsec&ond/li+ne\\0 w7ich1s5ong3nough4base64tneedtw0lines-x9q2v8k4j6"
"""A secret with every character that some encoding changes, and with two lines, which base64 writes in two lines.

No nine characters of the secret are ordinary words, because the comments of scripts have ordinary words.
"""


def printf_q(secret: str) -> str:
    """The text as ``printf %q`` of bash prints it."""
    return subprocess.run(["bash", "-c", 'printf %q "$1"', "x", secret], capture_output=True, text=True).stdout


def in_base64(before: str) -> Callable[[str], str]:
    """Base64 of a text in which the secret stands behind another text, as in the header Authorization."""
    return lambda secret: base64.b64encode((before + secret).encode()).decode()


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in single quotes of a shell": shlex.quote,
    "in double quotes of a shell": lambda secret: '"' + secret.replace("\\", "\\\\").replace('"', '\\"') + '"',
    "printf %q": printf_q,
    "JSON": json.dumps,
    "JSON of PHP": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)),
    "a string of Python": repr,
    "in a URL": lambda secret: quote(secret, safe=""),
    "in a query": quote_plus,
    "percent-encoded in lower case": lambda secret: re.sub("%..", lambda code: code[0].lower(), quote(secret)),
    "base64": in_base64(""),
    "base64 behind one byte": in_base64(":"),
    "base64 behind a user": in_base64("user:"),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "base64 in lines": lambda secret: base64.encodebytes(secret.encode()).decode(),
    "hexadecimal": lambda secret: secret.encode().hex(),
    "HTML": html.escape,
}
"""Name of an encoding -> function that writes a secret in this encoding."""


def shown(text: str, written: str, length: int = 9) -> list[str]:
    """The parts of an encoded secret that a text shows, each with this number of characters.

    + text: output, in which the secret should be hidden
    + written: the encoded secret, and nothing else
    """
    parts = {line[at : at + length] for line in written.splitlines() for at in range(len(line) - length + 1)}
    return sorted(part for part in parts if part in text)
