"""Send requests from many clients at once, at a given rate or as fast as answers come."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from orchestrator.probe.client import Connection, Manners, Request
from orchestrator.probe.sample import COMPLETE, Kind, Sample
from orchestrator.probe.target import Target

REST = 0.005
"""Seconds that a client pauses after a request that got no complete answer.

If the server is dead, requests fail at once. Without the pause, the probe would send new requests so fast that the
probe would use a whole CPU.
"""


@dataclass(frozen=True)
class Load:
    """The load that the probe makes: which requests, how many clients, how fast, and for how long.

    + targets: the servers that the requests are sent to
    + paths: paths of GET requests, used in turn
    + connections: number of clients that run at once. The clients are divided evenly among all combinations of a kind
      and a target. Each combination has at least one client, so there may be more clients than this number.
    + mix: kinds of requests. Each client sends requests of one kind.
    + rate: number of requests a second, for all clients together; None: as fast as answers come
    + seconds, requests: the load ends after this many seconds, or after this many requests; None: no such limit
    + slow_path, slow_seconds: slow requests go to ``slow_path?s=slow_seconds``, by GET and POST in turn. The server
      should wait for `slow_seconds` seconds before it answers.
    + post_path, post_bytes: path of POST requests, and size of their bodies in bytes
    + post_size: whether the answer to a POST must name the number of bytes received
    + manners: settings of every request, such as its timeout
    """

    targets: tuple[Target, ...]
    paths: tuple[str, ...] = ("/",)
    connections: int = 32
    mix: tuple[Kind, ...] = (Kind.keepalive, Kind.fresh, Kind.post, Kind.slow)
    rate: float | None = None
    seconds: float | None = None
    requests: int | None = None
    slow_path: str = "/slow"
    slow_seconds: float = 2.0
    post_path: str = "/upload"
    post_bytes: int = 2000
    post_size: bool = True
    manners: Manners = field(default_factory=Manners)

    @property
    def patience(self) -> float:
        """The longest time that a request can take, in seconds."""
        return self.manners.timeout + (self.slow_seconds if Kind.slow in self.mix else 0.0)


def clients(load: Load) -> list[tuple[Kind, Target]]:
    """Return one pair for each client: the kind of the client's requests, and the server that gets them. Pure.

    The list begins with every possible pair. If there are more clients than possible pairs, the pairs repeat.
    """
    pairs = [(kind, target) for target in load.targets for kind in load.mix]
    return list(itertools.islice(itertools.cycle(pairs), max(load.connections, len(pairs))))


def requests(load: Load, kind: Kind, first: int) -> Iterator[Request]:
    """Yield the requests of one client, without end. Pure.

    GET requests use the paths of the load in turn. Slow requests use GET and POST in turn.

    + kind: kind of the client's requests
    + first: index at which the client begins: in the paths or, for slow requests, in the methods GET and POST. The
      callers pass a different index for each client, so that the clients do not all begin with the same path.
    """
    body = b"x" * load.post_bytes
    if kind is Kind.post:
        turn = [Request(kind, "POST", load.post_path, body, size=len(body) if load.post_size else None)]
    elif kind is Kind.slow:
        path = f"{load.slow_path}?s={load.slow_seconds:g}"
        turn = [Request(kind, m, path, b"x" * (m == "POST"), hold=load.slow_seconds) for m in ("GET", "POST")]
    else:
        turn = [Request(kind, "GET", path) for path in load.paths]
    return itertools.islice(itertools.cycle(turn), first % len(turn), None)


class Pace:
    """The rate of a load. The rate may change while the load runs.

    + rate: number of requests a second, for all clients together; None: as fast as answers come
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._next = 0.0
        self._woken = asyncio.Event()

    def change(self, rate: float) -> None:
        """Change the rate. The new rate also applies to clients that already wait for their turn.

        + rate: number of requests a second, for all clients together
        """
        self._rate, self._next = rate, 0.0
        self.wake()

    def wake(self) -> None:
        """Let all clients that wait for their turn look again at the rate, and whether the load has ended."""
        self._woken.set()
        self._woken = asyncio.Event()

    async def turn(self, stop: asyncio.Event) -> bool:
        """Wait until a client may send one request, and return True. If the load is stopped meanwhile, return False.

        + stop: event that ends the load. Whoever sets the event also calls `wake`
        """
        while self._rate and not stop.is_set():
            turn = max(self._next, time.monotonic())  # missed turns are skipped, so that there are no bursts
            self._next = turn + 1 / self._rate
            if not await _happens(self._woken, turn - time.monotonic()):
                return True
        return not stop.is_set()


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    """Wait until an event is set, and return True. If the event is not set in time, return False.

    + seconds: longest time to wait, in seconds
    """
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await event.wait()
    except TimeoutError:
        return False
    return True


