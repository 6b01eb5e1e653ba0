"""Send requests to a color, on its own node or from a balancer, and read which code the color's processes run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.facts.base import Fact
from orchestrator.scripts.command import pairs, question
from orchestrator.scripts.files import read

COLOR = read("facts/color_answers.sh")
MEMBERS = read("facts/member_answers.sh")


def forwarded(https: bool) -> str:
    """Return the value of the header X-Forwarded-Proto for requests: ``https`` or empty. Empty means no such header.

    + https: whether the requests should look as if the client had used https
    """
    return "https" if https else ""


@dataclass(frozen=True)
class Answer:
    """An answer to one request.

    + status: HTTP status; 0 if there was no answer
    + release: release id in the header X-Release of the answer; None if the answer has no such header
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
    """The reports of a color on its own node: answers to requests, the last start, and the code that the color runs.

    + answers: answers to requests for the health page, in order. If an answer has a status other than 200, this answer
      is the last one.
    + started: the release for which the color was last started, and the time of this start (epoch seconds), as recorded
      on the node; None if there is no record
    + code: parsed JSON about the code that the color's processes run; None if the processes reported no JSON
    + why: the last error of PHP, if the last answer has a status 5xx; empty if PHP has logged no error
    """

    answers: tuple[Answer, ...]
    started: tuple[str, int] | None
    code: dict[str, Any] | None
    why: str = ""


class ColorAnswers(Fact[ColorSaid]):
    """
    Sends requests to a color on its own node. Returns the answers, and which code the color's processes run.

    The caller passes the probe token, a secret that the requests contain, in pyinfra's argument ``_stdin``. A command
    line would show the token to every user of the node.

    + root: directory of the application
    + user: deploy user, who can change the directory of the application
    + color: ``blue`` or ``green``
    + port: the color's port
    + path: path of the health page
    + hostname: value of the Host header
    + count: number of requests, one after the other
    + code: shell command that asks the color's processes which code they run, and prints JSON as its last line; empty
      for no command. The command must be simple, without ``;`` and ``|``, because it becomes an argument of ``timeout``
    + https: whether requests have the header X-Forwarded-Proto: https
    + said: shell command that prints the last error of PHP; empty for no command
    """

    @override
    def command(
        self,
        root: str,
        user: str,
        color: str,
        port: int,
        path: str,
        hostname: str,
        count: int,
        code: str,
        https: bool = False,
        said: str = "",
    ) -> StringCommand:
        about = (path, hostname, forwarded(https), str(port), str(count), f"{root}/{color}/started", code, said)
        return question(COLOR, *about, seconds=60, user=user)

    @override
    def parse(self, output: list[str]) -> ColorSaid:
        said = pairs(output)
        started = said.get("started", "").split()
        code = said.get("code", "")
        return ColorSaid(
            answers=tuple(Answer.read(said[key]) for key in said if key.startswith("answer.")),
            started=(started[0], int(started[1])) if len(started) == 2 else None,
            code=json.loads(code) if code.startswith("{") else None,
            why=said.get("why", ""),
        )


@dataclass(frozen=True)
class Member:
    """The answers of a node's two colors to requests from a balancer.

    + answer: answer of the color to which the balancer sent a request first
    + other: answer of the node's second color; None if the first color answered, so that the second color got no
      request
    """

    answer: Answer
    other: Answer | None


class MemberAnswers(Fact[dict[str, Member]]):
    """
    Sends a request from this balancer to one color on each node. Returns node -> answers of the node.

    If the color on a node gives no answer, the balancer also sends a request to the other color of that node. The
    caller passes the probe token, a secret that the requests contain, in pyinfra's argument ``_stdin``. A command line
    would show the token to every user of the balancer.

    + port: port of the color
    + other: port of the other color
    + path: path of the health page
    + hostname: value of the Host header
    + members: ``<node>=<address>`` for each node; the balancer reaches the node at this address
    + https: whether requests have the header X-Forwarded-Proto: https
    """

    @override
    def command(
        self, port: int, other: int, path: str, hostname: str, members: list[str], https: bool = False
    ) -> StringCommand:
        return question(MEMBERS, path, hostname, forwarded(https), str(port), str(other), *members, seconds=20)

    @override
    def parse(self, output: list[str]) -> dict[str, Member]:
        found = {}
        for name, text in pairs(output).items():
            status, release, other_status, other_release = text.split()
            other = None if other_status == "-" else Answer.read(f"{other_status} {other_release}")
            found[name] = Member(Answer.read(f"{status} {release}"), other)
        return found
