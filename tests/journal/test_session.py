"""The lock during a run, on a store in memory and a fake clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import gevent
import pytest

from orchestrator.errors import OrchestratorError, Refused, TakenOver
from orchestrator.journal.records import Begin, Commit, End, Intent, PlaceResult, StageResults, Undoing
from orchestrator.journal.session import LEASE, Session, owner
from orchestrator.journal.store import Contents, Held, Lost, Owner, Record
from tests.journal.places import somebody

ANN, BOB, CID = somebody("ann"), somebody("bob"), somebody("cid")


class Clock:
    """A clock that moves only when the test sleeps; all other sleepers wait for it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.at: list[tuple[float, Callable[[], None]]] = []
        self._test: object = gevent.getcurrent()
        self._really: Callable[[float], None] = gevent.sleep

    def sleep(self, seconds: float = 0) -> None:
        until = self.now + seconds
        if gevent.getcurrent() is not self._test:
            while self.now < until:
                self._really(0)
            return
        self._others()
        while self.now < until:
            self.now += 0.5
            for moment, act in [item for item in self.at if item[0] <= self.now]:
                self.at.remove((moment, act))
                act()
            self._others()

    def _others(self) -> None:
        for _ in range(3):
            self._really(0)


@dataclass
class Memory:
    """A store in memory that uses the test's clock."""

    clock: Clock
    owner: Owner | None = None
    fence: int = 0
    renewed: float = 0.0
    renewals: list[float] = field(default_factory=list)
    written: list[Record] = field(default_factory=list)
    broken: bool = False
    keeps: bool = False
    returns: int = 0
    clock_was_set: bool = False
    seen: Contents | None = None

    def take(self, owner: Owner, lease: float, above: int = 0, unchanged: str = "") -> int | Held:
        age = None if self.clock_was_set else self.clock.now - self.renewed
        mark = f"{self.owner and self.owner.who} {self.renewed}"
        if self.owner and mark != unchanged and (age is None or age < lease):
            return Held(replace(self.owner, token=""), age, mark)
        self.owner, self.renewed = owner, self.clock.now
        self.fence = max(self.fence, above) + 1
        return self.fence

    def renew(self, owner: Owner) -> None:
        self.renewals.append(self.clock.now)
        self._sure(owner)
        self.renewed = self.clock.now

    def append(self, owner: Owner, fence: int, records: Sequence[Record]) -> None:
        self._sure(owner)
        self.written += [{"fence": fence, **record} for record in records]

    def end(self, owner: Owner, fence: int, records: Sequence[Record]) -> bool:
        self.append(owner, fence, records)
        if self.keeps:
            return False
        self.give_back(owner)
        return True

    def give_back(self, owner: Owner) -> None:
        self.returns += 1
        if self.broken:
            raise OSError("no route")
        if self.owner == owner:
            self.owner = None

    def break_lock(self, held: Held) -> None:
        self.owner = None

    def adopt(self, owner: Owner, number: int, records: Sequence[Record]) -> None:
        self.written += records

    def read(self, runs: int = 20) -> Contents:
        return Contents(None, [self.written])

    def _sure(self, owner: Owner) -> None:
        if self.broken:
            raise OSError("no route")
        if self.owner != owner:
            raise Lost


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("orchestrator.journal.session.gevent.sleep", made.sleep)
    monkeypatch.setattr("orchestrator.journal.clock.monotonic", lambda: made.now)
    return made


@pytest.fixture
def store(clock: Clock) -> Memory:
    return Memory(clock)


class Told(list[str]):
    """Collects the lines that were printed for the operator."""


@pytest.fixture
def said() -> Told:
    return Told()


def session(store: Memory, said: Told, me: Owner = ANN) -> Session:
    return Session(store, me, said.append)


