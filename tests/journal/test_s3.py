"""The store in S3: races, lost answers, refusals of S3. The promises of all stores are in test_contract.py."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, NoCredentialsError, TokenRetrievalError
from moto.s3.exceptions import PreconditionFailed

from orchestrator.errors import OrchestratorError, Refused
from orchestrator.journal import s3
from orchestrator.journal.store import Held, Lost
from tests.journal.places import Fault, S3Place, somebody

LEASE = 600.0
ANN, BOB = somebody("ann"), somebody("bob")


def lost_answer(answer: Callable[[], Any]) -> Any:
    """Execute the request, and lose the answer."""
    with suppress(PreconditionFailed):
        answer()
    raise ConnectionClosedError(endpoint_url="https://s3.test")


def lost_request(answer: Callable[[], Any]) -> Any:
    raise ConnectionClosedError(endpoint_url="https://s3.test")


def refuse(status: int, code: str, message: str = "No.") -> Fault:
    xml = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return lambda answer: (status, {"content-type": "application/xml"}, xml)


def meanwhile(act: Callable[[], Any]) -> Fault:
    """Let another process act between this store's read and its write."""

    def fault(answer: Callable[[], Any]) -> Any:
        act()
        return answer()

    return fault


def begun(bucket: S3Place, *names: str) -> s3.S3Store:
    """A store whose lock is taken, with these records."""
    store = bucket.store()
    assert store.take(ANN, LEASE) == 1
    if names:
        store.append(ANN, 1, [{"record": name} for name in names])
    return store


def told(bucket: S3Place) -> list[list[str]]:
    return [[record["record"] for record in run] for run in bucket.store().read().runs]


# --- lost answers


def test_a_lost_answer_refuses_nothing_and_repeats_nothing(bucket: S3Place) -> None:
    def lose(writes: int = 1) -> None:
        for _ in range(writes):
            # the client's second try finds the result of the first
            bucket.faults["put"] += [lost_answer, lambda answer: answer()]

    store = bucket.store()
    lose(4)  # three writes check that S3 honours conditions, one takes the lock
    assert store.take(ANN, LEASE) == 1
    for name in ("begin", "intent"):
        lose()
        store.append(ANN, 1, [{"record": name}])
        lose()
        store.renew(ANN)
    lose()
    store.give_back(ANN)
    lose()
    assert store.take(BOB, LEASE) == 2
    lose(2)  # one write puts the former run's records into their own object, one begins the new run
    store.append(BOB, 2, [{"record": "settled"}])
    assert bucket.faults["put"] == []
    assert told(bucket) == [["begin", "intent"], ["settled"]]


def test_a_lock_object_that_another_made_first_is_not_ours(bucket: S3Place) -> None:
    first = meanwhile(lambda: bucket.store().take(BOB, LEASE))
    plain: Fault = lambda answer: answer()  # noqa: E731
    bucket.faults["put"] = [plain, plain, plain, first]
    held = bucket.store().take(ANN, LEASE)
    assert isinstance(held, Held)
    assert held.owner.who == BOB.who


def test_a_lost_write_is_an_error_and_the_next_write_succeeds(bucket: S3Place) -> None:
    store = begun(bucket, "begin")
    bucket.faults["put"] = [lost_request] * 4
    with pytest.raises(OrchestratorError, match=r"s3://journals/shop/prod/state.json: Connection was closed"):
        store.append(ANN, 1, [{"record": "intent"}])
    store.append(ANN, 1, [{"record": "undoing"}])
    assert told(bucket) == [["begin", "undoing"]]


def test_a_write_of_which_nothing_was_heard_may_be_there(bucket: S3Place) -> None:
    store = begun(bucket, "begin")
    bucket.faults["put"] = [lost_answer, lost_request, lost_request, lost_request]
    with pytest.raises(OrchestratorError, match="Connection was closed"):
        store.append(ANN, 1, [{"record": "intent"}])
    store.append(ANN, 1, [{"record": "undoing"}])
    assert told(bucket) == [["begin", "intent", "undoing"]]


def test_a_renewal_waits_for_a_record_whose_answer_was_lost(bucket: S3Place) -> None:
    store = begun(bucket, "begin")
    renewing = threading.Thread(target=store.renew, args=(ANN,))

    def fault(answer: Callable[[], Any]) -> Any:
        answer()
        # a renewal that did not wait would hide that the record was written, and the retry would write it again
        renewing.start()
        renewing.join(0.2)
        raise ConnectionClosedError(endpoint_url="https://s3.test")

    bucket.faults["put"] = [fault]
    store.append(ANN, 1, [{"record": "intent"}])
    renewing.join()
    assert told(bucket) == [["begin", "intent"]]


