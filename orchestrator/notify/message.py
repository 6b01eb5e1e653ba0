"""The messages that the parent process and the sending process exchange, as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Mood = Literal["info", "success", "warning", "failure"]
"""The kinds of messages that Apprise knows. Chats show them in different colors."""

PATIENCE = 5.0
"""Seconds after which a message is given up.

The sending process counts from the arrival of the message. The parent process counts from the end of the run.
"""

ATTEMPTS = 3
"""The largest number of times that a message is sent to a target, if the target refuses the message."""


@dataclass(frozen=True)
class Target:
    """A target of messages.

    + name: the target's name in warnings, which contains no secret, such as ``env:SLACK_ENDPOINT``
    + url: the URL of the target, with its token
    """

    name: str
    url: str


@dataclass(frozen=True)
class Message:
    """One message to one target.

    + target: the index of the target
    + title: the first line
    + body: the text, which may have several lines
    """

    target: int
    title: str
    body: str
    mood: Mood = "info"

    def to_line(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_line(cls, line: str) -> Message:
        return cls(**json.loads(line))


def targets_line(targets: list[Target]) -> str:
    """Return the first line for the sending process, which names the targets."""
    return json.dumps([asdict(target) for target in targets])


def targets_of(line: str) -> list[Target]:
    """Return the targets that the first line of the sending process's standard input names (see `targets_line`)."""
    return [Target(**one) for one in json.loads(line)]


def outcome(line: str) -> Mapping[str, Any]:
    """Read a line that the sending process has printed after a message. Returns a mapping with two keys.

    ``number`` is the number of the message, counted from 0. ``problem`` is a text, or empty if there was no problem.

    Raises ValueError if the line is incomplete, because the sending process was killed while it printed the line.
    """
    found = json.loads(line)
    if not isinstance(found, dict) or not {"number", "problem"} <= found.keys():
        raise ValueError(line)
    return found
