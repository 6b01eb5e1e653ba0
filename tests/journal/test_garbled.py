"""The store on a host with damaged files: every command still works, and says what it read past."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import OrchestratorError
from orchestrator.journal.host import HostStore, parse_contents
from orchestrator.journal.store import Held
from tests.journal.places import HostPlace, somebody

LEASE = 600.0
OWNER = '{"who":"bob@laptop","pid":7,"verb":"release","since":"2026-01-02T03:04:05Z","token":""}'


@pytest.fixture
def begun(directory: HostPlace) -> HostPlace:
    """A store with the journal of one run, whose lock was given back."""
    store = directory.store()
    assert store.take(somebody(), LEASE) == 1
    store.append(somebody(), 1, [{"record": "begin", "of": "ann"}])
    store.give_back(somebody())
    return directory


@pytest.mark.parametrize(
    ("text", "holder", "remark"),
    [
        (b"", "an unknown owner", "lock: empty or garbled, so the holder of the lock is unknown"),
        (b"\n\n", "an unknown owner", "lock: empty or garbled"),
        (b"\xff\xfe\0\n\x01{{{\n", "an unknown owner", "lock: empty or garbled"),
        (b"token\n5\n", "an unknown owner", "lock: empty or garbled"),
        (b"token\n" + b"[" * 9000 + b"\n", "an unknown owner", "lock: empty or garbled"),
        (b'token\n{"who":"bob@laptop"}\nx y z\n', "bob@laptop", "lock: pid, since, token, verb is missing"),
        (
            b"token\n" + OWNER.replace("{", '{"fence":7,').encode() + b"\n",
            "bob@laptop",
            "lock: written by a newer version of this tool (unknown key fence)",
        ),
    ],
)
def test_a_damaged_lock_is_named_broken_and_taken(begun: HostPlace, text: bytes, holder: str, remark: str) -> None:
    lock = begun.directory / "lock"
    lock.write_bytes(text)
    contents = begun.store().read()
    assert contents.held is not None
    assert contents.held.owner.who == holder
    assert contents.held.age is None
    assert [one.text[: len(remark)] for one in contents.remarks] == [remark]
    assert [list(run) for run in contents.runs] == [[{"record": "begin", "of": "ann"}]]
    # another command cannot know when it was renewed, so it waits by its own clock
    held = begun.store().take(somebody(), LEASE)
    assert isinstance(held, Held)
    assert begun.store().take(somebody(), LEASE, unchanged=held.mark) == 2
    lock.write_bytes(text)
    begun.store().break_lock(contents.held)
    assert begun.store().read().held is None


def test_a_renewed_lock_has_another_mark(begun: HostPlace) -> None:
    store = begun.store()
    store.take(somebody(), LEASE)
    marks = set()
    acts: list[Callable[[], object]] = [
        lambda: 0,
        lambda: store.renew(somebody()),
        lambda: store.append(somebody(), 2, []),
    ]
    last = ""
    for act in acts:
        act()
        held = begun.store().take(somebody("bob"), LEASE)
        assert isinstance(held, Held)
        last = held.mark
        marks.add(last)
    # an earlier version of this tool renews the lock like this
    os.utime(begun.directory / "lock")
    held = begun.store().take(somebody("bob"), LEASE, unchanged=last)
    assert isinstance(held, Held)
    assert held.mark not in marks
    assert len(marks) == 3
    # a lock that was renewed meanwhile is still the same lock
    begun.store().break_lock(held)
    assert begun.store().read().held is None


@pytest.mark.parametrize("seconds", [-7200, 7200])
def test_a_clock_that_is_set_takes_no_lock_away_and_keeps_none(begun: HostPlace, seconds: float) -> None:
    begun.store().take(somebody(), LEASE)
    begun.set_clock(seconds)
    held = begun.store().take(somebody("bob"), LEASE)
    assert isinstance(held, Held)
    assert held.age is None
    assert begun.store().take(somebody("bob"), LEASE, unchanged=held.mark) == 3


@pytest.mark.parametrize("text", ["", "abc\n", "1 2\n", "$(exit 9)\n", "-1\n", "7\n8\n", "9" * 30 + "\n"])
def test_a_damaged_fence_follows_the_newest_journal(begun: HostPlace, text: str) -> None:
    store = begun.store()
    assert store.take(somebody(), LEASE, above=8) == 9
    store.append(somebody(), 9, [{"record": "begin", "of": "bob"}])
    store.give_back(somebody())
    (begun.directory / "fence").write_text(text)
    assert [remark.text for remark in begun.store().read().remarks] == [
        "fence: not a number, so the numbers of new runs follow the newest journal"
    ]
    assert begun.store().take(somebody(), LEASE) == 10


def test_a_fence_with_zeros_in_front_is_decimal(begun: HostPlace) -> None:
    (begun.directory / "fence").write_text("0010\n")
    assert begun.store().take(somebody(), LEASE) == 11


def test_other_files_and_bytes_do_not_end_the_reading(begun: HostPlace) -> None:
    runs = begun.directory / "runs"
    (runs / "0000000005.jsonl").mkdir()
    (runs / "notes.txt").write_text("hello\n")
    (runs / "-rf").write_text("hello\n")
    (runs / "0000000003.jsonl").write_bytes(b'\xff\0\r\n1\n{"x":1}\nrun 0000000009.jsonl\nfree\n{"record":"begin"}')
    contents = begun.store().read()
    assert [list(run) for run in contents.runs] == [[{"record": "begin", "of": "ann"}], [{"record": "begin"}]]
    assert contents.numbers == [1, 3]
    assert [(remark.run, remark.text) for remark in contents.remarks] == [
        (
            1,
            "runs/0000000003.jsonl: line 1 (cut off or garbled), line 2 (not a record), line 3 (not a record) "
            "and 2 more left out",
        )
    ]
    begun.store(kept=1).give_back(somebody("nobody"))
    assert begun.store().take(somebody(), LEASE) == 2


@pytest.mark.parametrize("lines", [[], ["Welcome to node1"], ["held"], ["held x y"], ["Permission denied", "free"]])
def test_no_answer_is_not_an_empty_store(lines: list[str]) -> None:
    with pytest.raises(OrchestratorError, match="the journal's store on the host gave an unexpected answer"):
        parse_contents(lines)
    with pytest.raises(OrchestratorError, match="the journal's store on the host gave an unexpected answer"):
        HostStore(lambda command, text: lines, "/x").take(somebody(), LEASE)


@pytest.fixture
def df(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """``df(free, inodes)`` lets the command df print these numbers: free KiB and free inodes."""

    def print_(free: int, inodes: int) -> None:
        (tmp_path / "bin").mkdir(exist_ok=True)
        line = f'[ "$1" = -Pk ] && n={free} || n={inodes}; printf "h\\nx 1 1 $n\\n"'
        (tmp_path / "bin/df").write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "bin/df").chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return print_


@pytest.mark.parametrize("name", ["fence.new", "lock.new", "runs/0000000001.jsonl"])
def test_a_full_disk_is_named(begun: HostPlace, df: Callable[[int, int], None], name: str) -> None:
    store = begun.store()
    if name.startswith("runs"):
        store.take(somebody(), LEASE)
        (begun.directory / name).unlink()
    # each write to this device fails, as on a full disk
    (begun.directory / name).symlink_to("/dev/full")

    def write() -> None:
        if name.startswith("runs"):
            store.append(somebody(), 1, [{"record": "begin"}])
        else:
            store.take(somebody("bob"), LEASE)

    for free, inodes, said in (
        (0, 9, f"no space left on device: {begun.directory} has 0 KiB free"),
        (9999, 0, f"no space left on device: {begun.directory} has no free inode"),
        (9999, 9, f"{begun.directory} cannot be written"),
    ):
        df(free, inodes)
        with pytest.raises(AssertionError, match=said):
            write()
    # reading needs no space
    assert list(begun.store().read().remarks) == []


def test_a_full_disk_does_not_cost_the_lock(begun: HostPlace) -> None:
    store = begun.store()
    store.take(somebody(), LEASE)
    before = store.take(somebody("bob"), LEASE)
    assert isinstance(before, Held)
    (begun.directory / "lock.new").symlink_to("/dev/full")
    store.renew(somebody())
    after = begun.store().take(somebody("bob"), LEASE, unchanged=before.mark)
    assert isinstance(after, Held)
