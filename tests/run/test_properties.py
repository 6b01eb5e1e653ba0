"""After any prefix of any run, half a stage included, abort, resume and settling lead to a consistent state."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.config import load
from orchestrator.journal.history import history_of, unfinished
from orchestrator.journal.records import Begin, End, RunInputs, RunRecord, Settled
from orchestrator.journal.store import Record
from orchestrator.model import Color, Weights
from orchestrator.plan.inputs import Inputs, NodeInput, Release, Rollback, ScalingInput, SwitchInput
from orchestrator.plan.steps import NoTraffic, Step
from orchestrator.run.settle import begun_stages, open_run, remaining, settle
from orchestrator.run.traffic import asked, judge
from orchestrator.run.walk import Performed, Result, StageEnded, Walk
from orchestrator.stages import plan
from orchestrator.stages.cutover import Shift
from orchestrator.stages.fetch import Discard, Fetch
from orchestrator.stages.gate import Gate
from orchestrator.stages.promote import Promote
from orchestrator.stages.scaling import Scaling
from orchestrator.stages.start import Start
from orchestrator.stages.verify import Verify
from orchestrator.switches.base import Seen

OLD, FORMER, NEW = "20260101T000000Z-aaaaaaa", "20250101T000000Z-bbbbbbb", "20260601T000000Z-ccccccc"


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Node:
    releases: set[str]
    color: dict[str, str | None]
    live: str


@dataclass
class Model:
    """A model of the actions' effects on a fleet.

    + budget: steps until the process is killed
    + silent: the balancers that answer nothing; they still send requests by their weights
    + falls_silent: number of a step, from 1 -> the balancers that are silent from this step on
    + lost: whether a silent balancer cannot be reached at all
    + fails: the numbers of the steps that fail and do nothing
    + steps: the number of steps so far
    + said: balancer and color: the balancer said, since the last shift, that it sends this color no traffic
    """

    nodes: dict[str, Node]
    weights: dict[str, int]
    budget: int | None = None
    journal: list[list[Record]] = field(default_factory=list)
    silent: frozenset[str] = frozenset()
    falls_silent: dict[int, frozenset[str]] = field(default_factory=dict)
    lost: bool = False
    fails: frozenset[int] = frozenset()
    steps: int = 0
    said: set[tuple[str, Color]] = field(default_factory=set)
    suspended: set[str] = field(default_factory=set)
    place_by_place: bool = False
    """Whether one place ends all stages of a chain before another place begins, or all places end each stage first."""
    still: set[str] = field(default_factory=set)
    """Processes that have to be suspended while a run touches a node. A settling that was killed after it resumed them
    is done again without: every undo is right wherever it stands."""

    def perform(self, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        return tuple(self._one(step, undoing) for step in steps)

    def chain(self, stages: Sequence[Sequence[Step]], goes_on: bool, ended: StageEnded) -> None:
        steps = [(number, step) for number, of_stage in enumerate(stages) for step in of_stage]
        if self.place_by_place:
            steps.sort(key=lambda one: one[1].place.name)
        done: list[dict[str, Result]] = [{} for _ in stages]
        stopped: set[str] = set()
        for number, step in steps:
            if step.place.name not in stopped:
                result = done[number][step.place.name] = self._one(step, undoing=False)
                stopped |= {step.place.name} if result.error and not goes_on else set()
        for number, found in enumerate(done):
            if found:
                ended(number, Performed(tuple(found.values()), 0.0))

    def refusals(self, needs: Sequence[NoTraffic]) -> tuple[Result, ...]:
        """The answers of the switches, judged as the real executor judges them."""
        self._spend()
        found = []
        for place, conditions in asked(needs).items():
            weights = Weights(self.weights[place.name])
            problem = "no answer" if place.name in self.silent else judge(Seen(weights, weights, None), conditions, {})
            found += [Result(place, problem)] if problem else []
            self.said |= set() if problem else {(place.name, need.color) for need in conditions}
        self._spend()
        return tuple(found)

    def append(self, records: Sequence[RunRecord]) -> None:
        self._spend()
        self.journal[-1] += [json.loads(json.dumps(record.to_json())) for record in records]
        self._spend()

    def _spend(self) -> None:
        if self.budget is not None:
            self.budget -= 1
            if self.budget < 0:
                raise Killed

    def _one(self, step: Step, undoing: bool) -> Result:
        self._spend()
        self.steps += 1
        name = step.place.name
        self.silent |= self.falls_silent.pop(self.steps, frozenset())
        if name in self.silent:
            return Result(step.place, "no answer", lost=self.lost)
        if self.steps in self.fails:
            return Result(step.place, "failed")
        if name in self.nodes and self.still:
            assert self.suspended >= self.still, f"{step.action.name} while instances come and go"
        match step.action:
            case Fetch(release=release):
                self.nodes[name].releases.add(release)
            case Discard(release=release):
                if release in self.nodes[name].color.values():
                    return Result(step.place, "a color still points to it")
                self.nodes[name].releases.discard(release)
            case Start(color=color, release=wanted):
                node = self.nodes[name]
                self.undisturbed(color, undoing)
                if node.live == color:
                    return Result(step.place, "it is live")
                if wanted is not None and wanted not in node.releases:
                    return Result(step.place, "no such release")
                node.color[color] = wanted
            case Gate(color=color, release=expected):
                if self.nodes[name].color[color] != expected:
                    return Result(step.place, "another release")
            case Shift(green=green):
                self.weights[name] = green
                self.said = set()
            case Verify(release=expected, other=other):
                colors = {color for weight in self.weights.values() for color in having_traffic(weight)}
                answers = {self.nodes[node].color[color] for color in colors for node in self.nodes}
                if answers != {expected, other or expected}:
                    return Result(step.place, f"{answers} answer")
            case Scaling(do="suspend", processes=processes):
                self.suspended |= set(processes)
            case Scaling(do="resume", processes=processes):
                self.suspended -= set(processes)
            case Promote(color=color):
                self.nodes[name].live = color.value
            case _:
                pass
        self._spend()
        return Result(step.place)

    def _live(self, balancer: str) -> str:
        return "green" if self.weights[balancer] == 100 else "blue"

    def undisturbed(self, color: Color, undoing: bool) -> None:
        """No step stops, restarts or re-points a color that a switch may send a request to, or that cannot say so."""
        for balancer, green in self.weights.items():
            assert not Weights(green).share(color), f"{color} has traffic at {balancer}"
            # a release reads the switches when it begins, so that it need not ask before its own first shift
            assert (balancer, color) in self.said or not undoing, f"{balancer} did not say that {color} has no traffic"

    def is_consistent(self) -> str:
        """The live color, the same everywhere; each color has one release, which is on the disk."""
        lives = {self._live(balancer) for balancer in self.weights}
        assert len(lives) == 1
        live = lives.pop()
        assert {node.live for node in self.nodes.values()} == {live}
        for color in Color:
            assert len({node.color[color] for node in self.nodes.values()}) == 1
        for node in self.nodes.values():
            assert {release for release in node.color.values() if release} <= node.releases
        assert len({frozenset(node.releases) for node in self.nodes.values()}) == 1
        return live


def having_traffic(green: int) -> set[str]:
    return {"blue"} if green == 0 else {"green"} if green == 100 else {"blue", "green"}


class NoControl:
    def no_more_interrupts(self) -> None:
        """Do nothing: a model is never interrupted."""


RAW = {
    "app": "shop",
    "source": {"origin": "x"},
    "switches": [{"kind": "haproxy", "group": "h", "urls": ["http://x/"]}],
    "marker": {"answers": "all"},
}


SCALINGS: tuple[dict[str, object], ...] = (
    {},
    {"scaling": {"group": "g"}},
    {"scaling": {"group": "g", "suspend": False}},
)

CUTOVERS = ([100], [5, 100], [5, 25, 50, 100])


@st.composite
def fleets(draw: st.DrawFn) -> tuple[Model, Inputs]:
    """A fleet at rest, and a release or rollback that is about to begin."""
    names = [f"n{number}" for number in range(draw(st.integers(1, 4)))]
    balancers = [f"b{number}" for number in range(draw(st.integers(1, 3)))]
    live = draw(st.sampled_from(list(Color)))
    verb = draw(st.sampled_from(["release", "rollback"]))
    former = FORMER if verb == "rollback" or draw(st.booleans()) else None
    old = OLD if former or draw(st.booleans()) else None
    colors = {live.value: old, live.other.value: former}
    on_disk = {release for release in (old, former) if release}
    weight = Weights.all_to(live)
    model = Model(
        {name: Node(set(on_disk), dict(colors), live.value) for name in names},
        dict.fromkeys(balancers, weight.green),
    )
    model.place_by_place = draw(st.booleans())
    scaling = draw(st.sampled_from(SCALINGS))
    by_operator = draw(st.sets(st.sampled_from(("Launch", "Terminate"))))
    suspends = verb == "release" and scaling == SCALINGS[1]
    model.suspended = set(by_operator)
    # processes that an earlier run could not resume
    debt = {"HealthCheck"} if verb == "rollback" and scaling and draw(st.booleans()) else set()
    model.suspended |= debt
    if suspends:
        model.still = {"Launch", "Terminate"}
    inputs = Inputs(
        asked=Release("main") if verb == "release" else Rollback(),
        settings=load(
            RAW
            | scaling
            | {"probe": {"enabled": draw(st.booleans())}}
            | {"cutover": [{"weight": weight, "bake": weight % 2} for weight in draw(st.sampled_from(CUTOVERS))]}
            | {"batches": draw(st.sampled_from([[], [1, "100%"], ["25%", "50%", "100%"]]))}
        ),
        color=live.other,
        before=weight,
        live=old,
        release=NEW if verb == "release" else str(former),
        revision="c" * 40,
        nodes=tuple(NodeInput(name, former) for name in names),
        switches=tuple(SwitchInput(balancer, "haproxy") for balancer in balancers),
        members=tuple(names),
        scaling=ScalingInput(
            tuple(sorted({"Launch", "Terminate"} - by_operator)) if suspends else tuple(debt),
            tuple(names) if scaling else (),
        ),
    )
    return model, inputs


def begin(model: Model, inputs: Inputs) -> None:
    model.journal.append([])
    model.append([Begin(inputs.verb, "me")])
    model.append([RunInputs(inputs.to_json())])


def walk(model: Model, inputs: Inputs) -> Walk:
    return Walk(plan(inputs), model, model.append, lambda event: None, NoControl())


def run(model: Model, inputs: Inputs) -> None:
    begin(model, inputs)
    whole = plan(inputs)
    ended = walk(model, inputs).go(whole.until_commit)
    model.append([End("left" if ended.left or ended.owed else "done" if ended.committed else "undone")])


def after(model: Model, inputs: Inputs, how: str, well: bool = True) -> bool:
    """Settle a killed run as a new process does. Returns whether there was a run to settle.

    + well: whether the settling must succeed
    """
    found = open_run(model.journal, inputs.settings)
    if found is None:
        return False
    earlier, back, whole = found
    assert back == inputs
    assert whole == plan(inputs)
    model.journal.append([])
    model.still, model.said = set(), set()
    if how == "resume" and not earlier.committed and not earlier.undoing:
        model.append([Begin("resume", "me")])
        model.append([RunInputs(inputs.to_json(), earlier.begun, earlier.done)])
        ended = walk(model, inputs).go(remaining(earlier, whole), begun_stages(earlier, whole))
        assert ended.committed or not well, ended.reason
        model.append([End("done" if ended.committed else "undone" if not ended.left else "left")])
    else:
        ended = settle(earlier, whole, walk(model, inputs))
        assert not (ended.left and well), ended.left
        if not (ended.left or ended.owed):
            model.append([Settled()])
    return True


@pytest.mark.exhaustive
@settings(max_examples=400, deadline=None)
@given(
    fleets(),
    st.integers(0, 120),
    st.sampled_from(["resume", "abort"]),
    st.integers(0, 60),
    st.sampled_from(["resume", "abort"]),
)
def test_any_prefix_settles_even_if_the_settling_is_killed(
    fleet: tuple[Model, Inputs], first: int, how: str, second: int, last: str
) -> None:
    model, inputs = fleet
    suspended = set(model.suspended)
    model.budget = first
    try:
        run(model, inputs)
    except Killed:
        model.budget = second
        try:
            after(model, inputs, how)
        except Killed:
            model.budget = None
            after(model, inputs, last)
    model.budget = None
    assert unfinished(model.journal) is None
    # processes that are still suspended belong to the earlier run, until this run has them on record
    began = any(record["record"] == "inputs" for records in model.journal for record in records)
    assert model.suspended == suspended - (set(inputs.scaling.suspended) if began else set())
    live = model.is_consistent()
    committed = any(record["record"] == "commit" for records in model.journal for record in records)
    moved = live == inputs.color.value
    assert moved == committed
    for node in model.nodes.values():
        if moved:
            assert node.color[live] == inputs.release
        else:
            assert node.color[live] == inputs.live
            assert NEW not in node.releases
            assert node.color[inputs.color.value] == inputs.nodes[0].former


@pytest.mark.exhaustive
@settings(max_examples=200, deadline=None)
@given(
    fleets(),
    st.dictionaries(st.integers(1, 120), st.sets(st.integers(0, 2), min_size=1), max_size=2),
    st.booleans(),
    st.frozensets(st.integers(1, 120), max_size=3),
    st.sampled_from(["resume", "abort"]),
)
def test_no_step_disturbs_a_color_that_may_get_requests(
    fleet: tuple[Model, Inputs], silence: dict[int, set[int]], lost: bool, fails: frozenset[int], how: str
) -> None:
    """Steps fail, and balancers fall silent, at any point of a run and of the settling (``Model.undisturbed``)."""
    model, inputs = fleet
    names = list(model.weights)
    model.falls_silent = {at: frozenset(names[n % len(names)] for n in which) for at, which in silence.items()}
    model.lost, model.fails = lost, fails
    run(model, inputs)
    for _ in range(2):
        after(model, inputs, how, well=False)
    # what was silent answers again, and nothing fails any more
    model.silent, model.falls_silent, model.fails = frozenset(), {}, frozenset()
    after(model, inputs, how)
    assert unfinished(model.journal) is None
    committed = any(record["record"] == "commit" for records in model.journal for record in records)
    # a step that fails after the commit is a warning, and the next release does its work
    live = {model._live(balancer) for balancer in model.weights} if committed else {model.is_consistent()}
    assert live == {(inputs.color if committed else inputs.color.other).value}


@given(st.lists(st.dictionaries(st.sampled_from(["record", "stage", "at"]), st.just("intent")), max_size=5))
def test_a_journal_with_odd_records_is_read(records: list[Record]) -> None:
    whole = [{"record": "?", "stage": "?", **record} for record in records]
    assert history_of(whole).inputs is None
    assert unfinished([whole]) is None
