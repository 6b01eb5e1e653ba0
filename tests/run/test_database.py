"""Releases that change the schema of a database, on fake hosts: once, before the new release starts."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.errors import Refused, Silent, UsageError
from orchestrator.facts.migration import Migration
from orchestrator.fleet import Fleet
from orchestrator.journal import session
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.run.handlers import migrate
from orchestrator.verbs.bound import Approved, as_saved
from tests.fakes.processes import eventually
from tests.fakes.world import World
from tests.run.conftest import ring
from tests.run.faults import before
from tests.run.test_crash import Death, Killed, is_consistent

EXPAND = 'test -f "$RELEASE_PATH/public/index.php" && echo "$RELEASE" >>"$WORLD/expanded" && pwd && echo changed'
WAITING = """
echo "$RELEASE" >>"$WORLD/expanded"
until [ -e "$WORLD/go" ]; do sleep 0.02; done
test -f public/index.php && echo "$RELEASE" >>"$WORLD/finished"
"""


def fleet(world: World, expand: str = EXPAND, **more: Any) -> Fleet:
    database = {"user": "deploy", "migrate": {"expand": expand}, "deadline": 30, **more}
    return world.fleet(load(world.settings | {"database": database}))


def lines(world: World, name: str) -> list[str]:
    path = world.path / name
    return path.read_text().split() if path.exists() else []


def release(world: World, expand: str = EXPAND, ref: str = "v1", **more: Any) -> int:
    return verbs.release(fleet(world, expand), Options(ref=ref, **more))


def test_the_schema_changes_once_before_any_start(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    expanded: list[list[str]] = []
    before(monkeypatch, "start", lambda: expanded.append(lines(released, "expanded")))
    assert release(released) == 0
    made = released.release("node1", Color.green)
    assert expanded == [[made]]
    assert lines(released, "expanded") == [made]


def test_a_failed_expand_undoes_the_release(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    was = released.snapshot()
    assert release(released, "echo no such table; exit 3") == 1
    assert released.snapshot() == was
    said = capsys.readouterr().err
    assert "ended with status 3: no such table" in said
    assert "warning: node1: the schema may be changed in part" in said
    assert release(released) == 0


def test_a_live_release_that_fails_stops_the_release(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    was = released.snapshot()
    breaking = 'mkdir -p "$WORLD/node2/broken" && touch "$WORLD/node2/broken/health" && echo changed'
    assert release(released, breaking) == 1
    said = capsys.readouterr().err
    assert "gate live" in said
    assert "node2" in said
    assert "the schema stays changed" in said
    assert released.snapshot() == was


@pytest.mark.exhaustive
def test_two_batches_change_the_schema_once(released: World) -> None:
    settings = released.settings | {
        "database": {"user": "deploy", "migrate": {"expand": EXPAND}},
        "batches": [1, "100%"],
    }
    assert verbs.release(released.fleet(load(settings)), Options(ref="v1")) == 0
    assert len(lines(released, "expanded")) == 1


def test_a_rollback_does_not_change_the_schema(released: World) -> None:
    assert verbs.rollback(fleet(released), Options()) == 0
    assert lines(released, "expanded") == []


class Operator:
    """Dies, as by SIGKILL, when the run first asks whether the command has ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def die(*arguments: object) -> None:
            raise Killed("while the schema changes")

        monkeypatch.setattr(migrate, "ended", die)
        monkeypatch.setattr(session.Session, "give_back", lambda this: this._renewing and this._renewing.kill())


def killed_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """Start a release, and kill the operator while the command changes the schema. Return the release."""
    with monkeypatch.context() as dying:
        Operator(dying)
        with pytest.raises(Killed):
            release(world, WAITING)
    eventually(lambda: len(lines(world, "expanded")) == 1)
    monkeypatch.setattr(session, "LEASE", 0.0)
    return lines(world, "expanded")[0]


