"""The store on a host: its files after a crash of the host. The promises of all stores are in test_contract.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.errors import OrchestratorError
from orchestrator.journal.host import HostStore
from orchestrator.journal.store import Held, Lost
from tests.fakes.processes import counted
from tests.journal.places import HostPlace, somebody

LEASE = 600.0
CUT = '{"record":"intent","sta'


def run_of(place: HostPlace, name: str, fence: int) -> HostStore:
    store = place.store()
    assert store.take(somebody(name), LEASE) == fence
    store.append(somebody(name), fence, [{"record": "begin", "of": name}])
    return store


def cut(place: HostPlace, fence: int) -> None:
    with (place.directory / "runs" / f"{fence:010d}.jsonl").open("a") as file:
        file.write(CUT)


def test_a_line_that_a_crash_cut_is_left_out(directory: HostPlace) -> None:
    run_of(directory, "ann", 1)
    cut(directory, 1)
    assert [list(run) for run in directory.store().read().runs] == [[{"record": "begin", "of": "ann"}]]


def test_a_cut_line_does_not_swallow_the_run_after_it(directory: HostPlace) -> None:
    run_of(directory, "ann", 1)
    cut(directory, 1)
    directory.pass_time(LEASE + 1)
    run_of(directory, "bob", 2)
    assert [[record["of"] for record in run] for run in directory.store().read().runs] == [["ann"], ["bob"]]


def test_a_cut_line_does_not_swallow_the_record_after_it(directory: HostPlace) -> None:
    store = run_of(directory, "ann", 1)
    cut(directory, 1)
    store.append(somebody("ann"), 1, [{"record": "undoing"}])
    (run,) = directory.store().read().runs
    assert [record["record"] for record in run] == ["begin", "undoing"]


def test_the_journals_of_the_newest_runs_stay(directory: HostPlace) -> None:
    for fence in range(1, 6):
        store = directory.store(kept=3)
        assert store.take(somebody(str(fence)), LEASE) == fence
        store.append(somebody(str(fence)), fence, [{"record": "begin", "of": fence}])
        store.give_back(somebody(str(fence)))
    assert [run[0]["of"] for run in directory.store().read().runs] == [3, 4, 5]
    # an owner without the lock removes nothing
    directory.store(kept=1).give_back(somebody("bob"))
    assert len(directory.store().read().runs) == 3


def test_other_users_cannot_read_the_files(directory: HostPlace) -> None:
    run_of(directory, "ann", 1)
    for path in (directory.directory, *directory.directory.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_an_answer_that_makes_no_sense_is_an_error() -> None:
    store = HostStore(lambda command, text: ["Permission denied"], "/var/lib/journal")
    with pytest.raises(OrchestratorError, match="store on the host gave an unexpected answer: Permission denied"):
        store.take(somebody(), LEASE)
    with pytest.raises(OrchestratorError, match="store on the host gave an unexpected answer: Permission denied"):
        store.renew(somebody())


def test_an_append_starts_five_programs(directory: HostPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = run_of(directory, "ann", 1)
    path, started = counted(tmp_path / "bin")
    monkeypatch.setenv("PATH", path)
    store.append(somebody("ann"), 1, [{"record": "undoing"}])
    shells = ["sh", "timeout", "sh"]
    assert started() == [*shells, "flock", "tail", "dd", "date", "mv"]
    store.renew(somebody("ann"))
    assert started()[8:] == [*shells, "flock", "date", "mv"]
    (run,) = store.read().runs
    assert [record["record"] for record in run] == ["begin", "undoing"]


def test_to_look_at_a_lock_takes_three_programs(
    directory: HostPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = run_of(directory, 'ann\\nil "\N{SNOWMAN}"', 1)
    path, started = counted(tmp_path / "bin")
    monkeypatch.setenv("PATH", path)
    held = store.read(0).held
    assert sorted(started()) == sorted(["sh", "timeout", "sh", "flock", "stat", "cksum", "awk"])
    assert held is not None
    assert held.owner.token == ""
    assert held.owner.who == somebody('ann\\nil "\N{SNOWMAN}"').who


def test_the_command_that_takes_the_lock_reads_the_journal(directory: HostPlace) -> None:
    run_of(directory, "ann", 1)
    store = directory.store()
    assert isinstance(store.take(somebody("bob"), LEASE), Held)
    assert store.seen is None
    directory.pass_time(LEASE + 1)
    assert store.take(somebody("bob"), LEASE) == 2
    assert store.seen is not None
    assert store.seen.runs == directory.store().read().runs == [[{"record": "begin", "of": "ann"}]]
    assert store.seen.numbers == [1]


@pytest.mark.exhaustive
def test_to_read_many_journals_takes_few_programs(
    directory: HostPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = directory.store()
    for fence in range(1, 26):
        run_of(directory, str(fence), fence)
        store.give_back(somebody(str(fence)))
    (directory.directory / "runs" / f"{25:010d}.jsonl").open("a").write(CUT)
    path, started = counted(tmp_path / "bin")
    monkeypatch.setenv("PATH", path)
    found = store.read()
    assert sorted(started()) == sorted(["sh", "timeout", "sh", "flock", "sed", "sed"])
    assert found.numbers == list(range(6, 26))
    assert [[record["of"] for record in run] for run in found.runs] == [[str(fence)] for fence in range(6, 26)]
    (directory.directory / "runs" / f"{20:010d}.jsonl").write_text("")
    assert store.read().numbers == list(range(6, 26)), "an empty file is a run without records"
    assert [len(run) for run in store.read().runs].index(0) == 14


def test_records_are_on_the_disk_before_an_append_ends(
    directory: HostPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert directory.store().take(somebody(), LEASE) == 1
    log = tmp_path / "log"
    for name, real in (("dd", "/usr/bin/dd"), ("sync", "/usr/bin/sync")):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>{log}\nexec {real} "$@"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    for _ in range(2):
        directory.store().append(somebody(), 1, [{"record": "begin"}])
    runs = directory.directory / "runs"
    dd = f"dd bs=64k oflag=append conv=notrunc,fsync status=none of={runs}/0000000001.jsonl"
    # the name of a new file is on the disk, too
    assert log.read_text().splitlines() == [dd, f"sync {runs}", dd]


def test_a_renewal_keeps_the_holder_s_lines(directory: HostPlace) -> None:
    store = run_of(directory, "ann", 1)
    lock = directory.directory / "lock"
    token, owner, renewed = lock.read_text().splitlines()
    lock.write_text(f"{token}\n{owner}\\n*\n{renewed}\n")
    store.renew(somebody("ann"))
    found = lock.read_text().splitlines()
    assert found[:2] == [token, f"{owner}\\n*"]
    assert len(found) == 3
    with pytest.raises(Lost):
        store.renew(somebody("bob"))


def test_the_end_is_on_the_disk_before_the_lock_is_free(
    directory: HostPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = run_of(directory, "ann", 1)
    lock, log = directory.directory / "lock", tmp_path / "log"
    program = tmp_path / "bin" / "dd"
    program.parent.mkdir()
    # the program fails only once, after it has written nothing
    program.write_text(
        f"#!/bin/sh\n[ -e {lock} ] && echo held >>{log}\n"
        f'[ -e {tmp_path}/full ] || exec /usr/bin/dd "$@"\nrm {tmp_path}/full; exit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    (tmp_path / "full").touch()
    with pytest.raises(AssertionError, match="cannot be written"):
        store.end(somebody("ann"), 1, [{"record": "end"}])
    assert lock.exists()
    assert store.end(somebody("ann"), 1, [{"record": "end"}])
    assert not lock.exists()
    assert log.read_text().split() == ["held", "held"]
    assert [[record["record"] for record in run] for run in store.read().runs] == [["begin", "end"]]


def test_an_end_whose_lock_cannot_be_removed_is_written(
    directory: HostPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = run_of(directory, "ann", 1)
    program = tmp_path / "bin" / "rm"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho no >&2\nexit 1\n")
    program.chmod(0o755)
    with monkeypatch.context() as failing:
        failing.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
        assert not store.end(somebody("ann"), 1, [{"record": "end"}])
    assert [[record["record"] for record in run] for run in store.read().runs] == [["begin", "end"]]
    store.renew(somebody("ann"))
    store.give_back(somebody("ann"))
    assert store.read().held is None


def test_the_end_removes_the_oldest_journals(directory: HostPlace) -> None:
    for fence in range(1, 5):
        run_of(directory, str(fence), fence)
        assert directory.store(kept=2).end(somebody(str(fence)), fence, [{"record": "end"}])
    assert directory.store().read().numbers == [3, 4]


def test_the_end_starts_four_programs(directory: HostPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = run_of(directory, "ann", 1)
    path, started = counted(tmp_path / "bin")
    monkeypatch.setenv("PATH", path)
    store.end(somebody("ann"), 1, [{"record": "end"}])
    assert started() == ["sh", "timeout", "sh", "flock", "tail", "dd", "rm"]
