"""Asks an address of the switch which release answers there. For a few requests; the probe is for many."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.errors import UsageError
from orchestrator.probe.once import get
from orchestrator.probe.tls import context
from orchestrator.probe.url import is_address, read


@dataclass(frozen=True)
class Answer:
    """The answer of an address.

    + release: the release marker in the answer, None if there was none
    + problem: why there was no usable answer, None if there was one
    """

    release: str | None
    problem: str | None


NO_ADDRESS = Answer(None, "its name has no address")
"""The result for a URL without `addresses`, to which no request was sent."""


def addresses(url: str) -> tuple[str, ...]:
    """All IP addresses that the URL's host has now, sorted; for a literal address, the address itself. Never raises.

    Empty if the name is unknown or the URL is not valid. If this machine does not have a protocol at all (mostly IPv6),
    addresses of that protocol are left out, because requests from here cannot reach them.
    """
    try:
        where = read(url)
        if is_address(where.host):
            return (where.host,)
        found = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except (UsageError, OSError):
        return ()
    return tuple(sorted({str(info[4][0]) for info in found}))


def ask(
    url: str,
    token: str,
    timeout: float = 5.0,
    host: str | None = None,
    ca: str | None = None,
    http2: bool = False,
    address: str | None = None,
) -> Answer:
    """Send one request on a new connection. Does not raise for network errors or a bad URL.

    + token: the probe token, empty for none
    + timeout: seconds that the server may be silent
    + host: the name for the Host header and for TLS (SNI and certificate), instead of the URL's
    + ca: a file of certificates to trust, instead of the system's
    + http2: HTTP/2 instead of HTTP/1.1; https URLs only
    + address: the IP address to connect to, everything else as in the URL; None for the first address of the URL's host
      that accepts a connection
    """
    try:
        where = read(url, host, http2)
        tls = context(ca, http2) if where.secure else None
        answer = get(where, {"X-Probe-Token": token} if token else {}, tls, timeout, address, http2)
    except UsageError as error:
        return Answer(None, str(error))
    except (OSError, EOFError, http.client.HTTPException) as error:
        return Answer(None, f"{type(error).__name__}: {error}")
    if answer.status >= 500 or answer.release is None:
        return Answer(
            answer.release, f"status {answer.status}" + ("" if answer.release else " without a release marker")
        )
    return Answer(answer.release, None)


def judge(answers: Sequence[Answer], release: str, tolerant: bool = False, enough: int = 1) -> str | None:
    """None if every answer names the release, else one line: another release still answers, or "cannot tell".

    + tolerant: whether requests without an answer do not count, as long as there are enough answers (a frozen node
      takes its share of the requests, whichever color has the traffic)
    + enough: the number of answers that is enough
    """
    wrong = next((told.release for told in answers if not told.problem and told.release != release), None)
    if wrong:
        return f"{wrong} still answers"
    problem = next((told.problem for told in answers if told.problem), None)
    good = sum(1 for told in answers if not told.problem)
    if good < enough or (problem and not tolerant):
        return f"cannot tell: {problem or f'only {good} answers'}"
    return None


def judge_split(answers: Sequence[Answer], release: str, other: str, seen: Mapping[str, int]) -> str | None:
    """None if every answer names one of two releases and the new release was seen, else one line.

    + answers: the newest answers
    + release: the new release, which gets a share of the traffic
    + other: the old release, which has the rest
    + seen: how often each release has answered until now, including these answers
    """
    wrong = next((told.release for told in answers if not told.problem and told.release not in (release, other)), None)
    if wrong:
        return f"{wrong} answers, which is neither {release} nor {other}"
    problem = next((told.problem for told in answers if told.problem), None)
    if problem:
        return f"cannot tell: {problem}"
    if not seen.get(release):
        return f"{release} was not among {sum(seen.values())} answers"
    return None
