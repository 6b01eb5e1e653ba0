"""Send requests to a color, on its own node or from a balancer, and read which code the color's processes run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from orchestrator.scripts.command import pairs, script
from orchestrator.scripts.files import read

COLOR = read("facts/color_answers.sh")
MEMBERS = read("facts/member_answers.sh")


def forwarded(https: bool) -> str:
    """Return the value of the header X-Forwarded-Proto in requests; empty if requests do not have this header."""
    return "https" if https else ""


@dataclass(frozen=True)
class Answer:
    """An answer to one request.

    + status: HTTP status; 0 if there was no answer
    + release: release id in the marker of the answer; None if the answer has no marker
    """

    status: int
    release: str | None

    @classmethod
    def read(cls, text: str) -> Answer:
        status, release = text.split()
        return cls(int(status), None if release == "-" else release)

    @override
    def __str__(self) -> str:
        if not self.status:
            return "no answer"
        return f"status {self.status}" + (f" from {self.release}" if self.release else " without a release marker")


@dataclass(frozen=True)
class ColorSaid:
    """The answers of a color on its own node, the recorded start of the color, and the code that it runs.

    + answers: the answers in order. After the first answer with a status other than 200, no more requests are sent.
    + started: release id and time (epoch seconds) that were recorded when the color started; None if there is no record
    + code: JSON that the command ``code`` printed; None if it printed no JSON
    """

    answers: tuple[Answer, ...]
    started: tuple[str, int] | None
    code: dict[str, Any] | None


class ColorAnswers(FactBase[ColorSaid | None]):
    """
    Sends requests to a color on its own node and returns the answers.

    The caller passes the probe token in pyinfra's argument ``_stdin``, because every user can read a command line.

    + root: directory of the application
    + color: the color
    + port: the color's port
    + path: path of the health page
    + hostname: Host header
    + count: number of requests, one after the other
    + code: shell command that prints, as its last line, JSON about the code that the color's processes run; empty for
      no command
    + https: whether requests have the header X-Forwarded-Proto: https
    """

    @override
    def command(
        self,
        root: str,
        color: str,
        port: int,
        path: str,
        hostname: str,
        count: int,
        code: str,
        https: bool = False,
    ) -> StringCommand:
        started = f"{root}/{color}/started"
        return script(COLOR, path, hostname, forwarded(https), str(port), str(count), started, code, seconds=60)

    @override
    def process(self, output: list[str]) -> ColorSaid:
        said = pairs(output)
        started = said.get("started", "").split()
        code = said.get("code", "")
        return ColorSaid(
            answers=tuple(Answer.read(said[key]) for key in said if key.startswith("answer.")),
            started=(started[0], int(started[1])) if len(started) == 2 else None,
            code=json.loads(code) if code.startswith("{") else None,
        )


@dataclass(frozen=True)
class Member:
    """The answers of a node to requests from a balancer.

    + answer: answer of the color that was asked
    + other: answer of the other color; None if the other color was not asked, because the first color answered
    """

    answer: Answer
    other: Answer | None


class MemberAnswers(FactBase[dict[str, Member]]):
    """
    Sends a request from this balancer to a color on each node, and returns node -> answers.

    If a node gives no answer, also sends a request to the other color of that node. The caller passes the probe token
    in pyinfra's argument ``_stdin``, because every user can read a command line.

    + port: port of the color
    + other: port of the other color
    + path: path of the health page
    + hostname: Host header
    + members: ``<node>=<address>`` for each node
    + https: whether requests have the header X-Forwarded-Proto: https
    """

    @override
    def command(
        self, port: int, other: int, path: str, hostname: str, members: list[str], https: bool = False
    ) -> StringCommand:
        return script(MEMBERS, path, hostname, forwarded(https), str(port), str(other), *members, seconds=20)

    @override
    def process(self, output: list[str]) -> dict[str, Member]:
        found = {}
        for name, text in pairs(output).items():
            status, release, other_status, other_release = text.split()
            other = None if other_status == "-" else Answer.read(f"{other_status} {other_release}")
            found[name] = Member(Answer.read(f"{status} {release}"), other)
        return found

    @staticmethod
    @override
    def default() -> dict[str, Member]:
        return {}