class _Permits:
    """Tells each client when it may send a request, so that all clients together keep to the limits of the load.

    The limits are the rate (requests a second) and the number of requests.
    """

    def __init__(self, load: Load, stop: asyncio.Event, pace: Pace) -> None:
        self._left = load.requests
        self._stop = stop
        self._pace = pace

    async def one(self) -> bool:
        """Wait until a client may send one request, and return True. If the load has ended, return False."""
        if self._stop.is_set() or self._left == 0:
            return False
        if self._left is not None:
            self._left -= 1
        return await self._pace.turn(self._stop)

    async def rest(self, seconds: float) -> bool:
        """Wait for the given seconds, then return False. If the load is stopped meanwhile, return True at once."""
        return await _happens(self._stop, seconds)


async def run(
    load: Load,
    record: Callable[[Sample], None],
    stop: asyncio.Event,
    give_up: asyncio.Event | None = None,
    pace: Pace | None = None,
) -> int:
    """Send requests until `stop` is set or `load` ends. Then wait for the requests in flight.

    The wait ends when all requests in flight have ended, when `give_up` is set, or after the longest time that a
    request can take.

    Returns the number of requests that were still in flight when the wait ended. There is no sample of these requests.

    + record: function that is called with the sample (the result) of each request, in the order in which the requests
      ended
    + stop: event that ends the load
    + give_up: event that ends the wait; None: no such event
    + pace: the rate of the load, if the rate may change; None: the rate that `load` names
    """
    pace = pace or Pace(load.rate)
    permits = _Permits(load, stop, pace)
    busy: set[int] = set()
    clients_ = [
        asyncio.create_task(_client(load, kind, target, number, permits, record, busy))
        for number, (kind, target) in enumerate(clients(load))
    ]
    all_clients = asyncio.gather(*clients_)
    try:
        await _first(all_clients, stop, load.seconds)
        stop.set()
        pace.wake()
        await _first(all_clients, give_up or asyncio.Event(), load.patience + 1)
        if all_clients.done():
            all_clients.result()  # an error in the probe must not look like a run without failures
        return len(busy)
    finally:
        for client in clients_:
            client.cancel()
        await asyncio.gather(all_clients, *clients_, return_exceptions=True)


async def _first(done: asyncio.Future[list[None]], event: asyncio.Event, seconds: float | None) -> None:
    """Wait until `done` is done, `event` is set, or the given time is over.

    + seconds: the longest time to wait, in seconds; None: no limit
    """
    waiter = asyncio.ensure_future(event.wait())
    both: set[asyncio.Future[Any]] = {done, waiter}
    try:
        await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiter.cancel()


async def _client(
    load: Load,
    kind: Kind,
    target: Target,
    number: int,
    permits: _Permits,
    record: Callable[[Sample], None],
    busy: set[int],
) -> None:
    connection = Connection(target, load.manners)
    try:
        for request in requests(load, kind, number):
            if not await permits.one():
                break
            busy.add(number)
            sample = await connection.send(request)
            busy.discard(number)
            record(sample)
            if sample.failure is not None and sample.failure not in COMPLETE:
                await permits.rest(REST)
    finally:
        connection.close()
