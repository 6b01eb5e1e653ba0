"""A client that sends a request and reports its outcome. The client never retries."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11

from orchestrator.probe import link as http1
from orchestrator.probe.answer import judge
from orchestrator.probe.link import Link
from orchestrator.probe.lost import StreamReset
from orchestrator.probe.sample import Failure, Kind, Sample, wall
from orchestrator.probe.target import Target

if TYPE_CHECKING:
    from orchestrator.probe.link2 import Link2


@dataclass(frozen=True, slots=True)
class Request:
    """One request to send.

    + method: ``GET`` or ``POST``
    + path: path and query of the URL
    + hold: number of seconds for which the request asks the server to delay its answer. The timeout of the request is
      longer by this time
    + size: number of bytes that the answer must confirm as received; None if the answer need not name a number
    """

    kind: Kind
    method: str
    path: str
    body: bytes = b""
    hold: float = 0.0
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Manners:
    """Settings that apply to every request.

    + timeout: longest time, in seconds, from the beginning of a request to the last byte of its answer. If the request
      opens a new connection, the time for connecting is included.
    + token: secret that is sent in the header X-Probe-Token. Because of this header, the answers name release, color
      and node. Empty: no such header
    + marked: whether an answer without the header X-Release is a failure
    """

    timeout: float = 10.0
    token: str = ""
    marked: bool = False


class Connection:
    """A client's connection to a target (a server that the probe sends requests to).

    The first call of `send` opens the connection. Later calls of `send` reuse the connection. If one side has closed
    the connection, or if a request got no complete answer, the next call of `send` opens a new connection.
    """

    def __init__(self, target: Target, manners: Manners) -> None:
        self._target = target
        self._manners = manners
        self._link: Link | Link2 | None = None

    async def send(self, request: Request) -> Sample:
        """Send one request, wait for the answer, and return the result. If the request fails, the result says why.

        If the server closed the idle connection before this request, this method first opens a new connection, as
        browsers do. If the server closes the connection after the request was written, the request fails.
        """
        if self._link is not None and await self._link.went_away():
            self.close()
        link = self._link
        reused = link is not None
        sent = time.monotonic()
        sample = Sample(request.kind, self._target.origin, sent=0.0, ended=0.0, hold=request.hold)
        try:
            async with asyncio.timeout(self._manners.timeout + request.hold):
                if link is None:
                    link = self._link = await _connect(self._target)
                sent = link.write(request.method, request.path, self._headers(request), request.body)
                answer = await link.read()
        except (OSError, EOFError, h11.RemoteProtocolError) as error:
            ended = time.monotonic()
            begun = link is not None and link.first is not None
            sample.failure, words = blame(error, reused=reused, begun=begun)
            self.close()
        else:
            ended = link.last
            sample.status, sample.release = answer.status, answer.release
            sample.color, sample.node = answer.color, answer.node
            sample.failure, words = judge(answer, size=request.size, marked=self._manners.marked)
            if answer.extra or not link.reuse():
                self.close()
        sample.sent, sample.ended = wall(sent), wall(ended)
        if link is not None and link.first is not None:
            sample.first_byte = wall(link.first)
        if words:
            sample.detail = f"{request.method} {request.path}: {words}"
        return sample

    def close(self) -> None:
        """Close the connection at once, without waiting for anything."""
        if self._link is not None:
            self._link.close()
        self._link = None

    def _headers(self, request: Request) -> list[tuple[str, str]]:
        headers = [("Host", self._target.authority), ("User-Agent", "orchestrator-probe"), ("Accept", "*/*")]
        if self._manners.token:
            headers.append(("X-Probe-Token", self._manners.token))
        if request.kind is Kind.fresh:
            headers.append(("Connection", "close"))
        if request.method == "POST":
            headers.append(("Content-Type", "application/octet-stream"))
            headers.append(("Content-Length", str(len(request.body))))
        return headers


async def _connect(target: Target) -> Link | Link2:
    if not target.http2:
        return await http1.connect(target)
    from orchestrator.probe import link2  # imported here, since h2 takes 40 ms to import

    return await link2.connect(target)


def blame(error: Exception, *, reused: bool, begun: bool) -> tuple[Failure, str]:
    """Return the kind of failure that an exception means, and a message about the failure. Pure.

    + error: exception that was raised while the client connected, sent the request or read the answer
    + reused: whether an earlier request was sent over the same connection
    + begun: whether at least one byte of the answer had arrived
    """
    if isinstance(error, TimeoutError):
        return Failure.timeout, "timed out in the middle of the answer" if begun else "no answer in time"
    if isinstance(error, EOFError):
        how = str(error) or "closed"
        if begun:
            return Failure.truncated, f"{how} in the middle of the answer"
        if reused:
            return Failure.closed, f"{how} before an answer, on a reused connection"
        return Failure.closed_fresh, f"{how} before an answer, on a new connection"
    if isinstance(error, ConnectionRefusedError):
        return Failure.refused, "connection refused"
    if isinstance(error, ConnectionError):
        how = str(error) if isinstance(error, StreamReset) else "connection reset"
        if begun:
            return Failure.truncated, f"{how} in the middle of the answer"
        return Failure.reset, f"{how}, on a {'reused' if reused else 'new'} connection"
    return Failure.other, f"{type(error).__name__}: {error}"
