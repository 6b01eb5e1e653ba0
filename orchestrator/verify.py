"""Asks an address of the switch which release answers there. For few, careful requests; the probe is for many."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Told:
    """+ release: the marker of the answer, None if it had none
    + problem: why there was no answer to use, None if there was
    """

    release: str | None
    problem: str | None


def ask(url: str, token: str, timeout: float = 5.0) -> Told:
    """One request on a connection of its own. It never raises for what the network does.

    + token: the probe token, empty for none
    + timeout: seconds
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return Told(None, f"{url} is not an http or https address")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=timeout)
    headers = {"Connection": "close"} | ({"X-Probe-Token": token} if token else {})
    try:
        connection.request("GET", parts.path or "/", headers=headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException, ssl.SSLError) as error:
        return Told(None, f"{type(error).__name__}: {error}")
    finally:
        connection.close()
    release = answer.getheader("X-Release")
    if answer.status >= 500 or release is None:
        return Told(release, f"status {answer.status}" + ("" if release else " without a release marker"))
    return Told(release, None)


def judge(answers: Sequence[Told], release: str, tolerant: bool = False, enough: int = 1) -> str | None:
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


def judge_split(answers: Sequence[Told], release: str, other: str, seen: Mapping[str, int]) -> str | None:
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
