"""The load: its connections, their requests, the rate, and the end."""

from __future__ import annotations

import asyncio
import itertools
import selectors
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from typing_extensions import override

from orchestrator.probe.client import Connection, Manners, Request
from orchestrator.probe.load import Load, clients, requests, run
from orchestrator.probe.report import Totals, total
from orchestrator.probe.sample import Kind, Sample
from orchestrator.probe.target import Target, parse

from .server import Server, nobody

A, B = parse("http://127.0.0.1:1"), parse("http://127.0.0.1:2")


def go(load: Load) -> tuple[list[Sample], int]:
    async def whole() -> tuple[list[Sample], int]:
        samples: list[Sample] = []
        unfinished = await run(load, samples.append, asyncio.Event())
        assert len(asyncio.all_tasks()) == 1, "a task is left behind"
        return samples, unfinished

    return asyncio.run(whole())


class Jumping(selectors.SelectSelector):
    """Moves a clock forward instead of waiting."""

    now = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "no timer is left"
        self.now += timeout
        return []


class Quick(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer, so that the load of the machine does not matter."""

    def __init__(self) -> None:
        self._jumping = Jumping()
        super().__init__(self._jumping)

    @override
    def time(self) -> float:
        return self._jumping.now


@dataclass(frozen=True)
class Ended:
    """How a load ended on the clock of a `Quick` loop, which begins at 0.

    + sent: when each request was sent
    + answered: the kind of each request that was answered
    + at: when the load ended
    """

    sent: list[float]
    answered: list[Kind]
    unfinished: int
    at: float


def quickly(
    monkeypatch: pytest.MonkeyPatch,
    load: Load,
    seconds: Callable[[Kind, float], float],
    stop_after: float | None = None,
    give_up_after: float | None = None,
) -> Ended:
    """Run a load whose answers come from no server.

    + seconds: gives the time that an answer takes, from the kind of the request and the time when it was sent
    """
    sent: list[float] = []
    answered: list[Kind] = []
    with asyncio.Runner(loop_factory=Quick) as runner:
        clock = runner.get_loop().time

        class Answered(Connection):
            @override
            async def send(self, request: Request) -> Sample:
                begun = clock()
                sent.append(begun)
                await asyncio.sleep(seconds(request.kind, begun))
                return Sample(request.kind, "http://a", begun, clock(), clock(), 200, "v1", "blue", "n1", None)

        async def whole() -> int:
            stop, give_up = asyncio.Event(), asyncio.Event()
            for event, after in ((stop, stop_after), (give_up, give_up_after)):
                if after is not None:
                    asyncio.get_running_loop().call_later(after, event.set)
            unfinished = await run(load, lambda sample: answered.append(sample.kind), stop, give_up)
            assert len(asyncio.all_tasks()) == 1, "a task is left behind"
            return unfinished

        monkeypatch.setattr("orchestrator.probe.load.Connection", Answered)
        monkeypatch.setattr("orchestrator.probe.load.time", SimpleNamespace(monotonic=clock))
        unfinished = runner.run(whole())
        return Ended(sent, answered, unfinished, clock())


def test_connections_are_divided_evenly_among_kinds_and_targets() -> None:
    out = Counter((kind, target.origin) for kind, target in clients(Load((A, B), connections=32)))
    assert set(out.values()) == {4}
    assert len(out) == 8


def test_every_kind_asks_every_target_even_with_few_connections() -> None:
    assert len(clients(Load((A, B), connections=1))) == 8
    few = Load((A, B), connections=3, mix=(Kind.fresh,))
    assert [target for _, target in clients(few)] == [A, B, A]


def test_each_kind_of_client_sends_its_requests() -> None:
    load = Load((A,), paths=("/a", "/b"), slow_seconds=1.5, post_bytes=7)

    def first(kind: Kind, number: int, n: int = 3) -> list[tuple[str, str, int]]:
        return [(r.method, r.path, len(r.body)) for r in itertools.islice(requests(load, kind, number), n)]

    assert first(Kind.keepalive, 0) == [("GET", "/a", 0), ("GET", "/b", 0), ("GET", "/a", 0)]
    assert first(Kind.fresh, 3, 1) == [("GET", "/b", 0)]
    assert first(Kind.post, 5, 1) == [("POST", "/upload", 7)]
    assert first(Kind.slow, 1, 2) == [("POST", "/slow?s=1.5", 1), ("GET", "/slow?s=1.5", 0)]


def test_as_many_requests_as_asked_for_and_no_failure(server: Server) -> None:
    load = Load((parse(server.url),), connections=40, requests=1000, slow_seconds=0.1)
    samples, unfinished = go(load)
    totals = total(samples)
    assert (totals.requests, totals.failed, unfinished) == (1000, 0, 0)
    assert set(totals.kinds) == set(Kind)
    assert len(server.seen) == 1000
    assert server.connections == 30 + totals.kinds["fresh"].requests


def test_seconds_end_it_and_requests_in_flight_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Load((A,), connections=4, seconds=0.15)
    ended = quickly(monkeypatch, load, lambda kind, at: 0.4 if kind is Kind.slow else 0.01)
    assert (round(ended.at, 6), ended.unfinished, Counter(ended.answered)[Kind.slow]) == (0.4, 0, 1)
    assert len(ended.answered) == len(ended.sent)
    assert max(ended.sent) < 0.15


@pytest.mark.parametrize("connections", [1, 20])
def test_the_total_rate_holds_for_any_number_of_connections(monkeypatch: pytest.MonkeyPatch, connections: int) -> None:
    load = Load((A,), connections=connections, rate=100, seconds=0.495, mix=(Kind.keepalive,))
    ended = quickly(monkeypatch, load, lambda kind, at: 0.001)
    assert ended.sent == pytest.approx([n / 100 for n in range(50)])


def test_requests_missed_during_a_hang_are_not_sent_in_a_burst(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = Load((A,), connections=1, rate=20, seconds=0.49, mix=(Kind.keepalive,))
    # the first answer takes so long that the requests due at 0.05 to 0.25 are dropped
    ended = quickly(monkeypatch, load, lambda kind, at: 0.001 if at else 0.3)
    assert ended.sent == pytest.approx([0, 0.3, 0.35, 0.4, 0.45])


def test_clients_keep_to_the_rate(server: Server) -> None:
    load = Load((parse(server.url),), connections=4, requests=20, rate=200, mix=(Kind.keepalive,))
    begun = time.time()
    samples, _ = go(load)
    assert len(samples) == 20
    # a busy machine makes them late; nothing makes them early
    assert all(at - begun >= turn / 200 - 0.002 for turn, at in enumerate(sorted(sample.sent for sample in samples)))


def test_stop_ends_clients_that_wait_for_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Load((A,), connections=10, rate=0.1)
    ended = quickly(monkeypatch, load, lambda kind, at: 0.001, stop_after=0.2)
    assert (round(ended.at, 6), len(ended.sent), ended.unfinished) == (0.2, 1, 0)


def test_giving_up_counts_what_was_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Load((A,), connections=3, mix=(Kind.fresh,), manners=Manners(30))
    ended = quickly(monkeypatch, load, lambda kind, at: 29, stop_after=0.2, give_up_after=0.4)
    assert (round(ended.at, 6), len(ended.answered), ended.unfinished) == (0.4, 0, 3)


def test_a_dead_server_does_not_cost_a_whole_cpu() -> None:
    with nobody() as url:
        samples, _ = go(Load((parse(url),), connections=4, seconds=0.5, mix=(Kind.fresh,)))
    assert total(samples).failures.keys() == {"refused"}
    assert len(samples) <= 4 * 0.5 / 0.005 + 4


def test_a_mistake_of_ours_is_not_a_quiet_run(server: Server) -> None:
    def bad(_: Sample) -> None:
        raise ZeroDivisionError

    async def whole() -> None:
        await run(Load((parse(server.url),), connections=2), bad, asyncio.Event())

    with pytest.raises(ZeroDivisionError):
        asyncio.run(whole())


def test_samples_come_in_the_order_in_which_they_ended(server: Server) -> None:
    samples, _ = go(Load((parse(server.url),), connections=16, requests=500, slow_seconds=0.1))
    by_hand, sorted_first = Totals(), total(samples)
    for sample in samples:
        by_hand.add(sample)
    assert by_hand.gap == pytest.approx(sorted_first.gap, abs=0.005)


def test_target_has_an_address_without_asking_for_it() -> None:
    target: Target = parse("http://[::1]:8080/x?y=1", host="shop.example:81")
    assert asyncio.run(target.addresses()) == ["::1"]
    assert (target.port, target.path, target.authority, target.sni) == (
        8080,
        "/x?y=1",
        "shop.example:81",
        "shop.example",
    )
