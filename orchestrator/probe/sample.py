"""The result of one request."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum

_OFFSET = time.time() - time.monotonic()


def wall(monotonic: float) -> float:
    """Turn a reading of ``time.monotonic()`` into seconds since the epoch.

    The offset is determined once for each process, so that differences stay exact when the clock is set. All processes
    of a machine have the same monotonic clock, so other processes should pass monotonic readings.
    """
    return monotonic + _OFFSET


def now() -> float:
    """Return the present time in seconds since the epoch, with this process's offset (see `wall`)."""
    return time.monotonic() + _OFFSET


class Kind(StrEnum):
    """The kind of client that sends a request."""

    keepalive = "keepalive"  # GET over a connection that is reused
    fresh = "fresh"  # GET over a new connection
    post = "post"  # POST with a body, over a connection that is reused
    slow = "slow"  # GET and POST in turn, with an answer that takes some seconds


class Failure(StrEnum):
    """The kinds of failures, each counted separately."""

    refused = "refused"  # the connection was refused
    reset = "reset"  # the connection was reset before an answer began
    closed = "closed"  # closed before an answer began, on a reused connection
    closed_fresh = "closed_fresh"  # closed before an answer began, on a new connection
    truncated = "truncated"  # closed or reset in the middle of an answer
    status_5xx = "status_5xx"
    status_other = "status_other"  # neither 2xx nor 3xx nor 5xx
    timeout = "timeout"  # no complete answer in time
    wrong_body = "wrong_body"  # the body contradicts the marker, or what was sent
    unmarked = "unmarked"  # X-Release is required, but missing
    other = "other"  # unknown name, TLS, not HTTP, ...


COMPLETE = frozenset({Failure.status_5xx, Failure.status_other, Failure.wrong_body, Failure.unmarked})
"""Failures with a complete answer."""


@dataclass(slots=True)
class Sample:
    """One request. Times are seconds since the epoch (see `wall`).

    + sent: time right before the request was written; if connecting failed, time when connecting began
    + first_byte: when the first byte of the answer came; None if no byte came
    + ended: when the last byte of the answer came, or when the request had failed
    + release, color, node: the answer's X-Release, X-Color and X-Node
    + hold: seconds that the server was asked to take
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
        """Return when the last byte of a complete answer came, whatever its status.

        Returns None if there was no complete answer.
        """
        return self.ended if self.failure is None or self.failure in COMPLETE else None

    @property
    def routed_by(self) -> float | None:
        """Return the latest time at which a switch can have chosen the color.

        Returns None if there was no complete answer.
        """
        if (answered := self.answered) is None or self.first_byte is None:
            return None
        return max(self.sent, min(self.first_byte, answered - self.hold))

    def to_json(self) -> dict[str, object]:
        """Return the content of the sample's line in ``--samples``."""
        return {name: getattr(self, name) for name in self.__slots__} | {"answered": self.answered}
