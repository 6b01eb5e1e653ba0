"""Asks every address of the switch until the data plane as a whole does what was asked of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from orchestrator import verify
from orchestrator.config import Settings
from orchestrator.fleet import at_once
from orchestrator.verify import Told
from orchestrator.waiting import NotYet

IN_A_ROW = 5
"""Answers in a row that every address of the switch has to give before a switch counts as verified."""

TOLERANT = 10
"""Requests at once, where those without an answer do not count and IN_A_ROW answers are enough."""

SPLIT = 20
"""Requests at once while traffic is split: the new release has to be among the answers sooner or later."""


class Verifier:
    """One verification, from its first look to its last.

    + detail: a line for the report
    """

    def __init__(self, settings: Settings) -> None:
        self._token = settings.token
        self._urls = [url for switch in settings.switches for url in switch.urls]
        self._seen: dict[str, Counter[str]] = {}
        self.detail = ""

    def whole(self, release: str, tolerant: bool) -> None:
        """One release has all the traffic. Raises NotYet.

        + tolerant: requests without an answer do not count
        """

        def row(url: str) -> str | None:
            if tolerant:
                answers = at_once([lambda: verify.ask(url, self._token, timeout=3.0)] * TOLERANT)
            else:
                answers = [verify.ask(url, self._token) for _ in range(IN_A_ROW)]
            return verify.judge(answers, release, tolerant, IN_A_ROW)

        self._all(row)

    def split(self, release: str, other: str) -> None:
        """Both releases answer at every address, and nobody else. Raises NotYet."""

        def row(url: str) -> str | None:
            answers: list[Told] = at_once([lambda: verify.ask(url, self._token)] * SPLIT)
            seen = self._seen.setdefault(url, Counter())
            seen.update(str(told.release) for told in answers if not told.problem)
            return verify.judge_split(answers, release, other, seen)

        self._all(row)
        total = sum((seen for seen in self._seen.values()), Counter())
        self.detail = f"{total[release]} of {total.total()} answers were the new release's"

    def _all(self, row: Callable[[str], str | None]) -> None:
        found = at_once([lambda url=url: row(url) for url in self._urls])  # type: ignore[misc]
        problems = [f"{url}: {problem}" for url, problem in zip(self._urls, found, strict=True) if problem]
        if problems:
            raise NotYet("; ".join(problems))