@pytest.mark.parametrize("writes", [False, True])
def test_a_lost_answer_to_the_end_hides_no_new_holder(bucket: S3Place, writes: bool) -> None:
    store = begun(bucket, "begin")

    def fault(answer: Callable[[], Any]) -> Any:
        answer()
        # the lock is free: before the client repeats its request, another run takes the lock
        bob = bucket.store()
        assert bob.take(BOB, LEASE) == 2
        if writes:
            bob.append(BOB, 2, [{"record": "next"}])
        raise ConnectionClosedError(endpoint_url="https://s3.test")

    bucket.faults["put"] = [fault]
    assert store.end(ANN, 1, [{"record": "end"}])
    assert told(bucket) == [["begin", "end"], *([["next"]] if writes else [])]
    bucket.store().renew(BOB)
    with pytest.raises(Lost):
        store.end(ANN, 1, [{"record": "other"}])


def test_a_lost_answer_to_the_end_is_no_error(bucket: S3Place) -> None:
    store = begun(bucket, "begin")
    bucket.faults["put"] = [lost_answer, lambda answer: answer()]
    assert store.end(ANN, 1, [{"record": "end"}])
    assert told(bucket) == [["begin", "end"]]
    assert bucket.store().read().held is None


# --- races


def test_a_renewal_between_a_taker_s_read_and_write_wins(bucket: S3Place) -> None:
    ann = begun(bucket)
    bucket.pass_time(LEASE + 3)
    bucket.faults["put"] = [meanwhile(lambda: ann.renew(ANN))]
    assert isinstance(bucket.store().take(BOB, LEASE), Held)
    ann.append(ANN, 1, [{"record": "begin"}])


def test_a_takeover_between_a_holder_s_read_and_write_fences_it(bucket: S3Place) -> None:
    begun(bucket, "begin")
    bucket.pass_time(LEASE + 3)
    bucket.faults["put"] = [meanwhile(lambda: bucket.store().take(BOB, LEASE))]
    # the store reads first, because it has written nothing yet
    with pytest.raises(Lost):
        bucket.store().append(ANN, 1, [{"record": "late"}])
    assert told(bucket) == [["begin"]]


def test_an_owner_s_former_fence_is_refused(bucket: S3Place) -> None:
    store = begun(bucket, "begin")
    assert store.take(ANN, LEASE) == 2
    with pytest.raises(Lost):
        store.append(ANN, 1, [{"record": "late"}])


def test_a_conflict_of_two_writes_is_tried_again(bucket: S3Place) -> None:
    store = begun(bucket)
    bucket.faults["put"] = [refuse(409, "ConditionalRequestConflict")] * 2
    store.append(ANN, 1, [{"record": "begin"}])
    assert told(bucket) == [["begin"]]


def test_a_conflict_while_a_run_is_moved_does_not_lose_it(bucket: S3Place) -> None:
    begun(bucket, "begin").give_back(ANN)
    store = bucket.store()
    store.take(BOB, LEASE)
    bucket.faults["put"] = [refuse(409, "ConditionalRequestConflict")]
    store.append(BOB, 2, [{"record": "settled"}])
    assert told(bucket) == [["begin"], ["settled"]]


def test_a_crash_after_a_run_was_moved_shows_it_once(bucket: S3Place) -> None:
    begun(bucket, "begin").give_back(ANN)
    store = bucket.store()
    store.take(BOB, LEASE)
    bucket.faults["put"] = [lambda answer: answer(), *[lost_request] * 4]
    with pytest.raises(OrchestratorError):
        store.append(BOB, 2, [{"record": "settled"}])
    assert bucket.names().count("runs/0000000001.jsonl") == 1
    assert told(bucket) == [["begin"]]
    store.append(BOB, 2, [{"record": "settled"}])
    assert told(bucket) == [["begin"], ["settled"]]


# --- requests and contents


def test_a_record_or_a_renewal_of_the_holder_is_one_request(bucket: S3Place) -> None:
    store = begun(bucket, "begin")
    bucket.requests.clear()
    store.append(ANN, 1, [{"record": "intent"}])
    store.renew(ANN)
    assert bucket.requests == ["put", "put"]


