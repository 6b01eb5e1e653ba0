"""Sends requests from the operator's machine to every address of the switch, and checks which releases answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from orchestrator.config import Settings
from orchestrator.errors import NotYet
from orchestrator.fleet import at_once
from orchestrator.run import data_plane
from orchestrator.run.data_plane import Answer

IN_A_ROW = 5
"""Number of requests that one check sends to each address of the switch, one after another.

The check succeeds only if the expected release answers all these requests.
"""

TOLERANT = 10
"""Number of requests that a tolerant check sends to each address of the switch at the same time.

A tolerant check ignores requests without a usable answer, because nodes may be down. The check needs at least IN_A_ROW
usable answers.
"""

SPLIT = 20
"""Number of requests that one check sends to each address of the switch at the same time, during a split.

During a split, each color gets a part of the traffic.
"""


class Verifier:
    """Checks which releases answer at the addresses of the switch.

    The stage `verify` repeats the check until the check succeeds or the stage's deadline is over. Each check resolves
    the names in the URLs again, because the addresses may change.

    + detail: a line for the report: how many of all answers came from the new release. Empty until `split` sets it
    """

    def __init__(self, settings: Settings) -> None:
        self._token = settings.token
        self._probe = settings.probe
        self._urls = [url for switch in settings.switches for url in switch.urls]
        self._nodes = {url for switch in settings.switches if switch.kind == "node" for url in switch.urls}
        """The URLs that belong to one node each."""
        self._seen: dict[tuple[str, str], Counter[str]] = {}
        self.detail = ""

    def whole(self, release: str, tolerant: bool) -> None:
        """Check that only this release answers, at every address of the switch. Raises NotYet if the check fails.

        + tolerant: whether to ignore requests without an answer, because nodes may be down. Even then, each address
          must give at least IN_A_ROW usable answers. If the nodes themselves are the switch, a node that gives no
          usable answer at all is ignored too, but at least one address must answer
        """
        silent: list[str] = []
        answering: list[str] = []

        def row(url: str, address: str) -> str | None:
            if tolerant:
                answers = at_once([lambda: self._ask(url, address, timeout=3.0)] * TOLERANT)
            else:
                answers = [self._ask(url, address) for _ in range(IN_A_ROW)]
            problem = data_plane.judge(answers, release, tolerant, IN_A_ROW)
            if tolerant and url in self._nodes and all(told.problem for told in answers):
                silent.append(f"{_name(url, address)}: {problem}")
                return None
            answering.append(url)
            return problem

        self._all(row)
        if silent and not answering:
            raise NotYet("; ".join(silent))

    def split(self, release: str, other: str) -> None:
        """Check that only these two releases answer, and that the new release has answered at every address.

        Raises NotYet if the check fails. The new release may have answered in this check or in an earlier check.

        + release: the new release
        + other: the old release
        """

        def row(url: str, address: str) -> str | None:
            answers: list[Answer] = at_once([lambda: self._ask(url, address)] * SPLIT)
            seen = self._seen.setdefault((url, address), Counter())
            seen.update(str(told.release) for told in answers if not told.problem)
            return data_plane.judge_split(answers, release, other, seen)

        self._all(row)
        total = sum((seen for seen in self._seen.values()), Counter[str]())
        self.detail = f"{total[release]} of {total.total()} answers came from the new release"

    def _ask(self, url: str, address: str, timeout: float = 5.0) -> Answer:
        probe = self._probe
        return data_plane.ask(url, self._token, timeout, probe.host, probe.ca, probe.http2, address)

    def _all(self, row: Callable[[str, str], str | None]) -> None:
        """Check every address of every URL in parallel. Raises NotYet with a message that lists all problems.

        + row: checks one address. Its arguments are the URL and the IP address. Returns None, or one line about the
          problem
        """
        found = at_once([lambda url=url: data_plane.addresses(url) for url in self._urls])  # type: ignore[misc]
        known = dict(zip(self._urls, found, strict=True))
        nowhere = [f"{url}: {data_plane.NO_ADDRESS.problem}" for url, addresses in known.items() if not addresses]
        places = [(url, address) for url, addresses in known.items() for address in addresses]
        said = at_once([lambda place=place: row(*place) for place in places])  # type: ignore[misc]
        problems = [f"{_name(*place)}: {problem}" for place, problem in zip(places, said, strict=True) if problem]
        if nowhere or problems:
            raise NotYet("; ".join([*nowhere, *problems]))


def _name(url: str, address: str) -> str:
    return url if address in url else f"{url} at {address}"
