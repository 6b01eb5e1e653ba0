"""Request answers of a color from its own node or from a balancer, and read which code the color's processes run."""

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
    """Return the value of X-Forwarded-Proto in requests; empty if the header is not sent."""
    return "https" if https else ""


@dataclass(frozen=True)
class Answer:
    """The status (0: no answer) and the release marker of an answer."""

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
    """A color's answers in a row, its recorded start, and the code that it runs. Only the last answer can be a bad one.

    + started: release and time (epoch seconds) that were recorded when the color started
    + code: JSON that the inspection printed; None if the inspection got no answer
    """

    answers: tuple[Answer, ...]
    started: tuple[str, int] | None
    code: dict[str, Any] | None


class ColorAnswers(FactBase[ColorSaid | None]):
    """
    Returns a color's answers on its own node. The probe token is passed by ``_stdin``.

    + root: directory of the application
    + color: the color
    + port: the color's port
    + path: path of the health page
    + hostname: Host header
    + count: number of requests in a row
    + code: shell command whose last line is JSON about the code that the color's processes run; empty for no command
    + https: whether requests say that the client came by https (X-Forwarded-Proto)
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
    """A node as a balancer sees it: the answer of one color and, if that color gave none, the answer of the other."""

    answer: Answer
    other: Answer | None


class MemberAnswers(FactBase[dict[str, Member]]):
    """
    Returns each node's answer to this balancer. The probe token is passed by ``_stdin``.

    + port: the color's port
    + other: the other color's port
    + path: path of the health page
    + hostname: Host header
    + members: ``<node>=<address>`` for each node
    + https: whether requests say that the client came by https (X-Forwarded-Proto)
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
