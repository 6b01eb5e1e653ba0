"""What the records of a run say of where it stopped: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.journal.records import (
    Begin,
    Commit,
    End,
    Intent,
    Json,
    Paused,
    RunInputs,
    RunRecord,
    Settled,
    StageResults,
    Undoing,
    parsed,
)


@dataclass(frozen=True)
class RunHistory:
    """What is on record of one run.

    + owner: user and machine
    + at: UTC time of its first record, ISO 8601
    + inputs: None if the run did not get as far as a plan
    + begun: names of the stages that began, in order
    + done: names of the stages whose results are all good
    + committed: the commit is on record: only the new release answered
    + undoing: the undo has begun, so a stage in ``done`` may not be done any more
    + paused: where the run was asked to stop and wait; empty if it does not wait
    + ended: ``done``, ``undone`` or ``left``; None if the run stopped without an end on record
    + detail: why it was undone
    + version: of the orchestrator that began it; empty if that version did not say
    """

    verb: str
    owner: str
    at: str
    inputs: dict[str, Any] | None
    begun: tuple[str, ...]
    done: tuple[str, ...]
    committed: bool
    undoing: bool
    paused: str
    ended: str | None
    detail: str
    version: str = ""

    @property
    def name(self) -> str:
        """The run in a sentence: ``release by ann@laptop of 2026-11-28T16:03:34.122521Z``."""
        return f"{self.verb} by {self.owner} of {self.at}"


def history_of(records: Sequence[Json]) -> RunHistory:
    """The history of a run from the records that a store has of it."""
    known = parsed(records)
    # before a run's own inputs stands the settling of an earlier run
    start = next((index for index, record in enumerate(known) if isinstance(record, RunInputs)), None)
    own = known if start is None else known[start:]
    head = own[0] if start is not None and isinstance(own[0], RunInputs) else None
    begin = next((record for record in known if isinstance(record, Begin)), Begin("?", "?"))
    end = next((record for record in own if isinstance(record, End)), None)
    last = own[-1] if own else None
    return RunHistory(
        verb=begin.verb,
        owner=begin.owner,
        at=_begun_at(records),
        inputs=dict(head.inputs) if head else None,
        begun=(*(head.begun if head else ()), *(record.stage for record in own if isinstance(record, Intent))),
        done=(*(head.done if head else ()), *_done(own)),
        committed=any(isinstance(record, Commit) for record in own),
        undoing=any(isinstance(record, Undoing) for record in own),
        paused=last.at if isinstance(last, Paused) else "",
        ended=end.how if end else None,
        detail=end.detail if end else "",
        version=begin.version,
    )


def unfinished(runs: Sequence[Sequence[Json]]) -> Sequence[Json] | None:
    """The records of the newest run if it has to be settled, None if nothing has to be.

    A run has to be settled if it has no end on record, or could not undo or finish something (``left``).

    + runs: the records of each run, oldest run first
    """
    # a command that began to settle it, and died, has recorded that in a run of its own
    undoing: list[Json] = []
    for run in reversed(runs):
        history = history_of(run)
        if history.inputs is not None:
            return [*run, *undoing] if history.ended in (None, "left") else None
        undoing += [record for record in run if record.get("record") == Undoing.kind]
        if any(isinstance(record, Settled) for record in parsed(run)):
            return None
        # this one has no inputs: it stopped before its plan or while it settled, so an older one counts
    return None


def _done(records: Sequence[RunRecord]) -> list[str]:
    return [record.stage for record in records if isinstance(record, StageResults) and not record.failed]


def _begun_at(records: Sequence[Json]) -> str:
    return next((str(record.get("at", "?")) for record in records if record.get("record") == Begin.kind), "?")
