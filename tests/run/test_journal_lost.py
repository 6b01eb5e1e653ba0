"""The journal cannot be written: at the commit, at the end, or at all. The run says its real end, and is settled."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.errors import NoJournal, OrchestratorError, Refused, Undecided
from orchestrator.journal import session
from orchestrator.journal.host import HostStore
from orchestrator.journal.store import NEWEST, Contents, Held, Owner, Record
from orchestrator.model import Color
from orchestrator.options import Options, read
from orchestrator.verbs.noted import HostNotes
from orchestrator.verbs.session import begin_session, read_hosts
from tests.fakes.world import World
from tests.journal.places import somebody
from tests.run.test_crash import is_consistent
from tests.run.test_former_journals import killed

pytestmark = pytest.mark.exhaustive

FULL = OrchestratorError("haproxy, which holds lock and journal: no space left on device: /x has 0 KiB free")
OFF = Options(unjournaled=True)


def fails(*_: object, **__: object) -> int:
    """Replaces a method of the store whose host has a full disk."""
    raise FULL


def kinds(paths: Sequence[Path]) -> list[str]:
    """The kinds of the records in the newest of these journals."""
    return [json.loads(line)["record"] for line in max(paths).read_text().splitlines()]


def journals(world: World) -> list[Path]:
    return list(world.path.glob("haproxy/**/journal/runs/*"))


def notes(world: World) -> dict[str, list[Path]]:
    """Name of each host with notes -> the files of the notes."""
    found: dict[str, list[Path]] = {}
    for path in world.path.glob("*/**/guard/noted/*"):
        found.setdefault(path.relative_to(world.path).parts[0], []).append(path)
    return found


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """``full(kind)`` fills the disk of the journal when a record of this kind is written."""

    def fill(kind: str) -> None:
        is_full = [False]

        def failing(write: Callable[..., Any]) -> Callable[..., Any]:
            def fails(this: HostStore, owner: Owner, fence: int, records: Sequence[Record]) -> Any:
                is_full[0] = is_full[0] or any(
                    kind in (record["record"], f"{record['record']} {record.get('stage')}") for record in records
                )
                if is_full[0]:
                    raise FULL
                return write(this, owner, fence, records)

            return fails

        monkeypatch.setattr(HostStore, "append", failing(HostStore.append))
        monkeypatch.setattr(HostStore, "end", failing(HostStore.end))

    return fill


def test_a_journal_that_fails_after_the_commit_skips_no_stage(
    released: World, full: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    full("intent promote")
    assert verbs.rollback(released.fleet(), Options()) == 0
    assert "the rest of this run is noted on node1" in capsys.readouterr().err
    is_consistent(released)
    assert {kinds(paths)[-1] for paths in notes(released).values()} == {"end"}


@pytest.mark.parametrize("dies", [False, True])
def test_the_next_command_adds_the_notes_to_the_journal(
    released: World,
    full: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    dies: bool,
) -> None:
    append, end = HostStore.append, HostStore.end
    full("commit")
    if dies:
        killed(released, "release", "commit", after=True, options=Options(ref="v1"))
    else:
        assert verbs.release(released.fleet(), Options(ref="v1")) == 0
        err = capsys.readouterr().err
        assert "warning: the journal cannot be written (haproxy, which holds lock and journal: no space left" in err
        assert "the rest of this run is noted on node1, node2, node3, haproxy, nginx, and the next" in err
        assert f"done: {released.live_release('node1')} (green) has all the traffic" in err
    assert "commit" not in kinds(journals(released))
    assert set(notes(released)) == {*released.nodes, *released.balancers}
    monkeypatch.setattr(HostStore, "append", append)
    monkeypatch.setattr(HostStore, "end", end)
    monkeypatch.setattr(session, "LEASE", 0.0)
    assert verbs.show_status(released.fleet(), Options()) == 0
    assert "NOTED        run 3 is noted on the hosts" in capsys.readouterr().out
    assert verbs.abort(released.fleet(), Options()) == 0
    err = capsys.readouterr().err
    assert "run 3 could not write the journal: its notes on the hosts are in the journal now" in err
    assert ("nothing to abort: the last run ended" in err) is not dies
    # it is never undone
    is_consistent(released)
    assert released.live("node1") == "green"
    assert notes(released) == {}
    assert "commit" in [json.loads(line)["record"] for line in sorted(journals(released))[2].read_text().splitlines()]


def test_a_commit_that_nobody_takes_is_undecided(
    released: World, full: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    full("commit")
    monkeypatch.setattr("orchestrator.verbs.noted.NOTE", "echo cut off >&2; exit 1")
    with pytest.raises(Undecided, match=r"; the run cannot be noted on the hosts either: node1: cut off"):
        verbs.release(released.fleet(), Options(ref="v1"))
    assert released.weight("haproxy") == 100


@pytest.mark.parametrize("arrives", [False, True])
def test_a_pause_that_cannot_be_recorded_is_undone(
    released: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arrives: bool
) -> None:
    append, before = HostStore.append, released.snapshot()
    cut_off = [False]

    def failing(this: HostStore, owner: Owner, fence: int, records: Sequence[Record]) -> None:
        if any(record["record"] == "paused" for record in records):
            if arrives:
                append(this, owner, fence, records)
            cut_off[0] = True
        if cut_off[0]:
            raise FULL
        append(this, owner, fence, records)

    with monkeypatch.context() as full_disk:
        full_disk.setattr(HostStore, "append", failing)
        full_disk.setattr(HostStore, "end", failing)
        assert verbs.release(released.fleet(), Options(ref="v1", until="preview")) == 1
    assert released.snapshot() == before
    err = capsys.readouterr().err
    assert "0 KiB free" in err
    assert (kinds(journals(released))[-1] == "paused") is arrives
    # the undo is noted, so the run does not wait
    assert {kinds(paths)[-1] for paths in notes(released).values()} == {"end"}
    assert set(notes(released)) == {*released.nodes, *released.balancers}
    with pytest.raises(Refused, match="nothing to promote"):
        verbs.promote(released.fleet(), Options())
    assert released.snapshot() == before


def test_a_run_gets_no_number_of_a_run_without_a_journal(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full_disk:
        full_disk.setattr(HostStore, "take", fails)
        assert verbs.rollback(released.fleet(), OFF) == 0
    number = max(int(path.stem) for paths in notes(released).values() for path in paths)
    assert verbs.release(released.fleet(), Options(ref="v1", until="preview")) == 0
    assert kinds(journals(released))[-1] == "paused"
    rollback = next(path for path in journals(released) if int(path.stem) == number)
    assert kinds([rollback])[-1] == "end"
    assert verbs.promote(released.fleet(), Options()) == 0
    is_consistent(released)


def test_many_failed_attempts_do_not_hide_an_open_run(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = released.snapshot()
    killed(released, "release", "intent", "cutover", options=Options(ref="v1"))
    open_run = max(journals(released))
    begin = next(line for line in open_run.read_text().splitlines() if json.loads(line)["record"] == "begin")
    for number in range(1, 3 * NEWEST):
        (open_run.parent / f"{int(open_run.stem) + number:010d}.jsonl").write_text(f"{begin}\n")
    monkeypatch.setattr(session, "LEASE", 0.0)
    assert verbs.show_status(released.fleet(), Options()) == 0
    assert verbs.abort(released.fleet(), Options()) == 0
    assert released.snapshot() == before


def test_an_end_that_the_journal_does_not_take_is_only_a_warning(
    released: World, full: Callable[[str], None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    full("end")
    monkeypatch.setattr("orchestrator.verbs.noted.NOTE", "echo cut off >&2; exit 1")
    assert verbs.rollback(released.fleet(), Options()) == 0
    err = capsys.readouterr().err
    assert "warning: the end of the run could not be written to the journal: haproxy" in err
    assert "(green) has all the traffic" in err


def test_a_rollback_without_a_journal(
    released: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    former = released.release("node1", Color.green)

    with monkeypatch.context() as full_disk:
        full_disk.setattr(HostStore, "take", fails)
        with pytest.raises(NoJournal, match=r"0 KiB free; in an emergency, deploys/rollback\.py --data journal=off"):
            verbs.rollback(released.fleet(), Options())
        with pytest.raises(NoJournal, match=r"0 KiB free$"):
            verbs.release(released.fleet(), Options())
        # the journal can still be read, or not
        full_disk.setattr(HostStore, "read", fails)
        capsys.readouterr()
        assert verbs.rollback(released.fleet(), OFF) == 0
    err = capsys.readouterr().err
    assert "warning: the journal cannot be read, so it is unknown which runs came before" in err
    assert "this run is noted on node1, node2, node3, haproxy, nginx: the next command" in err
    is_consistent(released)
    assert released.live_release("node1") == former
    for paths in notes(released).values():
        assert kinds(paths)[:2] == ["begin", "inputs"]
        assert kinds(paths)[-1] == "end"
    # the next command adds the rollback to the journal
    assert verbs.release(released.fleet(), Options(ref="v2")) == 0
    assert "its notes on the hosts are in the journal now" in capsys.readouterr().err
    assert notes(released) == {}
    assert verbs.show_status(released.fleet(), Options()) == 0
    assert "rollback" in capsys.readouterr().out


def test_a_rollback_without_a_journal_that_dies_is_settled(released: World) -> None:
    before = released.snapshot()
    killed(released, "rollback", "commit", options=OFF)
    assert released.weight("haproxy") == 100
    assert verbs.abort(released.fleet(), Options()) == 0
    assert released.snapshot() == before


def test_a_rollback_without_a_journal_settles_an_open_run(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(released, "release", "intent", "cutover", options=Options(ref="v1"))
    former = released.live_release("node1")
    monkeypatch.setattr(session, "LEASE", 0.0)
    assert verbs.rollback(released.fleet(), OFF) == 0
    is_consistent(released)
    assert released.live_release("node1") != former
    with pytest.raises(Refused, match="nothing to promote"):
        verbs.promote(released.fleet(), Options())


@pytest.mark.parametrize("paused", [True, False])
def test_an_abort_without_a_journal_takes_the_traffic_back(
    released: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, paused: bool
) -> None:
    before = released.snapshot()
    made = load(released.settings | {"cutover": [{"weight": 25, "bake": 0}, {"weight": 100}]})
    options = Options(ref="v1", until="25" if paused else "")
    if paused:
        assert verbs.release(released.fleet(made), options) == 0
    else:
        killed(released, "release", "intent", "cutover", options=options, settings=made)
    assert released.weight("haproxy") in (25, 75)

    with monkeypatch.context() as full_disk:
        full_disk.setattr(HostStore, "take", fails)
        full_disk.setattr(session, "LEASE", 0.0)
        with pytest.raises(NoJournal, match=r"in an emergency, deploys/abort\.py --data journal=off undoes the run"):
            verbs.abort(released.fleet(made), Options())
        if paused:
            with pytest.raises(Refused, match=r"deploys/abort\.py --data journal=off undoes the release"):
                verbs.rollback(released.fleet(made), OFF)
        assert verbs.abort(released.fleet(made), OFF) == 0
        assert released.snapshot() == before
        # a journal that cannot be read does not say whether a run waits
        full_disk.setattr(HostStore, "read", fails)
        for host in notes(released):
            for path in notes(released)[host]:
                path.unlink()
        with pytest.raises(NoJournal, match="do not say whether a run has to be undone: repair the journal"):
            verbs.abort(released.fleet(made), OFF)


def test_the_next_command_knows_an_abort_without_a_journal(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert verbs.release(released.fleet(), Options(ref="v1", until="preview")) == 0
    with monkeypatch.context() as full_disk:
        full_disk.setattr(HostStore, "take", fails)
        assert verbs.abort(released.fleet(), OFF) == 0
    with pytest.raises(Refused, match="nothing to promote"):
        verbs.promote(released.fleet(), Options())
    assert verbs.release(released.fleet(), Options(ref="v1")) == 0
    is_consistent(released)


def test_a_live_run_keeps_a_rollback_without_a_journal_out(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = iter("abcd")
    monkeypatch.setattr(HostStore, "read", lambda this: Contents(Held(somebody("bob"), None, next(marks)), []))
    before = len(released.commands)
    with pytest.raises(Refused, match=r"bob@laptop .*: wait until that run has ended"):
        verbs.rollback(released.fleet(), OFF)
    assert len(released.commands) == before


def test_only_off_is_a_journal() -> None:
    assert read("rollback", {"journal": "off"}).unjournaled
    assert read("rollback", {"journal": False}).unjournaled
    with pytest.raises(OrchestratorError, match="--data journal=on: the only allowed value is off"):
        read("rollback", {"journal": "on"})
    with pytest.raises(OrchestratorError, match="unknown --data journal"):
        read("release", {"journal": "off"})


def test_notes_of_an_older_run_are_refused(released: World) -> None:
    fleet = released.fleet()
    assert HostNotes(fleet).append(7, [{"record": "commit"}]) == "node1, node2, node3, haproxy, nginx"
    with pytest.raises(OrchestratorError, match="a newer run has begun"):
        HostNotes(fleet).append(6, [{"record": "commit"}])
    assert read_hosts(fleet)[0] == {7: [{"record": "commit"}]}


def test_a_provisioning_notes_its_number_for_new_instances(released: World) -> None:
    scaling = {"group": "shop-prod", "live": "s3://deploys/shop/live.json", "hook": "catch-up"}
    balancer = {"kind": "haproxy", "group": "haproxy", "urls": ["http://shop.test/"]}
    fleet = released.fleet(load(released.settings | {"scaling": scaling, "switches": [balancer]}, recorded=True))

    def noted() -> dict[str, str]:
        return {
            path.relative_to(released.path).parts[0]: path.read_text()
            for path in released.path.glob("*/**/guard/provisioned")
        }

    with begin_session(fleet, "rollback"):
        assert noted() == {}
    with begin_session(fleet, "provision") as session:
        number = f"{session.fence}\n"
        assert noted() == dict.fromkeys(released.nodes, number)
    assert (released.root("node1") / "guard/fence").read_text() == number
    with begin_session(fleet, "rollback"):
        assert noted() == dict.fromkeys(released.nodes, number)
