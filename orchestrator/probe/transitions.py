"""Find out when the old release stopped answering and when the new release began to answer. Pure.

A release begins to answer when the first byte of its first answer arrives. If a request was SENT more than `GRACE`
seconds after the new release began to answer, an answer of the old release to this request is stale.

A sample is the result of one request.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from orchestrator.probe.sample import Sample

GRACE = 0.005
"""Seconds after the new release began to answer.

If a request is sent within this time, an answer of the old release to this request is not counted as stale.
"""


@dataclass(frozen=True)
class Switch:
    """A cutover, in which the traffic moves to a release.

    + at: time right BEFORE the traffic is shifted, in seconds since the epoch
    + to: release that gets the traffic
    """

    at: float
    to: str


@dataclass(frozen=True)
class Transition:
    """The change from one release to another. Times are seconds since the epoch.

    An "old answer" below is an answer of any release other than ``new``.

    + at: time of the cutover; None if no cutover was recorded
    + old: release that answered before the cutover; None if no release answered before
    + new: release that gets the traffic
    + last_old_sent: when the last request with an old answer was sent; None without old answers
    + last_old_answered: when the old answer to this last request was complete; None without old answers
    + first_new_sent: when the request of the first answer of ``new`` was sent; None if ``new`` never answered
    + first_new_answered: when the first byte of the first answer of ``new`` arrived; None if ``new`` never answered
    + stale: number of old answers to requests that were sent more than `GRACE` seconds after ``first_new_answered``
    + answers: number of answers to requests that were sent from this cutover until the next cutover
    + rate: number of these answers a second
    + partial: True if the first samples of the transition were dropped to save memory. Then the true numbers may be
      worse
    """

    at: float | None
    old: str | None
    new: str
    last_old_sent: float | None
    last_old_answered: float | None
    first_new_sent: float | None
    first_new_answered: float | None
    stale: int
    answers: int
    rate: float
    partial: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the transition as a dict for ``json.dumps``."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Transition:
        """Make a transition from a dict that `to_json` returned. Unknown keys are ignored.

        Raises KeyError if a key is missing.
        """
        return cls(**{field.name: data[field.name] for field in fields(cls)})


def transitions(
    samples: Iterable[Sample], switches: Sequence[Switch], kept_from: float | None = None
) -> list[Transition]:
    """Return one transition for each cutover, in order of time. A cutover may go back to an earlier release.

    A transition is calculated from the requests that were sent between the previous and the next cutover. For a request
    that was sent before a cutover, the switch may have chosen the color after the cutover (see `Sample.routed_by`).
    Then an answer of either release is right.

    + switches: the cutovers, in any order
    + kept_from: when the oldest sample in memory was sent, in seconds since the epoch; None if no samples were dropped
    """
    answered = sorted((s for s in samples if s.release and s.routed_by is not None), key=lambda s: s.sent)
    sent = [s.sent for s in answered]
    ordered = sorted(switches, key=lambda s: s.at)
    found = []
    for k, switch in enumerate(ordered):
        before = ordered[k - 1].at if k else float("-inf")
        until = ordered[k + 1].at if k + 1 < len(ordered) else float("inf")
        near = answered[bisect_left(sent, before) : bisect_left(sent, until)]
        partial = kept_from is not None and switch.at < kept_from
        found.append(_transition(near, switch.at, until, switch.to, partial))
    return found


def detect(samples: Iterable[Sample]) -> Transition | None:
    """Find a transition in samples without a recorded cutover.

    The old release is the release that answered the request that was sent first. The new release is the release that
    answered the request that was sent last. Returns None if both are the same release, or if no release answered.
    """
    answered = sorted((s for s in samples if s.release and s.routed_by is not None), key=lambda s: s.sent)
    if not answered or answered[0].release == answered[-1].release:
        return None
    return _transition(answered, None, float("inf"), str(answered[-1].release), partial=False)


def _transition(near: list[Sample], at: float | None, until: float, new: str, partial: bool) -> Transition:
    """Return the transition to the release `new`. Times are seconds since the epoch.

    + near: samples with an answer, of requests that were sent between the previous and the next cutover, in the order
      in which the requests were sent
    + at: time of this cutover; None if no cutover was recorded
    + until: time of the next cutover; infinite if there is no next cutover
    + partial: whether the first samples of the transition were dropped to save memory
    """
    begin = float("-inf") if at is None else at
    newer = [s for s in near if s.release == new and _routed(s) >= begin]
    older = [s for s in near if s.release != new and _routed(s) < until]
    first = min(newer, key=_first_byte, default=None)
    last = older[-1] if older else None
    was = [s.release for s in older if s.sent < begin] or [s.release for s in older]
    inside = [s for s in near if s.sent >= begin]
    span = max((s.ended for s in inside), default=0.0) - max(begin, near[0].sent if near else 0.0)
    return Transition(
        at=at,
        old=was[-1] if was else None,
        new=new,
        last_old_sent=last.sent if last else None,
        last_old_answered=last.answered if last else None,
        first_new_sent=first.sent if first else None,
        first_new_answered=_first_byte(first) if first else None,
        stale=sum(s.sent > _first_byte(first) + GRACE for s in older) if first else 0,
        answers=len(inside),
        rate=len(inside) / min(span, until - begin) if span > 0 else 0.0,
        partial=partial,
    )


def _routed(sample: Sample) -> float:
    return sample.routed_by if sample.routed_by is not None else sample.sent


def _first_byte(sample: Sample) -> float:
    return sample.first_byte if sample.first_byte is not None else sample.ended
