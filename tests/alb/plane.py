"""The data plane: several ALB nodes, each with its own idea of the rules, its own health checks and its own delay."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.alb.control import HEALTHY, INITIAL, Member, State
from tests.alb.http1 import Broken, Head, copy_body, read_head
from tests.alb.metrics import Metrics
from tests.alb.snapshot import COOKIE, Group, Rule, Snapshot, encoded

Address = tuple[str, int]

CONNECT = 10.0
"""Seconds that a connection to a target may take (documented)."""

IDLE = 60.0
"""Seconds without a byte after which a connection ends (the default)."""

HOP = {"connection", "keep-alive", "expect", "proxy-connection"}

REASONS = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout", 400: "Bad Request"}


@dataclass(frozen=True)
class Options:
    """+ delay: least and most seconds until a node adopts a change; each node draws its own
    + seed: of all that is random
    + interval: seconds between two health checks of a target by a node
    + renew: whether each answer renews the cookie of group stickiness
    + where: target id and port -> the address and port that really answer; default the target's own
    """

    delay: tuple[float, float] = (0.05, 0.3)
    seed: int = 1
    interval: float = 0.25
    renew: bool = True
    where: Mapping[Member, Address] = field(default_factory=dict)


@dataclass
class Checked:
    """A target's state as one node sees it, and the number of checks in a row that contradict this state."""

    state: State = INITIAL
    against: int = 0

    def told(self, answer: State, group: Group) -> None:
        """Note the result of a check. A new target becomes healthy after one pass; afterwards the thresholds count."""
        good = answer is HEALTHY
        if good == (self.state is HEALTHY) and self.state is not INITIAL:
            self.against = 0
            self.state = answer
            return
        self.against += 1
        enough = group.healthy_after if good else group.unhealthy_after
        if (good and self.state is INITIAL) or self.against >= enough:
            self.state, self.against = answer, 0


