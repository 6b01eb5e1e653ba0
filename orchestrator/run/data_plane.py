"""Asks an address of the switch which release answers there. For few, careful requests; the probe is for many."""

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
    """What an address answered.

    + release: the marker of the answer, None if it had none
    + problem: why there was no answer to use, None if there was
    """

    release: str | None
    problem: str | None


NO_ADDRESS = Answer(None, "its name has no address")
"""What a URL without `addresses` told: nobody was asked."""


def addresses(url: str) -> tuple[str, ...]:
    """All IP addresses that the URL's host has now, sorted; a literal address is itself. Never raises.

    Empty if the name is not known, or the URL is none. Addresses of a protocol that this machine does not have at
    all (IPv6, mostly) are left out: nobody can be asked there from here.
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
    """One request on a connection of its own. It never raises for what the network does, or for a bad URL.

    + token: the probe token, empty for none
    + timeout: seconds that the server may be silent
    + host: name for the Host header and for TLS (SNI and certificate), instead of the URL's
    + ca: file of certificates to trust, instead of the system's
    + http2: HTTP/2 instead of HTTP/1.1; https URLs only
    + address: IP address to connect to; all else stays the URL's. None: the first that takes a connection
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
    """None if every answer names the release, else one line with the first that does not: no or cannot tell.

    + tolerant: requests without an answer do not count (a node that froze takes its share of them, whichever
      color has the traffic), as long as there are enough answers
    + enough: so many
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
    """None if every answer names one of two releases and the new one was seen, else one line.

    + answers: the newest
    + release: the one that gets a share of the traffic
    + other: the one that gives it
    + seen: how often each release has answered until now, these answers included
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
