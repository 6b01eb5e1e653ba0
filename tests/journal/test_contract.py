"""The promises of every store (orchestrator/journal/store.py), on each kind of place."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from orchestrator.journal.store import Held, Lost, Store
from tests.journal.places import Place, somebody

LEASE = 600.0


def test_an_empty_store(place: Place) -> None:
    contents = place.store().read()
    assert (contents.held, list(contents.runs)) == (None, [])


def test_a_free_lock_is_taken(place: Place) -> None:
    assert place.store().take(somebody(), LEASE) == 1


def test_a_held_lock_refuses_naming_its_holder_not_the_token(place: Place) -> None:
    place.store().take(somebody("ann"), LEASE)
    held = place.store().take(somebody("bob"), LEASE)
    assert isinstance(held, Held)
    assert str(held.owner) == "ann@laptop (process 4711) runs release since 2026-01-02T03:04:05Z"
    assert held.owner.token == ""
    assert held.age is not None
    assert 0 <= held.age < LEASE / 2
    read = place.store().read().held
    assert read is not None
    assert read.owner == held.owner


def test_one_of_many_gets_the_lock(place: Place) -> None:
    workers = 6
    for turn in range(1, 6):
        barrier = Barrier(workers)

        def take(number: int, turn: int = turn, barrier: Barrier = barrier) -> int | Held:
            store = place.store()
            barrier.wait()
            return store.take(somebody(f"{turn}-{number}"), LEASE)

        with ThreadPoolExecutor(workers) as pool:
            answers = list(pool.map(take, range(workers)))
        winners = [number for number, answer in enumerate(answers) if isinstance(answer, int)]
        assert len(winners) == 1
        assert answers[winners[0]] == turn
        winner = somebody(f"{turn}-{winners[0]}")
        assert {str(held.owner) for held in answers if isinstance(held, Held)} == {str(winner)}
        place.store().give_back(winner)


def test_a_silent_lock_is_taken_over_only_after_the_lease(place: Place) -> None:
    place.store().take(somebody("ann"), LEASE)
    place.pass_time(LEASE / 2)
    held = place.store().take(somebody("bob"), LEASE)
    assert isinstance(held, Held)
    assert held.age is not None
    # a bucket counts whole seconds
    assert LEASE / 3 < held.age < LEASE
    place.pass_time(LEASE / 2 + 3)
    assert place.store().take(somebody("bob"), LEASE) == 2


def test_a_renewal_or_a_record_restarts_the_lease(place: Place) -> None:
    ann = place.store()
    ann.take(somebody("ann"), LEASE)
    for _ in range(2):
        place.pass_time(LEASE * 0.6)
        ann.renew(somebody("ann"))
    place.pass_time(LEASE * 0.6)
    assert isinstance(place.store().take(somebody("bob"), LEASE), Held)
    ann.append(somebody("ann"), 1, [{"record": "begin"}])
    place.pass_time(LEASE * 0.6)
    assert isinstance(place.store().take(somebody("bob"), LEASE), Held)


def taken_over(place: Place) -> tuple[Store, Store]:
    """The stores of Ann, who has begun a run and lost the lock, and of Bob, who has the lock now."""
    ann, bob = place.store(), place.store()
    ann.take(somebody("ann"), LEASE)
    ann.append(somebody("ann"), 1, [{"record": "begin"}])
    place.pass_time(LEASE + 3)
    bob.take(somebody("bob"), LEASE)
    return ann, bob


def test_an_owner_who_lost_the_lock_can_change_nothing(place: Place) -> None:
    ann, _ = taken_over(place)
    with pytest.raises(Lost):
        ann.append(somebody("ann"), 1, [{"record": "late"}])
    with pytest.raises(Lost):
        ann.renew(somebody("ann"))
    ann.give_back(somebody("ann"))
    contents = place.store().read()
    assert contents.held is not None
    assert contents.held.owner.who == "bob@laptop"
    assert [list(run) for run in contents.runs] == [[{"record": "begin"}]]


def test_an_owner_who_never_had_the_lock_can_change_nothing(place: Place) -> None:
    with pytest.raises(Lost):
        place.store().renew(somebody())
    with pytest.raises(Lost):
        place.store().append(somebody(), 1, [{"record": "begin"}])
    place.store().give_back(somebody())
    assert place.store().take(somebody(), LEASE) == 1


def test_the_fence_grows_whatever_became_of_the_lock(place: Place) -> None:
    store = place.store()
    assert store.take(somebody("ann"), LEASE) == 1
    store.give_back(somebody("ann"))
    assert store.take(somebody("bob"), LEASE) == 2
    place.pass_time(LEASE + 3)
    assert place.store().take(somebody("cid"), LEASE) == 3
    held = place.store().read().held
    assert held is not None
    place.store().break_lock(held)
    assert place.store().take(somebody("dan"), LEASE) == 4


def test_giving_back_twice(place: Place) -> None:
    store = place.store()
    store.take(somebody("ann"), LEASE)
    store.give_back(somebody("ann"))
    assert place.store().read().held is None
    store.give_back(somebody("ann"))
    bob = place.store()
    bob.take(somebody("bob"), LEASE)
    store.give_back(somebody("ann"))
    bob.renew(somebody("bob"))


def test_a_broken_lock_is_lost_to_its_owner(place: Place) -> None:
    ann = place.store()
    ann.take(somebody("ann"), LEASE)
    held = place.store().read().held
    assert held is not None
    place.store().break_lock(held)
    assert place.store().read().held is None
    with pytest.raises(Lost):
        ann.append(somebody("ann"), 1, [{"record": "late"}])


def test_only_the_lock_that_was_seen_is_broken(place: Place) -> None:
    ann, bob = place.store(), place.store()
    ann.take(somebody("ann"), LEASE)
    held = place.store().read().held
    assert held is not None
    ann.give_back(somebody("ann"))
    bob.take(somebody("bob"), LEASE)
    place.store().break_lock(held)
    bob.renew(somebody("bob"))


def test_a_store_sees_what_others_did_since_it_wrote_last(place: Place) -> None:
    store = place.store()
    store.take(somebody("ann"), LEASE)
    place.pass_time(LEASE + 3)
    assert store.take(somebody("bob"), LEASE) == 2
    store.give_back(somebody("bob"))
    place.store().take(somebody("cid"), LEASE)
    held = store.read().held
    assert held is not None
    store.break_lock(held)
    assert store.take(somebody("ann"), LEASE) == 4


def test_records_come_back_in_order_run_by_run(place: Place) -> None:
    written = []
    for run in range(1, 4):
        store, owner = place.store(), somebody(f"no{run}")
        assert store.take(owner, LEASE) == run
        records = [{"record": "intent", "stage": f"{run}.{step}", "odd": "ä'\"\n\u2028$x"} for step in range(5)]
        store.append(owner, run, records[:1])
        store.append(owner, run, records[1:3])
        store.renew(owner)
        store.append(owner, run, records[3:])
        store.give_back(owner)
        written.append(records)
    assert [list(run) for run in place.store().read().runs] == written
    assert [list(run) for run in place.store().read(runs=2).runs] == written[1:]
    assert [list(run) for run in place.store().read(runs=1).runs] == written[2:]


def test_a_run_without_a_record_leaves_no_journal(place: Place) -> None:
    store = place.store()
    store.take(somebody("ann"), LEASE)
    store.append(somebody("ann"), 1, [{"record": "begin"}])
    store.give_back(somebody("ann"))
    store.take(somebody("bob"), LEASE)
    store.give_back(somebody("bob"))
    store.take(somebody("cid"), LEASE)
    store.append(somebody("cid"), 3, [{"record": "end"}])
    assert [list(run) for run in place.store().read().runs] == [[{"record": "begin"}], [{"record": "end"}]]


def test_the_end_appends_and_gives_the_lock_back(place: Place) -> None:
    ann, bob = place.store(), place.store()
    assert ann.take(somebody("ann"), LEASE) == 1
    ann.append(somebody("ann"), 1, [{"record": "begin"}])
    assert ann.end(somebody("ann"), 1, [{"record": "end", "odd": "ä'\"\n$x"}, {"record": "more"}])
    assert place.store().read().held is None
    assert bob.take(somebody("bob"), LEASE) == 2
    # neither a second end nor anything else of the first owner has an effect
    for write in (ann.end, ann.append):
        with pytest.raises(Lost):
            write(somebody("ann"), 1, [{"record": "late"}])
    with pytest.raises(Lost):
        ann.renew(somebody("ann"))
    ann.give_back(somebody("ann"))
    bob.renew(somebody("bob"))
    runs = [list(run) for run in place.store().read().runs]
    assert runs == [[{"record": "begin"}, {"record": "end", "odd": "ä'\"\n$x"}, {"record": "more"}]]


def test_the_end_of_an_owner_who_lost_the_lock(place: Place) -> None:
    ann, bob = taken_over(place)
    with pytest.raises(Lost):
        ann.end(somebody("ann"), 1, [{"record": "end"}])
    bob.renew(somebody("bob"))
    assert [list(run) for run in place.store().read().runs] == [[{"record": "begin"}]]
