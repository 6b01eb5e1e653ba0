"""The balancers' own record of requests, against what a client counted: HAProxy 2.6 and nginx 1.22 as they are."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator

import pytest

from orchestrator.comparison.traffic import Traffic
from orchestrator.layout import BalancerLayout
from orchestrator.model import Color
from orchestrator.switches import balancer
from tests.fleet.running import Fleet
from tests.fleet.switching import BALANCERS, Runs, until, url_of
from tests.fleet.traffic import ask

REQUESTS = 300


class Place:
    """A balancer of the fleet, on which the deploy user runs commands."""

    def __init__(self, fleet: Fleet, kind: str) -> None:
        self.fleet, self.kind = fleet, kind
        self.balancer = balancer(kind, BalancerLayout(fleet.known["app"]))

    def run(self, script: str, *words: str) -> list[str]:
        done = self.fleet.ssh(self.kind, shlex.join(["sh", "-c", script, "record", *words]), "deploy")
        assert done.returncode == 0, done.stderr
        return str(done.stdout).splitlines()

    def shift(self, green: int) -> None:
        self.run(self.balancer.shift, str(green))

    def read(self, *words: str) -> dict[Color, Traffic]:
        return self.balancer.traffic(self.run(self.balancer.record, *words))


@pytest.fixture(params=BALANCERS)
def place(request: pytest.FixtureRequest, fleet: Fleet, warm: Runs) -> Iterator[Place]:
    """A balancer that sends 30 of 100 requests to green; at the end it is as it was."""
    found = Place(fleet, str(request.param))
    before = found.balancer.seen(found.run(found.balancer.look)).weights.green
    found.run(found.balancer.arm, "30")
    found.shift(30)
    yield found
    found.shift(before)


def test_the_record_has_every_request_once(fleet: Fleet, place: Place) -> None:
    url = url_of(fleet, place.kind)
    asked = Counter(ask(url).headers["x-color"] for _ in range(REQUESTS))
    slow = ask(url, "/slow?s=3").headers["x-color"]
    asked[slow] += 1
    # nginx writes each second
    until(lambda: sum(traffic.requests for traffic in place.read().values()) >= REQUESTS + 1)
    found = place.read()
    assert {color.value: traffic.requests for color, traffic in found.items()} == asked
    assert [(one.errors, one.gone, one.complete) for one in found.values()] == [(0, 0, True)] * 2
    assert all(one.timed == one.requests for one in found.values())
    waited = found[Color(slow)].quantile(1.0)
    assert waited is not None
    # Half of the 3 seconds: if HAProxy's process gets no processor for 100 ms, HAProxy takes this time for a step of
    # the clock and leaves it out of its times.
    assert waited >= 1500

    # windows that follow each other
    end = found[Color.blue].end
    asked = Counter(ask(url).headers["x-color"] for _ in range(20))
    until(lambda: sum(traffic.requests for traffic in place.read().values()) >= REQUESTS + 21)
    later = place.read(f"{end:.3f}")
    assert sum(traffic.requests for traffic in later.values()) == 20
    assert sum(traffic.requests for traffic in place.read().values()) == REQUESTS + 21

    # a new weight begins a new comparison
    place.shift(31)
    assert sum(traffic.requests for traffic in place.read().values()) == 0