class Node:
    """A node of the balancer, at one of its addresses."""

    def __init__(self, options: Options, address: str, rng: random.Random, metrics: Metrics) -> None:
        self._options = options
        self._rng = rng
        self._metrics = metrics
        self.address = address
        self.port = 0
        self.snapshot = Snapshot()
        self._groups: dict[str, Group] = {}
        self._adopts_at = 0.0
        self._learned: deque[Snapshot] = deque()
        self._frozen = False
        self._missed: Snapshot | None = None
        self._checks: dict[tuple[str, Member], asyncio.Task[None]] = {}
        self.checked: dict[tuple[str, Member], Checked] = {}
        self._turns: dict[str, itertools.count[int]] = defaultdict(itertools.count)
        self._idle: dict[Address, list[tuple[asyncio.StreamReader, asyncio.StreamWriter, float]]] = defaultdict(list)
        self.statuses: Counter[str] = Counter()
        self.last: dict[str, float] = {}
        """Group ARN -> epoch seconds of the last request that it was given."""
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.address, self.port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        if self._server:
            self._server.close()
        for task in self._checks.values():
            task.cancel()
        for _, writer, _ in itertools.chain(*self._idle.values()):
            writer.close()

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}/"

    # Changes of the control plane, adopted after a delay

    def learn(self, snapshot: Snapshot) -> None:
        """Adopt a snapshot after this node's own delay, never before an earlier snapshot."""
        if self._frozen:
            self._missed = snapshot
            return
        loop = asyncio.get_running_loop()
        self._learned.append(snapshot)
        self._adopts_at = max(self._adopts_at, loop.time() + self._rng.uniform(*self._options.delay))
        # calls at the same instant arrive in any order, so the order of the calls must not decide
        loop.call_at(self._adopts_at, lambda: self.adopt(self._learned.popleft()))

    def freeze(self, frozen: bool) -> None:
        """Learn nothing from now on, or learn again, beginning with what was missed. What was learned is adopted."""
        self._frozen = frozen
        if not frozen and self._missed is not None:
            self.learn(self._missed)
            self._missed = None

    def adopt(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._groups = {group.arn: group for group in snapshot.groups}
        wanted = {(group.arn, member) for group in snapshot.groups for member in group.members}
        for key in [key for key in self._checks if key not in wanted]:
            self._checks.pop(key).cancel()
            self.checked.pop(key, None)
        for key in wanted - set(self._checks):
            self.checked[key] = Checked()
            self._checks[key] = asyncio.get_running_loop().create_task(self._check(*key))

    # Health checks

    async def _check(self, arn: str, member: Member) -> None:
        while True:
            group = self._groups[arn]
            self.checked[arn, member].told(await self._ask(group, member), group)
            await asyncio.sleep(self._options.interval * self._rng.uniform(0.8, 1.2))

    async def _ask(self, group: Group, member: Member) -> State:
        host, port = self._where(member)
        request = f"GET {group.path} HTTP/1.1\r\nHost: {member.id}\r\nUser-Agent: ELB-HealthChecker/2.0\r\n"
        writer = None
        try:
            async with asyncio.timeout(group.timeout):
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(f"{request}Connection: close\r\n\r\n".encode())
                head = await read_head(reader)
                if head is None:
                    raise Broken("closed without an answer")
                code = int(head.start.split(" ")[1])
        except TimeoutError:
            return State("unhealthy", "Target.Timeout", "Request timed out")
        except (OSError, Broken, ValueError, IndexError):
            return State("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
        finally:
            if writer:
                writer.close()
        if _matches(code, group.codes):
            return HEALTHY
        why = f"Health checks failed with these codes: [{code}]"
        return State("unhealthy", "Target.ResponseCodeMismatch", why)

    def _where(self, member: Member) -> Address:
        return self._options.where.get(member, (member.id, member.port))

    # Requests

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                async with asyncio.timeout(IDLE):
                    head = await read_head(reader)
                if head is None or not await self._answer(head, reader, writer):
                    break
        except (Broken, OSError, TimeoutError, ValueError):
            # the client has gone, or must see that its answer is incomplete
            pass
        finally:
            writer.close()

    async def _answer(self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection goes on."""
        _, path, _ = head.start.split(" ", 2)
        rule = next((rule for rule in self.snapshot.rules if rule.takes(path.split("?")[0], head.headers)), None)
        if rule is None or not rule.weights:
            return await self._say(rule.status if rule else 503, head, writer)
        cookie = head.cookie(COOKIE)
        arn = rule.choose(self._rng, cookie, time.time())
        member = self._member(arn) if arn else None
        if arn is None or member is None:
            return await self._say(503, head, writer)
        self.last[arn] = time.time()
        return await self._forward(head, arn, member, self._set_cookie(rule, arn, cookie), reader, writer)

    def _member(self, arn: str) -> Member | None:
        """The next target: round robin over healthy targets, over all if none is healthy (fail open); else None."""
        members = self._groups[arn].members
        healthy = [member for member in members if self.checked[arn, member].state is HEALTHY] or members
        return healthy[next(self._turns[arn]) % len(healthy)] if healthy else None

    def _set_cookie(self, rule: Rule, arn: str, cookie: str | None) -> str:
        if not rule.sticky:
            return ""
        if cookie and not self._options.renew and rule.choose(self._rng, cookie, time.time()) == arn:
            return ""
        value = encoded(arn, time.time() + rule.sticky)
        return f"Set-Cookie: {COOKIE}={value}; Max-Age={rule.sticky}; Path=/\r\n"

    async def _forward(
        self,
        head: Head,
        arn: str,
        member: Member,
        cookie: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        address, group = self._where(member), self._groups[arn].name
        began = time.time()
        try:
            async with asyncio.timeout(CONNECT):
                there, there_writer = await self._connection(address)
        except TimeoutError:
            self._metrics.count(group, began, None, 0.0)
            return await self._say(504, head, writer)
        except OSError:
            self._metrics.count(group, began, None, 0.0)
            return await self._say(502, head, writer)
        body: asyncio.Task[None] | None = None
        try:
            there_writer.write(_request(head, writer))
            if head.headers.get("expect", "").lower() == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if head.chunked or head.length:
                # concurrently with the answer, which may begin before the request ends
                body = asyncio.get_running_loop().create_task(copy_body(head, reader, there_writer))
            try:
                async with asyncio.timeout(IDLE):
                    answer = await read_head(there)
                    while answer and answer.start.split(" ")[1].startswith("1"):
                        answer = await read_head(there)
            except TimeoutError:
                there_writer.close()
                return await self._say(504, head, writer)
            except Broken:
                answer = None
            if answer is None:
                # it closed or reset with a request outstanding
                self._metrics.count(group, began, None, 0.0)
                there_writer.close()
                return await self._say(502, head, writer)
            status = int(answer.start.split(" ")[1])
            self._metrics.count(group, began, status, time.time() - began)
            self.statuses[f"{group} {status}"] += 1
            bodiless = head.start.startswith("HEAD ") or status in (204, 304)
            framed = bodiless or answer.chunked or answer.length is not None
            keeps = head.keeps and framed
            writer.write(_response(answer, cookie, keeps))
            if not bodiless:
                await copy_body(answer, there, writer, until_closed=True)
            await writer.drain()
            if body:
                await body
            if framed and answer.keeps:
                self._idle[address].append((there, there_writer, time.monotonic()))
            else:
                there_writer.close()
            return keeps
        except BaseException:
            there_writer.close()
            raise
        finally:
            if body and not body.done():
                body.cancel()
                with contextlib.suppress(asyncio.CancelledError, Broken, OSError):
                    await body

    async def _connection(self, address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """An idle connection that still seems open, else a new one. Raises OSError."""
        idle = self._idle[address]
        while idle:
            reader, writer, since = idle.pop()
            if not reader.at_eof() and not writer.is_closing() and time.monotonic() - since < IDLE:
                return reader, writer
            writer.close()
        return await asyncio.open_connection(*address)

    async def _say(self, status: int, head: Head, writer: asyncio.StreamWriter) -> bool:
        """Send an answer of the balancer itself, then close the connection: a request body may still be on its way."""
        self.statuses[f"elb {status}"] += 1
        reason = REASONS.get(status, "")
        body = "" if head.start.startswith("HEAD ") else f"{status} {reason}\n"
        writer.write(
            f"HTTP/1.1 {status} {reason}\r\nServer: awselb/2.0\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        )
        await writer.drain()
        return False


def _request(head: Head, client: asyncio.StreamWriter) -> bytes:
    lines = [line for line in head.lines if line.partition(":")[0].lower() not in HOP]
    peer = client.get_extra_info("peername")[0]
    return "\r\n".join([head.start, *lines, f"X-Forwarded-For: {peer}", "X-Forwarded-Proto: http", "", ""]).encode(
        "latin-1"
    )


def _response(answer: Head, cookie: str, keeps: bool) -> bytes:
    lines = [line for line in answer.lines if line.partition(":")[0].lower() not in HOP]
    connection = "keep-alive" if keeps else "close"
    start = answer.start.replace("HTTP/1.0", "HTTP/1.1", 1)
    return ("\r\n".join([start, *lines, f"Connection: {connection}", ""]) + f"{cookie}\r\n").encode("latin-1")


def _matches(code: int, codes: str) -> bool:
    """Whether a status is in ``200``, ``200,302`` or ``200-299``."""
    for part in codes.split(","):
        low, _, high = part.partition("-")
        if int(low) <= code <= int(high or low):
            return True
    return False


class Plane:
    """All nodes, which learn every change of the control plane."""

    def __init__(self, options: Options, addresses: list[str], metrics: Metrics) -> None:
        seeds = random.Random(options.seed)
        self.nodes = [Node(options, address, random.Random(seeds.random()), metrics) for address in addresses]
        self._watch: asyncio.Task[None] | None = None

    async def start(self, take: Callable[[], Snapshot]) -> None:
        """+ take: the control plane's state now"""
        first = take()
        for node in self.nodes:
            await node.start()
            node.adopt(first)
        self._watch = asyncio.get_running_loop().create_task(self._follow(take, first))

    async def _follow(self, take: Callable[[], Snapshot], seen: Snapshot) -> None:
        while True:
            await asyncio.sleep(0.02)
            # the control plane's threads may change it meanwhile
            with contextlib.suppress(RuntimeError, StopIteration):
                now = take()
                if now != seen:
                    seen = now
                    for node in self.nodes:
                        node.learn(now)

    def stop(self) -> None:
        if self._watch:
            self._watch.cancel()
        for node in self.nodes:
            node.stop()

    def health(self, arn: str, member: Member) -> State:
        """The combined health of a target: healthy only if every node says so."""
        states = [node.checked.get((arn, member), Checked()).state for node in self.nodes]
        worst = [state for state in states if state.state == "unhealthy"]
        return worst[0] if worst else INITIAL if INITIAL in states else HEALTHY