def test_the_operators_clock_does_not_matter(bucket: S3Place, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(bucket)
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert isinstance(bucket.store().take(BOB, LEASE), Held)


def test_the_newest_of_many_runs(bucket: S3Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for fence in (1, 2, 9, 10, 11):
        bucket.write(f"runs/{fence:010d}.jsonl", f'{{"record":"run {fence}"}}\n')
    bucket.write("runs/notes.txt", "mine")
    bucket.write("state.json", json.dumps({"fence": 12, "run": 11, "records": [{"record": "run 11"}]}))
    monkeypatch.setattr(s3, "WINDOW", 3)
    assert told(bucket) == [[f"run {fence}"] for fence in (1, 2, 9, 10, 11)]
    assert [run[0]["record"] for run in bucket.store().read(3).runs] == ["run 9", "run 10", "run 11"]
    assert [run[0]["record"] for run in bucket.store().read(4).runs] == ["run 2", "run 9", "run 10", "run 11"]


def test_lines_that_are_no_records_are_left_out(bucket: S3Place) -> None:
    bucket.write("runs/0000000001.jsonl", '{"record":"begin"}\n\n7\n{"record":"int')
    bucket.write("state.json", '{"fence": 2, "run": 2}')
    assert told(bucket) == [["begin"]]


@pytest.mark.parametrize("text", ['{"fence":3,"wri', "[]", "{}"])
def test_a_lock_object_that_makes_no_sense_is_not_replaced(bucket: S3Place, text: str) -> None:
    bucket.write("state.json", text)
    with pytest.raises(Refused, match=r"state\.json is not the state of a journal"):
        bucket.store().take(ANN, LEASE)
    with pytest.raises(OrchestratorError, match=r"state\.json is not the state of a journal"):
        bucket.store().read()
    assert bucket.text("state.json") == text


def test_a_deleted_fence_does_not_restart(bucket: S3Place) -> None:
    bucket.write("runs/0000000008.jsonl", '{"record":"begin"}\n')
    with pytest.raises(Refused, match=r"state\.json does not exist, although there are records of runs"):
        bucket.store().take(ANN, LEASE)
    bucket.write("state.json", '{"fence": 12}')
    assert bucket.store().take(ANN, LEASE) == 13


# --- refusals of S3


@pytest.mark.parametrize("condition", ["If-None-Match", "If-Match"])
def test_a_store_that_ignores_conditions_holds_no_lock(
    bucket: S3Place, monkeypatch: pytest.MonkeyPatch, condition: str
) -> None:
    def forget(request: Any, **kwargs: Any) -> None:
        del request.headers[condition]

    bucket.client.meta.events.register("before-sign.s3.PutObject", forget)
    try:
        with pytest.raises(Refused, match="ignores If-None-Match or If-Match"):
            bucket.store().take(ANN, LEASE)
    finally:
        bucket.client.meta.events.unregister("before-sign.s3.PutObject", forget)
    assert "state.json" not in bucket.names()


@pytest.mark.parametrize(
    ("status", "code", "line"),
    [
        (
            403,
            "AccessDenied",
            r"access denied \(No.\); the journal needs s3:GetObject and s3:PutObject on shop/prod/\*",
        ),
        (400, "ExpiredToken", r"credentials have expired \(ExpiredToken\); log in again"),
        (403, "InvalidAccessKeyId", "credentials are wrong"),
        (403, "RequestTimeTooSkewed", "clock is more than 15 minutes off"),
        (301, "PermanentRedirect", "another region: set journal.region"),
        (503, "SlowDown", r"asks to slow down \(SlowDown\), 4 times"),
        (400, "Odd", "Odd: No."),
    ],
)
def test_a_refusal_is_one_clear_line(bucket: S3Place, status: int, code: str, line: str) -> None:
    store = begun(bucket)
    for method in ("put", "get"):
        bucket.faults[method] = [refuse(status, code)] * 4
    with pytest.raises(OrchestratorError, match=line) as error:
        store.append(ANN, 1, [{"record": "begin"}])
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("s3://journals/shop/prod/state.json: ")
    assert not isinstance(error.value, Refused)
    with pytest.raises(Refused, match=line):
        bucket.store().take(BOB, LEASE)


def test_slow_down_is_retried_by_the_client(bucket: S3Place) -> None:
    store = begun(bucket)
    bucket.faults["put"] = [refuse(503, "SlowDown")] * 3
    store.append(ANN, 1, [{"record": "begin"}])
    assert told(bucket) == [["begin"]]


def test_no_such_bucket(bucket: S3Place) -> None:
    with pytest.raises(Refused, match=r"there is no bucket nowhere: make the bucket, or correct journal\.bucket"):
        s3.S3Store(lambda: bucket.client, "nowhere", "shop").take(ANN, LEASE)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (NoCredentialsError(), "Unable to locate credentials; log in again"),
        (TokenRetrievalError(provider="sso", error_msg="Token\nhas expired"), "Token has expired; log in again"),
    ],
)
def test_no_credentials(error: Exception, line: str) -> None:
    def connect() -> Any:
        raise error

    with pytest.raises(Refused, match=line):
        s3.S3Store(connect, "journals", "shop").take(ANN, LEASE)


