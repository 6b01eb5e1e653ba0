"""Who is sent out, what they ask, how fast, and when they end."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter

import pytest

from orchestrator.probe.client import Manners
from orchestrator.probe.load import Load, clients, requests, run
from orchestrator.probe.report import Totals, total
from orchestrator.probe.sample import Kind, Sample
from orchestrator.probe.target import Target, parse

from .server import Server, nobody

A, B = parse("http://127.0.0.1:1"), parse("http://127.0.0.1:2")


def go(load: Load, stop_after: float | None = None, give_up_after: float | None = None) -> tuple[list[Sample], int]:
    async def whole() -> tuple[list[Sample], int]:
        stop, give_up = asyncio.Event(), asyncio.Event()
        for event, after in ((stop, stop_after), (give_up, give_up_after)):
            if after is not None:
                asyncio.get_running_loop().call_later(after, event.set)
        samples: list[Sample] = []
        unfinished = await run(load, samples.append, stop, give_up)
        assert len(asyncio.all_tasks()) == 1, "nobody is left behind"
        return samples, unfinished

    return asyncio.run(whole())


def test_connections_are_divided_evenly_among_kinds_and_targets() -> None:
    out = Counter((kind, target.origin) for kind, target in clients(Load((A, B), connections=32)))
    assert set(out.values()) == {4}
    assert len(out) == 8


def test_every_kind_asks_every_target_even_with_few_connections() -> None:
    assert len(clients(Load((A, B), connections=1))) == 8
    few = Load((A, B), connections=3, mix=(Kind.fresh,))
    assert [target for _, target in clients(few)] == [A, B, A]


def test_what_clients_ask() -> None:
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


def test_seconds_end_it_and_requests_in_flight_are_waited_for(server: Server) -> None:
    load = Load((parse(server.url),), connections=4, seconds=0.15, slow_seconds=0.4)
    begun = time.monotonic()
    samples, unfinished = go(load)
    totals = total(samples)
    assert 0.35 < time.monotonic() - begun < 2
    assert (totals.kinds["slow"].requests, totals.failed, unfinished) == (1, 0, 0)


@pytest.mark.parametrize("connections", [1, 20])
def test_the_rate_is_kept_in_total_whatever_the_number_of_connections(server: Server, connections: int) -> None:
    mix = (Kind.keepalive,)
    load = Load((parse(server.url),), connections=connections, rate=100, seconds=0.5, mix=mix)
    samples, _ = go(load)
    assert 45 <= len(samples) <= 52


def test_what_a_hanging_server_kept_us_from_sending_is_not_made_up_for_in_a_burst(server: Server) -> None:
    paths = ("/slow?s=0.3", *["/"] * 30)
    load = Load((parse(server.url),), paths, connections=1, rate=20, seconds=0.6, mix=(Kind.keepalive,))
    samples, _ = go(load)
    assert 5 <= len(samples) <= 8


def test_stop_ends_clients_that_wait_for_their_turn(server: Server) -> None:
    load = Load((parse(server.url),), connections=10, rate=0.1)
    begun = time.monotonic()
    samples, _ = go(load, stop_after=0.2)
    assert time.monotonic() - begun < 1
    assert len(samples) == 1


def test_giving_up_counts_what_was_in_flight(server: Server) -> None:
    load = Load((parse(server.url),), paths=("/hang",), connections=3, mix=(Kind.fresh,), manners=Manners(30))
    begun = time.monotonic()
    samples, unfinished = go(load, stop_after=0.2, give_up_after=0.4)
    assert time.monotonic() - begun < 2
    assert (len(samples), unfinished) == (0, 3)


def test_a_dead_server_does_not_cost_a_whole_cpu() -> None:
    with nobody() as url:
        samples, _ = go(Load((parse(url),), connections=4, seconds=0.5, mix=(Kind.fresh,)))
    assert total(samples).failures.keys() == {"refused"}
    assert len(samples) <= 4 * 0.5 / 0.005 + 4


def test_a_mistake_of_ours_is_not_a_quiet_run(server: Server) -> None:
    def bad(_: Sample) -> None:
        raise ZeroDivisionError

    async def whole() -> None:
        await run(Load((parse(server.url),), connections=2, requests=50), bad, asyncio.Event())

    begun = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(whole())
    assert time.monotonic() - begun < 1


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
