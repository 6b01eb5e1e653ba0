"""The current code settles a run that version 0.1.0 left open, on a fleet in the state in which that run left it.

The current code brings the fleet to that state, and the state is compared with the recorded one. Then the store
gets the journal that version 0.1.0 wrote, with this fleet's releases and commits in the place of the recorded ones.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import Settings, load
from orchestrator.errors import Refused
from orchestrator.journal import session
from orchestrator.journal.history import history_of
from orchestrator.journal.records import RunRecord
from orchestrator.journal.session import Session
from orchestrator.model import Color
from orchestrator.options import Options
from tests.fakes.git import git
from tests.fakes.world import World
from tests.journal.former import Former, former
from tests.run.test_crash import is_consistent

CANARY: dict[str, Any] = {
    "cutover": [{"weight": 5}, {"weight": 25, "bake": 0.1}, {"weight": 100, "bake": 0.1}],
    "comparison": {"enabled": False},
    "batches": [1, "100%"],
    "build": [
        {
            "name": "vendor",
            "run": "mkdir vendor; cp public/index.php vendor/x",
            "inputs": ["public"],
            "outputs": ["vendor"],
        }
    ],
    "hooks": [
        {"before": "cutover", "on": "operator", "run": "echo about to move"},
        {"after": "start", "run": "echo started"},
    ],
    "environment": {"values": {"APP_KEY": "a-secret-key"}},
}


class Killed(BaseException):
    """The process is gone."""


def killed(
    world: World,
    verb: str,
    record: str,
    stage: str = "",
    after: bool = False,
    options: Options | None = None,
    settings: Settings | None = None,
) -> None:
    """A run that ends as if killed by SIGKILL, before (or after) it appends a record of this kind."""
    append = Session.append

    def dying(this: Session, records: Sequence[RunRecord], last: bool = False) -> None:
        here = any(one.kind == record and getattr(one, "stage", "") == stage for one in records)
        if not here or after:
            append(this, records, last)
        if here:
            raise Killed

    with pytest.MonkeyPatch.context() as dies:
        dies.setattr(Session, "append", dying)
        # a dead process gives no lock back
        dies.setattr(Session, "give_back", lambda this: this._renewing and this._renewing.kill())
        with pytest.raises(Killed):
            verbs.VERBS[verb](world.fleet(settings), options or Options())


def _killed_undoing(world: World) -> None:
    STATES["killed-before-commit"](world)
    killed(world, "abort", "undoing", after=True)


STATES: dict[str, Callable[[World], object]] = {
    "killed-preparing": lambda world: killed(world, "release", "intent", "start", options=Options(ref="v1")),
    "killed-before-commit": lambda world: killed(world, "release", "commit", options=Options(ref="v1")),
    "committed": lambda world: killed(world, "release", "commit", after=True, options=Options(ref="v1")),
    "killed-rollback": lambda world: killed(world, "rollback", "commit"),
    "killed-undoing": _killed_undoing,
    "paused-preview": lambda world: verbs.release(world.fleet(), Options(ref="v1", until="preview")),
    "paused-25": lambda world: verbs.release(world.fleet(settings(world, "paused-25")), Options(ref="v1", until="25")),
}
"""How the code of today comes to the state of each case."""


def settings(world: World, case: str) -> Settings:
    return load(world.settings | (CANARY if case == "paused-25" else {}))


@pytest.fixture
def left_open(released: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], World]:
    """The world after a case, with the journal that version 0.1.0 wrote."""

    def make(case: str) -> World:
        monkeypatch.setattr(session, "LEASE", 0.0)
        recorded = former(f"0.1.0/{case}")
        live, idle = (released.release("node1", color) for color in (Color.blue, Color.green))
        STATES[case](released)
        names = _names(recorded, released, str(live), str(idle))
        assert released.snapshot() == _renamed(recorded.snapshot, names)
        _take_over(recorded, released, names)
        return released

    return make


def _names(recorded: Former, world: World, live: str, idle: str) -> dict[str, str]:
    """The releases, commits and origin of the recorded world -> those of this world."""
    head = next(inputs for run in recorded.contents.runs if (inputs := history_of(run).inputs))
    new = sorted(set(world.releases("node1")) - {live, idle})
    v1, v2 = (git(world.origin, "rev-parse", ref).strip() for ref in ("v1", "v2"))
    names = {recorded.live: live, recorded.idle: idle, str(head["settings"]["source"]["origin"]): str(world.origin)}
    # a rollback creates no release, and knows only the short commit
    if head["verb"] == "release":
        names |= {str(head["release"]): new[0], str(head["revision"]): v1}
    return names | {recorded.live.rpartition("-")[2]: v2[:7], recorded.idle.rpartition("-")[2]: v1[:7]}


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [_renamed(one, names) for one in value]
    return names.get(value, value) if isinstance(value, str) else value


def _take_over(recorded: Former, world: World, names: dict[str, str]) -> None:
    (runs,) = world.path.glob("haproxy/**/journal/runs")
    shutil.rmtree(runs)
    runs.mkdir()
    for file, text in recorded.files.items():
        for then, now in names.items():
            text = text.replace(then, now)
        (runs / file).write_text(text)


def live(world: World) -> str:
    """The one color that has all the traffic everywhere, once the fleet is whole."""
    is_consistent(world)
    return world.live("node1")


UNDONE, FORWARD = "blue", "green"

CASES = [
    ("killed-preparing", "abort", UNDONE),
    ("killed-preparing", "resume", FORWARD),
    ("killed-before-commit", "abort", UNDONE),
    ("killed-before-commit", "resume", FORWARD),
    # the run is undone first, and then v1 goes to the idle color
    ("killed-before-commit", "release", FORWARD),
    ("committed", "abort", FORWARD),
    ("committed", "resume", FORWARD),
    # the run is carried forward first, and then rolled back
    ("committed", "rollback", UNDONE),
    ("killed-rollback", "abort", UNDONE),
    ("killed-rollback", "resume", FORWARD),
    ("killed-undoing", "abort", UNDONE),
    # a run that is being undone cannot be continued
    ("killed-undoing", "resume", UNDONE),
    ("paused-preview", "promote", FORWARD),
    ("paused-preview", "abort", UNDONE),
    ("paused-25", "promote", FORWARD),
    ("paused-25", "abort", UNDONE),
]


def cases() -> list[Any]:
    """All cases. `make test` takes the first one of each journal, `make test-all` the others."""
    first = {case: verb for case, verb, _ in reversed(CASES)}
    made = []
    for case, verb, color in CASES:
        ring = pytest.mark.exhaustive if first[case] == verb else pytest.mark.slow
        made.append(pytest.param(case, verb, color, id=f"{case} {verb}", marks=ring))
    return made


@pytest.mark.parametrize(("case", "verb", "color"), cases())
def test_a_former_run_is_settled(left_open: Callable[[str], World], case: str, verb: str, color: str) -> None:
    world = left_open(case)
    options = Options(ref="v1") if verb == "release" else Options()
    assert verbs.VERBS[verb](world.fleet(settings(world, case)), options) == 0
    assert live(world) == color
    # nothing is left to be settled
    with pytest.raises(Refused, match="nothing to promote"):
        verbs.promote(world.fleet(settings(world, case)), Options())


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "case",
    ["killed-undoing", *(pytest.param(case, marks=pytest.mark.slow) for case in ("killed-before-commit", "paused-25"))],
)
def test_an_abort_leaves_the_fleet_as_it_was(released: World, left_open: Callable[[str], World], case: str) -> None:
    before = released.snapshot()
    world = left_open(case)
    assert verbs.abort(world.fleet(settings(world, case)), Options()) == 0
    assert world.snapshot() == before


@pytest.mark.exhaustive
def test_a_release_that_waits_keeps_the_next_one_out(left_open: Callable[[str], World]) -> None:
    world = left_open("paused-preview")
    with pytest.raises(Refused, match=r"waits \(preview\): deploys/promote.py continues the release"):
        verbs.release(world.fleet(), Options(ref="v2"))
