"""The result of one request."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_OFFSET = time.time() - time.monotonic()


def wall(monotonic: float) -> float:
    """Turn a reading of ``time.monotonic()`` into seconds since the epoch.

    Each process determines the difference between the monotonic clock and the system's clock only once. Therefore
    durations stay exact even if the system's clock is changed while the process runs.

    Do not exchange results of this function between processes, because each process has its own difference. Instead,
    exchange readings of ``time.monotonic()``, which are comparable in all processes of a machine.
    """
    return monotonic + _OFFSET


def now() -> float:
    """Return the present time in seconds since the epoch, as `wall` calculates it from ``time.monotonic()``."""
    return time.monotonic() + _OFFSET


class Kind(StrEnum):
    """The kinds of requests. Each client sends requests of one kind."""

    keepalive = "keepalive"  # GET over a connection that is reused
    fresh = "fresh"  # GET over a new connection
    post = "post"  # POST with a body, over a connection that is reused
    slow = "slow"  # GET and POST in turn, with an answer that takes some seconds


class Failure(StrEnum):
    """The kinds of failures of a request. A report has one number for each kind."""

    refused = "refused"  # the connection was refused
    reset = "reset"  # the connection was reset before an answer began
    closed = "closed"  # a reused connection was closed before an answer began
    closed_fresh = "closed_fresh"  # a new connection was closed before an answer began
    truncated = "truncated"  # the connection was closed or reset in the middle of an answer
    status_5xx = "status_5xx"
    status_other = "status_other"  # the status is not 2xx, 3xx or 5xx
    timeout = "timeout"  # no complete answer arrived in time
    wrong_body = "wrong_body"  # the body contradicts a header, is not JSON, or names a wrong number of uploaded bytes
    unmarked = "unmarked"  # the header X-Release is required, but missing
    other = "other"  # the host name is unknown, TLS failed, the server does not speak HTTP, ...


COMPLETE = frozenset({Failure.status_5xx, Failure.status_other, Failure.wrong_body, Failure.unmarked})
"""The kinds of failure in which a complete answer arrived."""


@dataclass(slots=True)
class Sample:
    """The result of one request. Times are seconds since the epoch (see `wall`).

    + kind: kind of the request
    + target: name of the server, ``http://host:port``
    + sent: time right before the request was written. If no connection could be opened, the time when connecting began
    + ended: when the last byte of the answer arrived, or when the request failed
    + first_byte: when the first byte of the answer arrived; None if no byte arrived
    + status: HTTP status; None if no complete answer arrived
    + release, color, node: values of the headers X-Release, X-Color and X-Node; None if the answer has no such header
    + failure: kind of failure; None if the answer was good
    + detail: message about the failure; empty if the answer was good
    + hold: number of seconds for which the request asked the server to delay its answer
    """

    kind: Kind
    target: str
    sent: float
    ended: float
    first_byte: float | None = None
    status: int | None = None
    release: str | None = None
    color: str | None = None
    node: str | None = None
    failure: Failure | None = None
    detail: str = ""
    hold: float = 0.0

    @property
    def answered(self) -> float | None:
        """The time when the answer was complete, even if the answer is a failure; None without a complete answer."""
        return self.ended if self.failure is None or self.failure in COMPLETE else None

    @property
    def routed_by(self) -> float | None:
        """The latest time at which the switch can have chosen the color for this request.

        The switch must have chosen the color before the first byte of the answer arrived. If the request asked the
        server to delay its answer by ``hold`` seconds, the switch must also have chosen the color at least ``hold``
        seconds before the last byte arrived. None if no complete answer arrived.
        """
        if (answered := self.answered) is None or self.first_byte is None:
            return None
        return max(self.sent, min(self.first_byte, answered - self.hold))

    def to_json(self) -> dict[str, object]:
        """Return the sample as a dict for ``json.dumps``, for one line in the file of the option ``--samples``."""
        return {name: getattr(self, name) for name in self.__slots__} | {"answered": self.answered}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Sample:
        """Make a sample of the dict that `to_json` returned. Raises KeyError or ValueError if the dict is damaged."""
        found = {name: said[name] for name in cls.__slots__}
        failure = Failure(said["failure"]) if said["failure"] else None
        return cls(**{**found, "kind": Kind(said["kind"]), "failure": failure})