@pytest.mark.exhaustive
def test_an_abort_waits_for_the_command_of_a_dead_run(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = killed_meanwhile(released, monkeypatch)
    look = Fleet.look

    def finish(this: Fleet, host: Any, fact: type[Any], stdin: str | None = None, **arguments: Any) -> Any:
        seen = look(this, host, fact, stdin, **arguments)
        if fact is Migration:
            assert made in released.releases("node1")
            (released.path / "go").touch()
        return seen

    monkeypatch.setattr(Fleet, "look", finish)
    assert verbs.abort(fleet(released, WAITING), Options()) == 0
    assert lines(released, "finished") == [made]
    assert made not in released.releases("node1")
    is_consistent(released)


@pytest.mark.exhaustive
def test_a_resumed_run_waits_for_the_first_command(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = killed_meanwhile(released, monkeypatch)
    (released.path / "go").touch()
    assert verbs.resume(fleet(released, WAITING), Options()) == 0
    assert (lines(released, "expanded"), lines(released, "finished")) == ([made], [made])
    assert released.release("node1", Color.green) == made


def kill_the_command(world: World) -> None:
    """Kill the detached processes, as a power failure of the node does.

    A child of the command, such as `sleep`, may end by itself between the look at /proc and the signal.
    """
    releases, killed = f"{world.root('node1')}/releases/", 0
    for path in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if os.readlink(path).startswith(releases):
                os.kill(int(path.parts[2]), signal.SIGKILL)
                killed += 1
    assert killed


@pytest.mark.exhaustive
def test_a_command_without_a_known_end_is_not_repeated(
    released: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    was = released.snapshot()
    killed_meanwhile(released, monkeypatch)
    kill_the_command(released)
    assert verbs.abort(fleet(released), Options()) == 0
    assert "it is unknown how far the command expand-" in capsys.readouterr().err
    assert release(released) == 1
    assert "it is unknown how the command expand-" in capsys.readouterr().err
    assert released.snapshot() == was
    assert release(released, retry=True) == 0
    assert len(lines(released, "expanded")) == 2


@pytest.mark.exhaustive
def test_a_lost_connection_is_not_a_failed_command(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    look, silences = Fleet.look, [0]

    def silent(this: Fleet, host: Any, fact: type[Any], stdin: str | None = None, **arguments: Any) -> Any:
        if fact is Migration and silences[0] < 3:
            silences[0] += 1
            raise Silent("stopped answering")
        return look(this, host, fact, stdin, **arguments)

    monkeypatch.setattr(Fleet, "look", silent)
    monkeypatch.setattr(migrate, "POLL", 0.02)
    assert release(released) == 0
    assert (silences, len(lines(released, "expanded"))) == ([3], 1)


POINTS = 106


def cases() -> list[Any]:
    follow = ("release", "abort", "resume", "rollback")
    return [pytest.param(at, follow[at % 4], marks=ring(at, 40)) for at in range(1, POINTS + 1)]


@pytest.mark.exhaustive
def test_the_points_are_counted(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    death = Death(monkeypatch)
    assert release(released) == 0
    assert len(death.points) == POINTS, death.points


@pytest.mark.exhaustive
@pytest.mark.parametrize(("at", "then"), cases())
def test_killed_anywhere(released: World, monkeypatch: pytest.MonkeyPatch, at: int, then: str) -> None:
    with monkeypatch.context() as dying:
        death = Death(dying, at)
        with pytest.raises(Killed):
            release(released)
    monkeypatch.setattr(session, "LEASE", 0.0)
    assert verbs.VERBS[then](fleet(released), Options(ref="v1" if then == "release" else None)) == 0, death.points[-1]
    is_consistent(released)
    expanded = lines(released, "expanded")
    assert len(expanded) == len(set(expanded))
    if then == "release":
        assert released.release("node1", Color(released.live("node1"))) in expanded


CONTRACT = 'echo "$RELEASE" >>"$WORLD/contracted"; pwd'


def contracting(world: World, contract: str = CONTRACT, check: str | None = None) -> Fleet:
    commands = {"expand": EXPAND, "contract": contract} | ({"check": check} if check else {})
    database = {"user": "deploy", "migrate": commands, "deadline": 30}
    return world.fleet(load(world.settings | {"database": database}))


def contract(world: World, command: str = CONTRACT, check: str | None = None) -> int:
    return verbs.contract(contracting(world, command, check), Options())


def barriers(world: World) -> list[str]:
    files = [world.root(node) / "guard/barrier" for node in world.nodes]
    return [file.read_text().strip() if file.exists() else "" for file in files]


@pytest.mark.exhaustive
def test_a_contract_runs_once_and_no_older_release_can_run(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    live, older = released.release("node1", Color.blue), released.release("node1", Color.green)
    assert live
    assert older
    assert contract(released, check="test -d public") == 0
    assert lines(released, "contracted") == [live]
    assert barriers(released) == [live] * 3
    assert [released.release(node, Color.green) for node in released.nodes] == [None] * 3
    assert "done: the contract is complete" in capsys.readouterr().err
    for to in (None, older):
        with pytest.raises(Refused, match=f"the contract of {live} has removed parts of the schema"):
            verbs.rollback(contracting(released), Options(to=to))
    # the next release works as always, and can be rolled back to the release of the contract
    assert verbs.release(contracting(released), Options(ref="v1")) == 0
    assert verbs.rollback(contracting(released), Options()) == 0
    assert released.live_release("node1") == live


def test_a_contract_waits_for_its_check(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    was = released.snapshot()
    assert contract(released, check="echo 12 rows are left; false") == 1
    assert "12 rows are left" in capsys.readouterr().err
    assert (lines(released, "contracted"), barriers(released), released.snapshot()) == ([], [""] * 3, was)


@pytest.mark.exhaustive
def test_a_process_of_an_older_release_stops_the_contract(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    was, older = released.snapshot(), released.release("node2", Color.green)
    worker = subprocess.Popen(["sleep", "600"], cwd=released.root("node2") / f"releases/{older}")
    try:
        (released.path / "node2/used").write_text(f"{older} {worker.pid}\n")
        assert contract(released) == 1
    finally:
        worker.kill()
        worker.wait()
    assert f"process {worker.pid} of " in (said := capsys.readouterr().err)
    assert f"belongs to {older}: sleep 600" in said
    assert (lines(released, "contracted"), barriers(released), released.snapshot()) == ([], [""] * 3, was)
    (released.path / "node2/used").write_text("")
    assert contract(released) == 0


@pytest.mark.exhaustive
def test_a_failed_contract_keeps_the_barrier_and_is_repeated(
    released: World, capsys: pytest.CaptureFixture[str]
) -> None:
    live = released.release("node1", Color.blue)
    assert contract(released, "echo the table is locked; exit 7") == 1
    assert "the command of the contract failed on node1" in capsys.readouterr().err
    assert barriers(released) == [live] * 3
    assert contract(released) == 0
    assert lines(released, "contracted") == [live]


@pytest.mark.exhaustive
@pytest.mark.parametrize("verb", ["release", "contract"])
def test_an_approved_plan_is_the_plan_of_a_later_run(released: World, verb: str) -> None:
    options = Options(ref="v1" if verb == "release" else None)
    _, shown = verbs.inputs(contracting(released), verb, options)
    _, again = verbs.inputs(contracting(released), verb, options)
    assert shown.database
    assert again.database
    # each run has commands of its own, also if it is repeated within the same second
    assert shown.database.run != again.database.run
    approved = Approved(as_saved(replace(shown, database=replace(shown.database, run="a-second-earlier"))))
    assert verbs.PLANNED[verb](contracting(released), options, approved) == 0
    other = Approved(as_saved(replace(shown, database=replace(shown.database, runner="node2"))))
    with pytest.raises(Refused, match=r"the plan has changed since it was shown: .*the database's commands"):
        verbs.PLANNED[verb](contracting(released), options, other)


def test_a_contract_needs_all_nodes(released: World) -> None:
    released.down.add("node3")
    with pytest.raises(Refused, match="node3"):
        contract(released)
    assert barriers(released) == [""] * 3


def test_a_contract_needs_a_command(released: World) -> None:
    with pytest.raises(UsageError, match=r"database\.migrate\.contract"):
        verbs.contract(fleet(released), Options())


@pytest.mark.exhaustive
def test_a_joining_node_gets_the_barrier_and_no_older_release(released: World) -> None:
    live = released.release("node1", Color.blue)
    assert contract(released) == 0
    for balancer in released.balancers:
        (released.path / balancer / "barred").write_text("node3\n")
    (released.root("node3") / "guard/barrier").unlink()
    older = next(name for name in released.releases("node3") if name != live)
    (released.root("node3") / "green/release").symlink_to(f"../releases/{older}")
    assert verbs.join(contracting(released), Options(node="node3")) == 0
    assert barriers(released) == [live] * 3
    assert released.release("node3", Color.green) is None
    assert released.release("node3", Color.blue) == live


CONTRACT_POINTS = 48


@pytest.mark.exhaustive
def test_the_points_of_a_contract_are_counted(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    death = Death(monkeypatch)
    assert contract(released, check="true") == 0
    assert len(death.points) == CONTRACT_POINTS, death.points


@pytest.mark.exhaustive
@pytest.mark.parametrize("at", [pytest.param(at, marks=ring(at, 25)) for at in range(1, CONTRACT_POINTS + 1)])
def test_a_contract_killed_anywhere(released: World, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    live = released.release("node1", Color.blue)
    was = released.snapshot()
    with monkeypatch.context() as dying:
        death = Death(dying, at)
        with pytest.raises(Killed):
            contract(released, check="true")
    monkeypatch.setattr(session, "LEASE", 0.0)
    assert verbs.abort(contracting(released), Options()) in (0, 2, 3), death.points[-1]
    contracted = lines(released, "contracted")
    if any(point.startswith("after the record") and "commit" in point for point in death.points):
        assert (contracted, barriers(released)) == ([live], [live] * 3)
    else:
        assert (contracted, barriers(released), released.snapshot()) == ([], [""] * 3, was)
    assert contract(released, check="true") == 0
    assert set(lines(released, "contracted")) == {live}