def test_an_unknown_profile_is_one_clear_line() -> None:
    store = s3.S3Store(partial(s3.client, "eu-central-1", "no-such-profile"), "journals", "shop")
    with pytest.raises(OrchestratorError, match=r"s3://journals/shop/.*\(no-such-profile\) could not be found; log in"):
        store.read()


def test_the_region_is_the_operators_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert s3.client().meta.region_name == "eu-north-1"
    assert s3.client("eu-central-1").meta.region_name == "eu-central-1"


def test_a_holder_is_watched_after_the_clock_was_set_back(bucket: S3Place) -> None:
    bucket.pass_time(7200)
    bucket.store().take(ANN, LEASE)
    bucket.pass_time(-7200)
    held = bucket.store().take(BOB, LEASE)
    assert isinstance(held, Held)
    bucket.store().renew(ANN)
    again = bucket.store().take(BOB, LEASE, unchanged=held.mark)
    assert isinstance(again, Held)
    assert bucket.store().take(BOB, LEASE, unchanged=again.mark) == 2


def test_a_state_with_new_keys_and_odd_records_is_read(bucket: S3Place) -> None:
    store = begun(bucket, "begin")
    store.give_back(ANN)
    state = json.loads(bucket.text("state.json"))
    state |= {"news": 1, "owner": {"who": "bob", "wings": 2}, "records": [*state["records"], 5, {"x": 1}]}
    bucket.write("state.json", json.dumps(state))
    contents = bucket.store().read()
    assert contents.held is not None
    assert contents.held.owner.who == "bob"
    assert [list(run) for run in contents.runs] == [[{"record": "begin"}]]
    assert [remark.text for remark in contents.remarks] == [
        "state.json: line 2 (not a record), line 3 (not a record) left out"
    ]


def test_records_of_an_earlier_run_are_adopted(bucket: S3Place) -> None:
    store = begun(bucket, "begin")
    store.adopt(ANN, 1, [{"record": "commit"}])
    store.give_back(ANN)
    assert store.take(BOB, LEASE, above=7) == 8
    store.append(BOB, 8, [{"record": "begin"}])
    for _ in range(2):
        store.adopt(BOB, 5, [{"record": "end"}])
    assert told(bucket) == [["begin", "commit"], ["end"], ["begin"]]
    assert list(bucket.store().read().numbers) == [1, 5, 8]
    with pytest.raises(Lost):
        store.adopt(ANN, 5, [{"record": "end"}])


def test_an_adopted_run_that_is_the_newest_is_read(bucket: S3Place) -> None:
    # an abort without a journal has ended the run that waits
    begun(bucket, "paused").give_back(ANN)
    store = bucket.store()
    assert store.take(BOB, LEASE, above=2) == 3
    store.adopt(BOB, 2, [{"record": "settled"}])
    assert list(bucket.store().read().numbers) == [1, 2]
    assert told(bucket) == [["paused"], ["settled"]]
    store.append(BOB, 3, [{"record": "begin"}])
    assert told(bucket) == [["paused"], ["settled"], ["begin"]]


def test_a_prefix_may_have_slashes_around_it_or_be_missing(bucket: S3Place) -> None:
    s3.S3Store(lambda: bucket.client, bucket.BUCKET, "/shop/prod/").take(ANN, LEASE)
    assert isinstance(bucket.store().take(BOB, LEASE), Held)
    s3.S3Store(lambda: bucket.client, bucket.BUCKET, "").take(ANN, LEASE)
    assert "state.json" in [key.split("/")[-1] for key in bucket.names()]
    assert bucket.client.get_object(Bucket=bucket.BUCKET, Key="state.json")


def test_boto3_is_imported_when_the_store_is_used() -> None:
    program = "import sys, orchestrator.journal.s3; sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=30).returncode == 0
