"""Performs steps: the table of actions, each at its place, each by its deadline. All effects of a run are here."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

import gevent
from pyinfra.api.host import Host
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from orchestrator import verify
from orchestrator.actions import operation_of
from orchestrator.drain import cut_line, drained
from orchestrator.facts.answers import ColorAnswers, MemberAnswers
from orchestrator.facts.idle import ColorInFlight, InFlight
from orchestrator.fleet import CommandFailed, Fleet, Silent, at_once
from orchestrator.gates import code, http, members
from orchestrator.look import seen_at
from orchestrator.model import Color
from orchestrator.plan import Step, Value
from orchestrator.probe.process import ProbeError, ProbeProcess
from orchestrator.probe.report import Report
from orchestrator.run import Result
from orchestrator.switches.base import CannotTell, Seen

Arguments = Mapping[str, Value]

INTERVAL = 0.25
"""Seconds between two looks at something that has to become true."""

IN_A_ROW = 5
"""Answers in a row that every address of the switch has to give before a switch counts as verified."""

TOLERANT = 10
"""Requests at once, where those without an answer do not count and IN_A_ROW answers are enough."""


class NotYet(Exception):
    """What has to become true is not so yet; the message says what was seen."""


class Executor:
    """Performs steps on a fleet for one run.

    + fence: number of the run; the guard at every place refuses an older one
    """

    def __init__(self, fleet: Fleet, fence: int) -> None:
        self._fleet = fleet
        self._settings = fleet.settings
        self._fence = fence
        self._probe: ProbeProcess | None = None
        self._failed_before = 0
        self._new_release = ""
        self.report: Report | None = None
        self._looks: dict[str, Callable[[Host, Arguments, float], str]] = {
            "quiet": self._quiet,
            "gate": self._gate,
            "members": self._members,
        }
        self._on_operator: dict[str, Callable[[Arguments, bool], str]] = {
            "watch": self._watch,
            "hook": self._hook,
            "verify": self._verify,
        }

    def perform(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        """All steps at once; a result each, in their order. Whatever goes wrong in a step is its result."""
        if not undoing and any(step.action.name == "shift" for step in steps):
            self._mark_shift()
        return tuple(at_once([lambda step=step: self._one(step, undoing) for step in steps]))  # type: ignore[misc]

    def close(self) -> None:
        """End the probe, if it still runs, and keep its report."""
        if self._probe is not None:
            probe, self._probe = self._probe, None
            try:
                self.report = probe.stop()
            except ProbeError:
                probe.kill()

    def _one(self, step: Step, undoing: bool) -> Result:
        try:
            return self._result(step, undoing)
        except Exception as error:
            # not foreseen, and no reason to leave the other places, or an undo, half done
            return Result(step.place, f"{type(error).__name__}: {error}")

    def _result(self, step: Step, undoing: bool) -> Result:
        if step.place.kind == "operator":
            return self._at_operator(step, undoing)
        reply = self._fleet.one(step.place.name, lambda host: self._at_host(host, step, undoing), step.deadline)
        return Result(step.place, reply.error, reply.lost, reply.seconds, reply.value or "")

    def _at_host(self, host: Host, step: Step, undoing: bool) -> str:
        found = operation_of(step, self._settings, self._fence, undoing)
        if found is None:
            return self._looks[step.action.name](host, step.action.arguments, step.deadline)
        operation, arguments = found
        return " ".join(self._fleet.operate(host, operation, **arguments)[-3:])

    def _at_operator(self, step: Step, undoing: bool) -> Result:
        began = time.monotonic()
        try:
            with gevent.Timeout(step.deadline, NotYet(f"took longer than {step.deadline:g} s")):
                detail = self._on_operator[step.action.name](step.action.arguments, undoing)
        except (NotYet, CommandFailed, ProbeError) as failure:
            return Result(step.place, str(failure), seconds=time.monotonic() - began)
        return Result(step.place, seconds=time.monotonic() - began, detail=detail)

    # Actions on nodes

    def _quiet(self, host: Host, arguments: Arguments, deadline: float) -> str:
        look = self._quiet_balancer if host.name in self._fleet.balancers else self._quiet_node
        color, drain = Color(str(arguments["color"])), self._settings.drain
        left = drained(lambda: look(host, color), drain.limit, float(str(arguments["still"])), INTERVAL)
        if left is None:
            return ""
        if isinstance(left, str):
            raise CommandFailed(left)
        line = cut_line(color, left, drain.limit, cut=drain.at_limit == "cut")
        if drain.at_limit == "refuse":
            raise CommandFailed(line)
        return line

    def _quiet_node(self, host: Host, color: Color) -> InFlight:
        layout, port = self._settings.node, self._settings.ports.of(color)
        seen: InFlight | None = self._fleet.look(host, ColorInFlight, socket=layout.socket(color), port=port)
        if seen is None:
            raise Silent("does not say what is in flight")
        return seen

    def _quiet_balancer(self, host: Host, color: Color) -> InFlight | str:
        try:
            seen = seen_at(self._fleet, host)
        except CannotTell as unknown:
            return str(unknown)
        return InFlight(seen.in_flight[color] if seen.in_flight else 0)

    def _seen_at(self, host: Host) -> Seen:
        try:
            return seen_at(self._fleet, host)
        except CannotTell as unknown:
            raise NotYet(str(unknown)) from None

    def _gate(self, host: Host, arguments: Arguments, deadline: float) -> str:
        gate, color, release = self._settings.gate, Color(str(arguments["color"])), str(arguments["release"])

        def look() -> None:
            said = self._fleet.look(
                host,
                ColorAnswers,
                stdin=self._settings.token + "\n",
                root=self._settings.node.root,
                color=color.value,
                port=self._settings.ports.of(color),
                path=gate.path,
                hostname=gate.host,
                count=gate.successes,
                public=self._settings.php.public,
                inspect=f"{self._settings.node.library}/inspect.php",
            )
            if said is None:
                raise Silent("does not answer the gate")
            problem = http.judge(said.answers, release, gate.successes) or code.judge(said, release)
            if problem:
                raise NotYet(problem)

        until(look, gate.deadline, gate.interval)
        return ""

    # Actions on balancers

    def _members(self, host: Host, arguments: Arguments, deadline: float) -> str:
        expected = arguments["nodes"]
        assert isinstance(expected, list)
        gate, color = self._settings.gate, Color(str(arguments["color"]))

        def look() -> None:
            answers = self._fleet.look(
                host,
                MemberAnswers,
                stdin=self._settings.token + "\n",
                port=self._settings.ports.of(color),
                other=self._settings.ports.of(color.other),
                path=gate.path,
                hostname=gate.host,
                members=[f"{name}={self._fleet.address(name)}" for name in expected],
            )
            down = self._seen_at(host).down[color]
            problem = members.judge(answers, down, expected, str(arguments["release"]), bool(arguments["required"]))
            if problem:
                raise NotYet(problem)

        until(look, gate.deadline, gate.interval)
        return ""

    # Actions on the operator's machine

    def _watch(self, arguments: Arguments, undoing: bool) -> str:
        probe = self._settings.probe
        urls = [url for switch in self._settings.switches for url in switch.urls]
        process = ProbeProcess(
            urls, probe.paths, probe.rate * len(urls), probe.connections, probe.timeout, self._settings.token
        )
        process.start()
        self._probe, self._new_release = process, str(arguments["release"])
        return f"{probe.rate:g} requests a second and address, {len(urls)} addresses"

    def _hook(self, arguments: Arguments, undoing: bool) -> str:
        environment = {**os.environ, "RELEASE": str(arguments["release"]), "COLOR": str(arguments["color"])}
        done = subprocess.run(["sh", "-c", str(arguments["run"])], env=environment, capture_output=True, text=True)
        said = (done.stderr or done.stdout).strip().splitlines()
        if done.returncode:
            last = f": {said[-1]}" if said else ""
            raise NotYet(f"`{arguments['run']}` ended with status {done.returncode}{last}")
        return said[-1] if said else ""

    def _mark_shift(self) -> None:
        """Tell the probe that traffic moves now, and remember whether all was well until here."""
        if self._probe is None:
            return
        try:
            self._failed_before = self._probe.peek().totals.failed
            self._probe.switch(self._new_release)
        except ProbeError:
            self._probe.kill()
            self._probe = None

    def _verify(self, arguments: Arguments, undoing: bool) -> str:
        release, tolerant = str(arguments["release"]), bool(arguments["tolerant"])
        token = self._settings.token
        urls = [url for switch in self._settings.switches for url in switch.urls]

        def look() -> None:
            def row(url: str) -> str | None:
                if tolerant:
                    answers = at_once([lambda: verify.ask(url, token, timeout=3.0)] * TOLERANT)
                else:
                    answers = [verify.ask(url, token) for _ in range(IN_A_ROW)]
                problem = verify.judge(answers, release, tolerant, IN_A_ROW)
                return f"{url}: {problem}" if problem else None

            problems = [problem for problem in at_once([lambda url=url: row(url) for url in urls]) if problem]  # type: ignore[misc]
            if problems:
                raise NotYet("; ".join(problems))

        until(look, self._settings.deadlines.verify, INTERVAL)
        if not undoing and self._probe is not None:
            gevent.sleep(self._settings.probe.after)
            self.close()
            if not tolerant:
                self._judge_probe()
        return ""

    def _judge_probe(self) -> None:
        """Requests that failed since the switch stop the release, unless they failed before it, too."""
        if self.report is None or self._failed_before:
            return
        totals = self.report.totals
        if totals.failed:
            kinds = ", ".join(f"{count} {kind}" for kind, count in totals.failures.items())
            raise NotYet(
                f"{totals.failed} of {totals.requests} probe requests failed ({kinds}), none before the switch"
            )


def until(look: Callable[[], None], patience: float, interval: float) -> None:
    """Look until it does not raise NotYet any more. After so many seconds the last one becomes CommandFailed."""
    try:
        for attempt in Retrying(
            stop=stop_after_delay(patience),
            wait=wait_fixed(interval),
            retry=retry_if_exception_type(NotYet),
            reraise=True,
        ):
            with attempt:
                look()
    except NotYet as last:
        raise CommandFailed(str(last)) from None
