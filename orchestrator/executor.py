"""Performs steps: the table of actions, each at its place, each by its deadline. All effects of a run are here."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

import gevent
from pyinfra.api.host import Host

from orchestrator.actions import operation_of
from orchestrator.bake import Bake
from orchestrator.drain import cut_line, drained
from orchestrator.errors import OrchestratorError
from orchestrator.facts import fired
from orchestrator.facts.answers import MemberAnswers
from orchestrator.facts.fired import Fired, Swap
from orchestrator.facts.idle import ColorInFlight, InFlight
from orchestrator.fleet import CommandFailed, Fleet, Silent, at_once
from orchestrator.gates import code, http, members
from orchestrator.instant import Instant, agree
from orchestrator.look import color_answers, seen_at
from orchestrator.model import Color, Weights
from orchestrator.plan import Step, Value
from orchestrator.probe.process import ProbeError
from orchestrator.probe.report import Report
from orchestrator.run import Result
from orchestrator.switches.base import Api, CannotTell, NotDone, Seen
from orchestrator.verifier import Verifier
from orchestrator.waiting import NotYet, until, within
from orchestrator.witness import Witness

Arguments = Mapping[str, Value]

INTERVAL = 0.25
"""Seconds between two looks at something that has to become true."""


class Executor:
    """Performs steps on a fleet for one run.

    + fence: number of the run; the guard at every place refuses an older one
    """

    def __init__(self, fleet: Fleet, fence: int) -> None:
        self._fleet = fleet
        self._settings = fleet.settings
        self._fence = fence
        self._witness = Witness(fleet.settings)
        self._instant: Instant | None = None
        self._judgements = itertools.count(1)
        self._looks: dict[str, Callable[[Host, Arguments, float], str]] = {
            "quiet": self._quiet,
            "gate": self._gate,
            "members": self._members,
            "fire": self._fire,
        }
        self._on_operator: dict[str, Callable[[Arguments, bool], str]] = {
            "watch": self._watch,
            "hook": self._hook,
            "verify": self._verify,
            "bake": self._bake,
            "proof": self._proof,
            "scaling": self._scaling,
            "newcomers": self._newcomers,
        }

    @property
    def report(self) -> Report | None:
        """The probe's, once it has ended."""
        return self._witness.report

    def perform(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        """All steps at once; a result each, in their order. Whatever goes wrong in a step is its result."""
        if not undoing:
            self._witness.shifting([step for step in steps if step.action.name == "shift"])
        armed = [step.place.name for step in steps if step.action.name == "arm"]
        if armed:
            self._instant = agree(self._fleet, armed)
            if self._instant.problem and not undoing:
                return tuple(Result(step.place, self._instant.problem) for step in steps)
        return tuple(at_once([lambda step=step: self._one(step, undoing) for step in steps]))  # type: ignore[misc]

    def close(self) -> None:
        """End the probe, if it still runs, and keep its report."""
        self._witness.close()

    def _one(self, step: Step, undoing: bool) -> Result:
        try:
            return self._result(step, undoing)
        except Exception as error:
            # not foreseen, and no reason to leave the other places, or an undo, half done
            return Result(step.place, f"{type(error).__name__}: {error}")

    def _result(self, step: Step, undoing: bool) -> Result:
        if step.place.kind == "operator":
            return self._at_operator(step, undoing)
        if step.place.kind == "api":
            return self._at_api(step, undoing)
        reply = self._fleet.one(step.place.name, lambda host: self._at_host(host, step, undoing), step.deadline)
        return Result(step.place, reply.error, reply.lost, reply.seconds, reply.value or "")

    def _at_host(self, host: Host, step: Step, undoing: bool) -> str:
        found = operation_of(step, self._settings, self._fence, undoing, self._instant)
        if found is None:
            return self._looks[step.action.name](host, step.action.arguments, step.deadline)
        operation, arguments = found
        return " ".join(self._fleet.operate(host, operation, **arguments)[-3:])

    def _at_operator(self, step: Step, undoing: bool) -> Result:
        began = time.monotonic()
        try:
            with within(step.deadline, NotYet(f"took longer than {step.deadline:g} s")):
                detail = self._on_operator[step.action.name](step.action.arguments, undoing)
        except (NotYet, CommandFailed, ProbeError, CannotTell, OrchestratorError) as failure:
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
            said = color_answers(self._fleet, host, color, gate.successes)
            if said is None:
                raise Silent("does not answer the gate")
            problem = http.judge(said.answers, release, gate.successes) or code.judge(said, release)
            if problem:
                raise NotYet(problem)

        until(look, gate.deadline, gate.interval)
        return ""

    def _fire(self, host: Host, arguments: Arguments, deadline: float) -> str:
        """It was armed, and swaps by itself: wait for the instant, then see what became of it."""
        color, instant = Color(str(arguments["color"])), self._instant
        if instant is None:
            raise CommandFailed("was not armed")
        gevent.sleep(max(0.0, instant.here - time.time()))
        swaps: list[Swap] = []

        def look() -> None:
            swap = self._fleet.look(host, Fired, root=self._settings.node.root, run=self._fence)
            problem = fired.judge({host.name: swap}, color)
            if problem and swap is not None and swap.outcome != "waiting":
                raise CommandFailed(problem.removeprefix(f"{host.name} "))
            if problem:
                raise NotYet(problem.removeprefix(f"{host.name} "))
            swaps.append(swap)

        until(look, instant.window + self._settings.deadlines.look, INTERVAL)
        return f"{swaps[-1].outcome}, {1000 * (swaps[-1].instant - instant.at):.1f} ms after the instant"

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
                https=gate.https,
            )
            down = self._seen_at(host).down[color]
            problem = members.judge(answers, down, expected, str(arguments["release"]), bool(arguments["required"]))
            if problem:
                raise NotYet(problem)

        until(look, gate.deadline, gate.interval)
        return ""

    # Switches behind an API

    def _at_api(self, step: Step, undoing: bool) -> Result:
        began = time.monotonic()
        api, arguments, action = self._fleet.apis[step.place.name], step.action.arguments, step.action.name

        def act() -> str:
            gevent.sleep(float(str(arguments.get("after", 0.0))))
            match action:
                case "ready":
                    return api.arm(Weights(int(str(arguments["green"]))), back=bool(arguments["back"]))
                case "shift":
                    return api.shift(Weights(int(str(arguments["green"]))), back=bool(arguments["back"]))
                case "detach":
                    return api.detach(Color(str(arguments["color"])))
                case "attach":
                    return api.attach()
                case "bar":
                    addresses = arguments["addresses"]
                    assert isinstance(addresses, list)
                    return api.bar(addresses, out=bool(arguments["out"]))
                case _:
                    return self._api_members(api, arguments)

        try:
            with within(step.deadline, NotYet(f"took longer than {step.deadline:g} s")):
                detail = act()
        except (NotYet, CommandFailed, NotDone, CannotTell) as failure:
            return Result(step.place, str(failure), seconds=time.monotonic() - began)
        return Result(step.place, seconds=time.monotonic() - began, detail=detail)

    def _api_members(self, api: Api, arguments: Arguments) -> str:
        """Until its own checks call every expected member of the color healthy."""
        expected, color = arguments["nodes"], Color(str(arguments["color"]))
        assert isinstance(expected, list)

        def look() -> None:
            down = [name for name in api.see().down[color] if name in expected]
            if down and (arguments["required"] or len(down) == len(expected)):
                raise NotYet(f"{', '.join(down)}: not healthy in {color}")

        until(look, self._settings.gate.deadline, self._settings.gate.interval)
        return ""

    # Actions on the operator's machine

    def _watch(self, arguments: Arguments, undoing: bool) -> str:
        return self._witness.begin(str(arguments["release"]))

    def _proof(self, arguments: Arguments, undoing: bool) -> str:
        return self._witness.end(self._settings.probe.after, bool(arguments["judged"]))

    def _scaling(self, arguments: Arguments, undoing: bool) -> str:
        # nothing of AWS is imported for a fleet that has none
        from orchestrator.aws.steps import keep_still

        return keep_still(self._settings, arguments)

    def _newcomers(self, arguments: Arguments, undoing: bool) -> str:
        from orchestrator.aws.steps import newcomers

        return newcomers(self._settings, arguments)

    def _hook(self, arguments: Arguments, undoing: bool) -> str:
        environment = {**os.environ, "RELEASE": str(arguments["release"]), "COLOR": str(arguments["color"])}
        done = subprocess.run(["sh", "-c", str(arguments["run"])], env=environment, capture_output=True, text=True)
        said = (done.stderr or done.stdout).strip().splitlines()
        if done.returncode:
            last = f": {said[-1]}" if said else ""
            raise NotYet(f"`{arguments['run']}` ended with status {done.returncode}{last}")
        return said[-1] if said else ""

    def _verify(self, arguments: Arguments, undoing: bool) -> str:
        release, other = str(arguments["release"]), arguments["other"]
        verifier = Verifier(self._settings)
        if other is None:
            tolerant = bool(arguments["tolerant"])
            until(lambda: verifier.whole(release, tolerant), self._settings.deadlines.verify, INTERVAL)
        else:
            until(lambda: verifier.split(release, str(other)), self._settings.deadlines.verify, INTERVAL)
        return verifier.detail

    def _bake(self, arguments: Arguments, undoing: bool) -> str:
        return Bake(self._fleet, self._witness, self._judgements, arguments).watch()
