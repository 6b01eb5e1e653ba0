"""Sends a few requests to an address of the switch, and judges which releases answer.

The package ``probe``, in contrast, sends a constant stream of requests.
"""

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
    """The result of one request.

    + release: the release that the header X-Release of the answer names; None without an answer or without the header
    + problem: why the request got no usable answer, None if the answer is usable. A usable answer has a status below
      500 and the header X-Release
    """

    release: str | None
    problem: str | None


NO_ADDRESS = Answer(None, "the host name has no IP address")
"""The result for a URL whose host name has no IP address. To such a URL, no request is sent."""


def addresses(url: str) -> tuple[str, ...]:
    """Return all IP addresses to which the URL's host name resolves now, sorted. Never raises.

    If the host is an IP address, return this address. If the name is unknown or the URL is not valid, return an empty
    tuple. If this machine has no IPv6 (or no IPv4), addresses of that protocol are left out, because requests from
    this machine cannot reach them.
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
    """Send one request on a new connection, and return the result of the request.

    If the network fails or the URL is not valid, nothing is raised, and the result holds the error message.

    + token: the probe token, which the request sends in a header; empty for no header
    + timeout: seconds. With HTTP/1.1: how long the server may be silent. With HTTP/2: until the answer is complete
    + host: the name for the Host header and for TLS (SNI and certificate); None for the URL's host
    + ca: a file of CA certificates to trust; None for the system's certificates
    + http2: whether to use HTTP/2 instead of HTTP/1.1; for https URLs only
    + address: the IP address to connect to; None for the first address of the URL's host that accepts a connection
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
    """Return None if every answer is usable and names the release, else one line about the problem.

    The line says either that another release still answers, or why it is unknown which release answers.

    + release: the id of the release that must answer
    + tolerant: whether to ignore requests without a usable answer, because nodes may be frozen. A frozen node gets its
      share of the requests and answers none of them
    + enough: how many usable answers are needed, even if ``tolerant`` is True
    """
    wrong = next((told.release for told in answers if not told.problem and told.release != release), None)
    if wrong:
        return f"{wrong} still answers"
    problem = next((told.problem for told in answers if told.problem), None)
    good = sum(1 for told in answers if not told.problem)
    if good < enough or (problem and not tolerant):
        return f"it is unknown which release answers: {problem or f'only {good} answers'}"
    return None


def judge_split(answers: Sequence[Answer], release: str, other: str, seen: Mapping[str, int]) -> str | None:
    """Judge the answers while traffic is split between two releases. Return None, or one line about the problem.

    None means: every answer is usable and names one of the two releases, and the new release has answered.

    + answers: the newest answers
    + release: the new release, which gets a share of the traffic
    + other: the old release, which gets the remaining traffic
    + seen: release -> number of the release's answers at this address, in all checks of the stage. These numbers
      include ``answers``
    """
    wrong = next((told.release for told in answers if not told.problem and told.release not in (release, other)), None)
    if wrong:
        return f"{wrong} answers, which is neither {release} nor {other}"
    problem = next((told.problem for told in answers if told.problem), None)
    if problem:
        return f"it is unknown which release answers: {problem}"
    if not seen.get(release):
        return f"{release} was not among {sum(seen.values())} answers"
    return None
