"""Watches the new color for some time after a shift of traffic (a bake).

The time is divided into windows of ``comparison.window`` seconds (a setting). At the end of each window, the run checks
the probe and the health pages. If both colors have traffic, the run then compares the colors.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import gevent
from pyinfra.api.host import Host

from orchestrator.comparison.judge import Verdict, judge, judge_shares, unreadable, worst
from orchestrator.comparison.traffic import Traffic
from orchestrator.errors import CannotTell, NotDone, NotYet
from orchestrator.facts.answers import ColorSaid
from orchestrator.facts.traffic import TrafficLines
from orchestrator.fleet import Fleet, Reply, at_once
from orchestrator.gates import http
from orchestrator.model import Color
from orchestrator.run.run_probe import RunProbe
from orchestrator.scripts.command import understood
from orchestrator.stages.bake import Bake
from orchestrator.survey import color_answers
from orchestrator.switches import Api, balancer


class Baking:
    """Performs one bake. The first failed check ends the bake.

    + looks: an iterator that yields 1, 2, 3 and so on: the numbers of all comparisons in the run
    + asked: the action that says which color, nodes and switches to watch, and for how many seconds
    """

    def __init__(self, fleet: Fleet, probe: RunProbe, looks: Iterator[int], asked: Bake) -> None:
        self._fleet = fleet
        self._settings = fleet.settings
        self._probe = probe
        self._looks = looks
        self._color = asked.color
        self._release = asked.release
        self._split = asked.share < 100
        self._seconds = asked.seconds
        self._nodes = asked.nodes
        self._switches = asked.switches
        self._began = time.time()

    def run(self) -> str:
        """Watch the new color for the time of the bake. Return a line for the report.

        Raises NotYet if a check fails. Also raises NotYet if the last comparison gives the verdict "inconclusive" or
        "error", and the settings demand an undo for this verdict.
        """
        comparison = self._settings.comparison
        end = time.monotonic() + self._seconds
        verdict: Verdict | None = None
        last = False
        while not last:
            left = max(0.0, end - time.monotonic())
            last = left <= comparison.window
            gevent.sleep(min(left, comparison.window))
            self._probe.look()
            self._gate()
            if self._split and comparison.enabled:
                verdict = self._compare(last)
                if verdict.value == "fail":
                    raise NotYet(f"worse than the old color: {verdict.words}")
        return self._decide(verdict)

    def _decide(self, last: Verdict | None) -> str:
        """Return the report line for the last verdict. Raises NotYet if the settings demand an undo for this verdict.

        + last: the last verdict of the bake; None if the colors were not compared
        """
        if last is None:
            return f"{self._seconds:g} s without a failure"
        comparison = self._settings.comparison
        policies = {"inconclusive": comparison.on_inconclusive, "error": comparison.on_error}
        if policies.get(last.value) == "undo":
            raise NotYet(
                f"the comparison of both colors ended with {last.value} ({last.words}), and the setting "
                f"comparison.on_{last.value} is undo"
            )
        return last.words if last.value == "pass" else f"{last.value}, but the run continues: {last.words}"

    # The health page

    def _gate(self) -> None:
        """Request the color's health page once on every node, from the node itself.

        Raises NotYet if an answer is missing or wrong.
        """
        replies = self._fleet.each(
            self._nodes,
            lambda host: color_answers(self._fleet, host, self._color, count=1),
            self._settings.deadlines.look,
        )
        problems = [f"{reply.name}: {problem}" for reply in replies if (problem := self._problem(reply))]
        if problems:
            raise NotYet("; ".join(problems))

    def _problem(self, reply: Reply[ColorSaid]) -> str | None:
        """Judge the answer of a node's health page. Return None, or one line about the problem.

        It is a problem if the answer is missing, has a status other than 200, or names another release.
        """
        if reply.value is None:
            return reply.error or "does not answer the gate"
        return http.judge(reply.value.answers, self._release, 1, reply.value.why)

    # The comparison of both colors

    def _compare(self, last: bool) -> Verdict:
        """Compare both colors by their traffic since the present weight was set. Return the worst of all verdicts.

        The traffic of all balancers is added up and gets one verdict. Each switch behind an API gets its own verdict.

        + last: whether this is the last comparison of the bake
        """
        look = next(self._looks)
        balancers = [name for name in self._switches if name in self._fleet.balancers]
        apis = [self._fleet.apis[name] for name in self._switches if name in self._fleet.apis]
        verdicts = at_once([lambda api=api: self._of_api(api, look, last) for api in apis])  # type: ignore[misc]
        if balancers:
            verdicts.append(self._of_balancers(balancers, look))
        return worst(verdicts)

    def _of_balancers(self, names: Sequence[str], look: int) -> Verdict:
        sums = dict.fromkeys(Color, Traffic())
        replies = self._fleet.each(names, self._record, self._settings.deadlines.look + 10.0)
        for reply in replies:
            if reply.value is None:
                return unreadable(f"{reply.name}: {reply.error}")
            if isinstance(reply.value, str):
                return unreadable(f"{reply.name}: {reply.value}")
            sums = {color: sums[color] + reply.value[color] for color in Color}
        old, new = sums[self._color.other], sums[self._color]
        return judge(old, new, self._settings.comparison, new_color=self._color, look=look)

    def _record(self, host: Host) -> dict[Color, Traffic] | str:
        kind, layout = self._fleet.balancers[host.name], self._settings.balancer
        try:
            lines = self._fleet.look(host, TrafficLines, app=layout.name, kind=kind)
            return understood(balancer(kind, layout).traffic, lines)
        except CannotTell as unknown:
            return str(unknown)

    def _of_api(self, api: Api, look: int, last: bool) -> Verdict:
        comparison = self._settings.comparison
        try:
            shares = api.shares(self._began, self._color.other, comparison, wait=last)
        except NotDone as failure:
            return unreadable(str(failure))
        return judge_shares(
            shares[self._color.other], shares[self._color], comparison, new_color=self._color, look=look
        )
