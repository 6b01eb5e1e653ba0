"""What became of one request."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum

_OFFSET = time.time() - time.monotonic()


def wall(monotonic: float) -> float:
    """A reading of ``time.monotonic()`` as seconds since the epoch.

    The offset is taken once a process, so that differences stay exact when somebody sets the clock. Another process
    of the same machine, which has the same monotonic clock, best hands over a reading of that.
    """
    return monotonic + _OFFSET


def now() -> float:
    """Seconds since the epoch, on this process's one time base (see `wall`)."""
    return time.monotonic() + _OFFSET


class Kind(StrEnum):
    """What kind of client a request stands for."""

    keepalive = "keepalive"  # GET on a connection that is used again
    fresh = "fresh"  # GET on a connection of its own
    post = "post"  # POST with a body, on a connection that is used again
    slow = "slow"  # GET and POST, in turn, of an answer that takes its time


class Failure(StrEnum):
    """Every way to lose a request, each counted apart."""

    refused = "refused"  # no connection: refused
    reset = "reset"  # the connection was reset before an answer began
    closed = "closed"  # closed before an answer began, on a connection that had answered before
    closed_fresh = "closed_fresh"  # closed before an answer began, on a new connection
    truncated = "truncated"  # closed or reset in the middle of an answer
    status_5xx = "status_5xx"
    status_other = "status_other"  # neither 2xx nor 3xx nor 5xx
    timeout = "timeout"  # no complete answer in time
    wrong_body = "wrong_body"  # the body contradicts the marker, or what was sent
    unmarked = "unmarked"  # no X-Release, and one is required
    other = "other"  # name not found, TLS, not HTTP, ...


COMPLETE = frozenset({Failure.status_5xx, Failure.status_other, Failure.wrong_body, Failure.unmarked})
"""Failures that are complete answers nevertheless."""


@dataclass(slots=True)
class Sample:
    """One request. Times are seconds since the epoch (see `wall`).

    + sent: right before the request was written; if there was no connection, when connecting began
    + first_byte: when the first byte of the answer came, None if none did
    + ended: when the last byte of the answer came, or when the request had failed
    + release, color, node: the answer's X-Release, X-Color and X-Node
    + hold: how long the server was asked to take, in seconds
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
        """When the last byte of a complete answer came, whatever its status; None without one."""
        return self.ended if self.failure is None or self.failure in COMPLETE else None

    @property
    def routed_by(self) -> float | None:
        """The latest instant at which it can have been decided who answers; None without a complete answer."""
        if (answered := self.answered) is None or self.first_byte is None:
            return None
        return max(self.sent, min(self.first_byte, answered - self.hold))

    def to_json(self) -> dict[str, object]:
        """As a line of ``--samples`` holds it."""
        return {name: getattr(self, name) for name in self.__slots__} | {"answered": self.answered}