def test_a_free_lock_is_taken_at_once_and_without_a_word(store: Memory, said: Told, clock: Clock) -> None:
    held = session(store, said)
    held.take()
    assert (held.fence, clock.now, said) == (1, 0.0, [])
    held.append([Begin("release", "ann")])
    (record,) = store.written
    assert (record["fence"], record["record"]) == (1, "begin")
    assert str(record["at"]).endswith("Z")
    held.give_back()
    assert store.owner is None


def test_the_lock_is_renewed_until_it_is_given_back(store: Memory, said: Told, clock: Clock) -> None:
    held = session(store, said)
    held.take()
    clock.sleep(16)
    assert store.renewals == [5.0, 10.0, 15.0]
    held.give_back()
    clock.sleep(16)
    assert len(store.renewals) == 3
    assert said == []


def test_a_failed_renewal_is_reported_and_the_next_one_succeeds(store: Memory, said: Told, clock: Clock) -> None:
    held = session(store, said)
    held.take()
    store.broken = True
    clock.sleep(6)
    assert said == ["the lock could not be renewed: no route"]
    store.broken = False
    clock.sleep(5)
    assert (store.renewals, store.renewed) == ([5.0, 10.0], 10.0)
    held.append([Begin("release", "ann")])
    held.give_back()


def test_the_next_record_notices_a_lock_that_was_taken_over(store: Memory, said: Told) -> None:
    held = session(store, said)
    held.take()
    store.owner = BOB
    with pytest.raises(TakenOver, match="another run took over the lock") as lost:
        held.append([Intent("fetch")])
    assert lost.value.status == 4
    held.give_back()
    assert store.owner == BOB


def test_a_lock_that_was_taken_over_is_noticed_by_the_renewal(store: Memory, said: Told, clock: Clock) -> None:
    held = session(store, said)
    held.take()
    store.owner = BOB
    clock.sleep(6)
    # even if the other run has ended meanwhile, and the token would be ours again
    store.owner = ANN
    with pytest.raises(TakenOver):
        held.append([Intent("fetch")])
    held.give_back()
    assert store.owner == ANN


def test_a_silent_lock_is_waited_out_and_that_is_said_once(store: Memory, said: Told, clock: Clock) -> None:
    store.take(BOB, LEASE)
    clock.now = 4.0
    held = session(store, said)
    held.take()
    assert held.fence == 2
    assert clock.now == LEASE
    assert said == [f"locked: {BOB}, last heard of 4 s ago; waiting to see whether that run is alive"]
    held.give_back()


def test_a_store_whose_clock_was_set_is_judged_by_our_own_clock(store: Memory, said: Told, clock: Clock) -> None:
    store.take(BOB, LEASE)
    clock.now = 4.0
    store.clock_was_set = True
    held = session(store, said)
    held.take()
    assert held.fence == 2
    assert clock.now == 4.0 + LEASE
    assert said == [f"locked: {BOB}, last heard of at an unknown time; waiting to see whether that run is alive"]
    held.give_back()


def test_a_holder_that_renews_is_alive_whatever_the_clock_says(store: Memory, said: Told, clock: Clock) -> None:
    store.take(BOB, LEASE)
    store.clock_was_set = True
    clock.at = [(14.5, lambda: store.renew(BOB))]
    with pytest.raises(Refused, match=r"bob@laptop \(process 4711\) runs release since 2026"):
        session(store, said).take()
    assert store.owner == BOB


def test_a_lock_whose_holder_lives_refuses(store: Memory, said: Told, clock: Clock) -> None:
    store.take(BOB, LEASE)
    clock.now = 3.0
    clock.at = [(5.0, lambda: store.renew(BOB))]
    with pytest.raises(Refused, match=r"bob@laptop \(process 4711\) runs release since 2026") as refused:
        session(store, said).take()
    assert refused.value.status == 3
    assert clock.now <= 6.0
    assert store.owner == BOB


def test_a_lock_that_another_takes_while_we_wait_refuses(store: Memory, said: Told, clock: Clock) -> None:
    store.take(BOB, LEASE)

    def cid() -> None:
        store.owner = CID

    clock.at = [(5.0, cid)]
    with pytest.raises(Refused, match="cid@laptop"):
        session(store, said).take()


