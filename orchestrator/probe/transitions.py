"""When did the old release stop answering, and the new one begin? Pure.

Evidence and strictness: a release has begun to answer when the first byte of its first answer came; an old answer is
stale if its request was SENT more than `GRACE` after that instant.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from orchestrator.probe.sample import Sample

GRACE = 0.005
"""Seconds after the first new answer in which a request may still have met the old release on its way."""


@dataclass(frozen=True)
class Switch:
    """The traffic was told to go to a release. ``at``: seconds since the epoch, taken right BEFORE telling."""

    at: float
    to: str


@dataclass(frozen=True)
class Transition:
    """From one release to another. Times are seconds since the epoch.

    + at: the instant of the switch, None if it was not given but detected
    + old, new: releases; ``old`` is the one that answered last before, None if none did
    + last_old_sent, last_old_answered: of the last sent request that still got another release than the new one
    + first_new_sent, first_new_answered: of the first answer by the new one (first byte); None: there was none
    + stale: answers by another release to requests sent more than `GRACE` after the first new answer
    + answers, rate: from this switch until the next, and those in a second
    + partial: its first samples were not kept, so that its numbers are too good
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
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Transition:
        """KeyError if a field is missing; unknown ones are ignored."""
        return cls(**{field.name: data[field.name] for field in fields(cls)})


def transitions(
    samples: Iterable[Sample], switches: Sequence[Switch], kept_from: float | None = None
) -> list[Transition]:
    """One for each switch, back and forth as often as you like.

    Switch k owns the time from its instant until that of switch k+1. A request that was sent before an instant, but
    may have been decided about after it (`Sample.routed_by`), may rightly get either release.

    + kept_from: when the oldest kept sample was sent, if older ones were dropped
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
    """Return the one transition that samples show by themselves.

    It leads from the release of the request that was sent first to the release of the one sent last. None if they are
    the same, or if nothing was answered.
    """
    answered = sorted((s for s in samples if s.release and s.routed_by is not None), key=lambda s: s.sent)
    if not answered or answered[0].release == answered[-1].release:
        return None
    return _transition(answered, None, float("inf"), str(answered[-1].release), partial=False)


def _transition(near: list[Sample], at: float | None, until: float, new: str, partial: bool) -> Transition:
    """Return the transition to a release.

    + near: answered samples sent from the switch before this one until the next one, in order of sending
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
