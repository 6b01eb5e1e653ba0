"""The result of one request."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum

_OFFSET = time.time() - time.monotonic()


def wall(monotonic: float) -> float:
    """Turn a reading of ``time.monotonic()`` into seconds since the epoch.

    Each process determines the offset between both clocks only once. Therefore differences between two times stay exact
    even if the system's clock is changed. Other processes should pass readings of ``time.monotonic()`` to this process,
    because that clock is the same for all processes of a machine.
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
    """The kinds of failures, each counted separately."""

    refused = "refused"  # the connection was refused
    reset = "reset"  # the connection was reset before an answer began
    closed = "closed"  # closed before an answer began, on a reused connection
    closed_fresh = "closed_fresh"  # closed before an answer began, on a new connection
    truncated = "truncated"  # closed or reset in the middle of an answer
    status_5xx = "status_5xx"
    status_other = "status_other"  # neither 2xx nor 3xx nor 5xx
    timeout = "timeout"  # no complete answer in time
    wrong_body = "wrong_body"  # the body contradicts the marker, or names a wrong number of uploaded bytes
    unmarked = "unmarked"  # X-Release is required, but missing
    other = "other"  # unknown name, TLS, not HTTP, ...


COMPLETE = frozenset({Failure.status_5xx, Failure.status_other, Failure.wrong_body, Failure.unmarked})
"""The kinds of failure in which a complete answer arrived."""


@dataclass(slots=True)
class Sample:
    """The result of one request. Times are seconds since the epoch (see `wall`).

    + target: name of the server, ``http://host:port``
    + sent: time right before the request was written; if connecting failed, time when connecting began
    + first_byte: when the first byte of the answer arrived; None if no byte arrived
    + ended: when the last byte of the answer arrived, or when the request failed
    + release, color, node: the answer's headers X-Release, X-Color and X-Node
    + failure: kind of failure; None if the answer was good
    + detail: a message about the failure
    + hold: seconds that the server was asked to take for its answer
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
        """The time when the answer was complete, whatever its status; None if there was no complete answer."""
        return self.ended if self.failure is None or self.failure in COMPLETE else None

    @property
    def routed_by(self) -> float | None:
        """The latest time at which the switch can have chosen the color for this request.

        The switch chose before the first byte of the answer arrived, and at least ``hold`` seconds before the last
        byte. None if there was no complete answer.
        """
        if (answered := self.answered) is None or self.first_byte is None:
            return None
        return max(self.sent, min(self.first_byte, answered - self.hold))

    def to_json(self) -> dict[str, object]:
        """Return the sample as plain data for its line of JSON in the file of ``--samples``."""
        return {name: getattr(self, name) for name in self.__slots__} | {"answered": self.answered}
