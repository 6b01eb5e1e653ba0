"""Performs steps: the table of actions, each at its place, each by its deadline. All effects of a run are here."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import gevent
from pyinfra.api.host import Host

from orchestrator import environment, local, runtime
from orchestrator.drain import cut_line, drained
from orchestrator.errors import CommandFailed, OrchestratorError
from orchestrator.facts import fired
from orchestrator.facts.answers import MemberAnswers
from orchestrator.facts.fired import Fired, Swap
from orchestrator.facts.idle import ColorInFlight, InFlight
from orchestrator.facts.tree import Tree
from orchestrator.fleet import Fleet, Silent, at_once
from orchestrator.gates import code, http, members, opcache, same
from orchestrator.model import Color, Weights
from orchestrator.plan.steps import OPERATOR, Step, Value
from orchestrator.probe.process import ProbeError
from orchestrator.probe.report import Report
from orchestrator.run.actions import operation_of, seconds
from orchestrator.run.bake import Bake
from orchestrator.run.run_probe import RunProbe
from orchestrator.run.swap_time import SwapTime, agree
from orchestrator.run.verify import Verifier
from orchestrator.run.walk import WARNING, Result
from orchestrator.scripts.guarded import Guard
from orchestrator.source.copy import copy
from orchestrator.source.delivery import Delivery
from orchestrator.survey import color_answers, seen_at
from orchestrator.switches.base import Api, CannotTell, NotDone, Seen
from orchestrator.waiting import NotYet, until, within

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
        self._probe = RunProbe(fleet.settings)
        self._delivery = Delivery(fleet)
        self._instant: SwapTime | None = None
        self._environment = ""
        self._judgements = itertools.count(1)
        self._looks: dict[str, Callable[[Host, Arguments, float], str]] = {
            "quiet": self._quiet,
            "same": self._same,
            "copy": self._copy,
            "gate": self._gate,
            "members": self._members,
            "fire": self._fire,
        }
        self._heard: dict[str, Callable[[Sequence[str]], str]] = {"warm": self._warmed}
        # before any step of a stage: what the operator's machine does once for all of them; results if it failed
        self._first: dict[str, Callable[[Sequence[Step], bool], tuple[Result, ...]]] = {
            "environment": self._read_environment,
            "fetch": self._prepare_delivery,
            "arm": self._agree_on_the_instant,
            "shift": self._tell_the_witness,
        }
        # what a host's operation is told beside the plan, and what it reads
        self._sent: dict[str, Callable[[Host, Arguments], tuple[Arguments, str | None]]] = {
            "environment": lambda _host, _arguments: ({}, self._environment),
            "fetch": self._deliver,
        }
        self._together: dict[str, Callable[[Sequence[Result]], tuple[Result, ...]]] = {"same": _same}
        self._on_operator: dict[str, Callable[[Arguments, float], str]] = {
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
        return self._probe.report

    def perform(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        """All steps at once; a result each, in their order. Whatever goes wrong in a step is its result."""
        names = tuple(dict.fromkeys(step.action.name for step in steps))
        for name in names:
            if name in self._first and (failed := self._first[name](steps, undoing)):
                return failed
        results: tuple[Result, ...] = tuple(at_once([lambda step=step: self._one(step, undoing) for step in steps]))  # type: ignore[misc]
        for name in names:
            if name in self._together:
                results = self._together[name](results)
        return results

    def close(self) -> None:
        """End the probe, if it still runs, and keep its report. Nothing is left on this machine."""
        self._delivery.close()
        self._probe.close()

    def _one(self, step: Step, undoing: bool) -> Result:
        try:
            found = self._result(step, undoing)
        except Exception as error:  # noqa: BLE001 (a defect at one place is a result of that place)
            # not foreseen, and no reason to leave the other places, or an undo, half done
            found = Result(step.place, f"{type(error).__name__}: {error}")
        return self._hidden(found)

    def _hidden(self, found: Result) -> Result:
        hide = self._fleet.mask.hide
        return replace(
            found,
            error=None if found.error is None else hide(found.error),
            detail=hide(found.detail),
            output=tuple(map(hide, found.output)),
        )

    def _result(self, step: Step, undoing: bool) -> Result:
        if step.place.kind == "operator":
            return self._at_operator(step)
        if step.place.kind == "api":
            return self._at_api(step, undoing)
        reply = self._fleet.one(step.place.name, lambda host: self._at_host(host, step, undoing), step.deadline)
        output = reply.output if step.action.name in ("build", "hook") else ()
        return Result(step.place, reply.error, reply.lost, reply.seconds, reply.value or "", output)

    def _at_host(self, host: Host, step: Step, undoing: bool) -> str:
        found = operation_of(step, self._settings, self._fence, undoing, self._instant)
        if found is None:
            return self._looks[step.action.name](host, step.action.arguments, step.deadline)
        operation, arguments = found
        sent = self._sent.get(step.action.name)
        more, stdin = sent(host, step.action.arguments) if sent else ({}, None)
        lines = self._fleet.operate(host, operation, stdin, **{**arguments, **more})
        hear = self._heard.get(step.action.name)
        return hear(lines) if hear else " ".join(lines[-3:])

    def _at_operator(self, step: Step) -> Result:
        began = time.monotonic()
        try:
            with within(step.deadline, NotYet(f"took longer than {step.deadline:g} s")):
                detail = self._on_operator[step.action.name](step.action.arguments, step.deadline)
        except CommandFailed as failure:
            return Result(step.place, str(failure), seconds=time.monotonic() - began, output=failure.output)
        except (NotYet, ProbeError, CannotTell, OrchestratorError) as failure:
            return Result(step.place, str(failure), seconds=time.monotonic() - began)
        return Result(step.place, seconds=time.monotonic() - began, detail=detail)

    # What is done once for all steps of a stage

    def _read_environment(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        try:
            self._environment = environment.text(self._fleet.variables.read())
        except OrchestratorError as error:
            return tuple(self._hidden(Result(step.place, str(error))) for step in steps)
        return ()

    def _prepare_delivery(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        try:
            self._delivery.prepare(steps[0].action.arguments)
        except (OrchestratorError, CommandFailed) as error:
            output = error.output if isinstance(error, CommandFailed) else ()
            return (self._hidden(Result(OPERATOR, str(error), output=output)),)
        return ()

    def _deliver(self, host: Host, arguments: Arguments) -> tuple[Arguments, str | None]:
        self._delivery.push(host, arguments)
        return self._delivery.arguments, self._delivery.stdin

    def _agree_on_the_instant(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        self._instant = agree(self._fleet, [step.place.name for step in steps if step.action.name == "arm"])
        if self._instant.problem and not undoing:
            return tuple(Result(step.place, self._instant.problem) for step in steps)
        return ()

    def _tell_the_witness(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        if not undoing:
            self._probe.shifting([step for step in steps if step.action.name == "shift"])
        return ()

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
        return f"{WARNING}{line}" if line else ""

    def _same(self, host: Host, arguments: Arguments, deadline: float) -> str:
        root, release = self._settings.node.root, str(arguments["release"])
        tree: str | None = self._fleet.look(host, Tree, root=root, release=release)
        if tree is None:
            raise CommandFailed(f"does not say which files release {release} has there")
        return tree

    def _copy(self, host: Host, arguments: Arguments, deadline: float) -> str:
        names, layout = arguments["nodes"], self._settings.node
        assert isinstance(names, list)
        guard = Guard(f"{layout.library}/guard", layout.guard_dir, self._fence, seconds(deadline))
        return copy(self._fleet, host, str(arguments["release"]), names, guard)

    def _quiet_node(self, host: Host, color: Color) -> InFlight:
        seen: InFlight | None = self._fleet.look(host, ColorInFlight, **runtime.in_flight(self._settings, color))
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

        what = runtime.what(self._settings)

        def look() -> None:
            said = color_answers(self._fleet, host, color, gate.successes)
            if said is None:
                raise Silent("does not answer the gate")
            problem = http.judge(said.answers, release, gate.successes) or code.judge(said, release, what)
            if problem:
                raise NotYet(problem)

        until(look, gate.deadline, gate.interval)
        return ""

    def _warmed(self, lines: Sequence[str]) -> str:
        """What was compiled. Raises CommandFailed if it does not fit."""
        said = next((json.loads(line) for line in lines if line.startswith("{")), None)
        problem = opcache.judge(said) if said else None
        if problem and self._settings.php.opcache == "refuse":
            raise CommandFailed(problem)
        detail = opcache.detail(said) if said else ""
        return f"{detail}\n{WARNING}{problem}" if problem else detail

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

    def _watch(self, arguments: Arguments, deadline: float) -> str:
        return self._probe.begin(str(arguments["release"]))

    def _proof(self, arguments: Arguments, deadline: float) -> str:
        return self._probe.end(self._settings.probe.after, bool(arguments["judged"]))

    def _scaling(self, arguments: Arguments, deadline: float) -> str:
        # nothing of AWS is imported for a fleet that has none
        from orchestrator.run.scaling import keep_still

        return keep_still(self._settings, arguments)

    def _newcomers(self, arguments: Arguments, deadline: float) -> str:
        from orchestrator.run.scaling import newcomers

        return "\n".join(f"{WARNING}{line}" for line in newcomers(self._settings, arguments))

    def _hook(self, arguments: Arguments, deadline: float) -> str:
        command, variables = str(arguments["run"]), {key.upper(): str(arguments[key]) for key in ("release", "color")}
        done = local.run(command, deadline, environment=variables, together=True)
        said = done.stdout.strip().splitlines()
        if done.returncode:
            last = f": {said[-1]}" if said else ""
            raise CommandFailed(f"`{command}` ended with status {done.returncode}{last}", said)
        return said[-1] if said else ""

    def _verify(self, arguments: Arguments, deadline: float) -> str:
        release, other = str(arguments["release"]), arguments["other"]
        verifier = Verifier(self._settings)
        if other is None:
            tolerant = bool(arguments["tolerant"])
            until(lambda: verifier.whole(release, tolerant), self._settings.deadlines.verify, INTERVAL)
        else:
            until(lambda: verifier.split(release, str(other)), self._settings.deadlines.verify, INTERVAL)
        return verifier.detail

    def _bake(self, arguments: Arguments, deadline: float) -> str:
        return Bake(self._fleet, self._probe, self._judgements, arguments).run()


def _same(results: Sequence[Result]) -> tuple[Result, ...]:
    """What each node has, as its detail, becomes what is wrong with it."""
    differ = same.judge({result.place.name: result.detail for result in results if not result.error})
    return tuple(
        replace(result, error=result.error or differ.get(result.place.name), detail=f"tree {result.detail[:12]}")
        for result in results
    )
