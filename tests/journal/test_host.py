"""The store on a host: its files after a crash of the host. The promises of all stores are in test_contract.py."""

from __future__ import annotations

import pytest

from orchestrator.errors import OrchestratorError
from orchestrator.journal.host import HostStore
from tests.journal.places import HostPlace, somebody

LEASE = 15.0
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