def test_a_lock_that_is_given_back_while_we_wait_is_taken(store: Memory, said: Told, clock: Clock) -> None:
    store.take(BOB, LEASE)
    clock.at = [(3.0, lambda: store.give_back(BOB))]
    held = session(store, said)
    held.take()
    assert (held.fence, clock.now) == (2, 3.0)
    held.give_back()


def test_a_store_lost_at_the_end_does_not_change_the_outcome(store: Memory, said: Told) -> None:
    held = session(store, said)
    held.take()
    store.broken = True
    held.give_back()
    assert said == ["the lock could not be given back; another run can take the lock in 15 s: no route"]


def test_the_last_record_gives_the_lock_back(store: Memory, said: Told, clock: Clock) -> None:
    held = session(store, said)
    held.take()
    held.end(End("done"), last=False)
    assert store.owner == ANN, "hooks follow"
    held.end(End("done"))
    assert store.owner is None
    # another run may take the lock at once, and this run does not notice
    store.take(BOB, LEASE)
    clock.sleep(6)
    assert store.renewals == []
    held.give_back()
    assert (store.owner, store.returns, said) == (BOB, 1, [])
    assert [record["record"] for record in store.written] == ["end", "end"]


def test_an_end_that_is_not_written_keeps_the_lock(store: Memory, said: Told) -> None:
    held = session(store, said)
    held.take()
    store.broken = True
    held.end(End("done"))
    assert said == ["warning: the end of the run could not be written to the journal: no route"]
    assert (store.owner, store.written) == (ANN, [])
    store.broken = False
    held.give_back()
    assert (store.owner, store.returns) == (None, 1)


def test_a_lock_that_the_last_record_leaves_is_given_back(store: Memory, said: Told) -> None:
    held = session(store, said)
    held.take()
    store.keeps = True
    held.end(End("done"))
    assert (store.owner, store.returns) == (ANN, 0)
    held.give_back()
    assert (store.owner, store.returns) == (None, 1)
    assert said == []


def test_the_end_of_a_run_that_lost_its_lock(store: Memory, said: Told) -> None:
    held = session(store, said)
    held.take()
    store.owner = BOB
    with pytest.raises(TakenOver):
        held.end(End("done"))
    held.give_back()
    assert (store.owner, store.written) == (BOB, [])


def test_noted_records_do_not_give_the_lock_back(store: Memory, said: Told) -> None:
    class Hosts:
        def append(self, fence: int, records: Sequence[Record]) -> str:
            noted.extend(str(record["record"]) for record in records)
            return "node1"

    noted: list[str] = []
    held = Session(store, ANN, said.append, Hosts())
    held.take()
    store.broken = True
    held.append([Commit()])
    held.end(End("done"))
    assert (noted, store.owner) == (["commit", "end"], ANN)
    store.broken = False
    held.give_back()
    assert store.owner is None


def test_the_journal_does_not_name_each_of_many_places(store: Memory, said: Told) -> None:
    held = Session(store, ANN, said.append)
    held.take()
    names = [f"node{number}" for number in range(100)]
    held.append([Intent("fetch", tuple(names)), StageResults("fetch", tuple(map(PlaceResult, names)))])
    began, ended = store.written
    assert len(began["places"]) + began["more"] == len(names)
    assert [one["alike"] for one in ended["results"]] == [len(names) - 1]


def test_a_store_that_fails_is_not_a_lock_that_was_lost(store: Memory, said: Told) -> None:
    held = session(store, said)
    held.take()
    store.broken = True
    with pytest.raises(OSError, match="no route"):
        held.append([Intent("fetch")])
    store.broken = False
    held.append([Undoing()])
    held.give_back()


def test_two_processes_are_two_owners() -> None:
    one, other = owner("release"), owner("release")
    assert one.token != other.token
    assert "@" in one.who
    assert issubclass(TakenOver, OrchestratorError)
