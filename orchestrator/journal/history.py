"""Find out from a run's records where the run stopped. All functions are pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator import __version__
from orchestrator.journal.records import (
    Begin,
    Commit,
    End,
    Intent,
    Json,
    PassedOver,
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
    """The history of a run, as the journal recorded it.

    + verb: the verb of the command that began the run
    + owner: user and machine that began the run
    + at: UTC time at which the run began, ISO 8601
    + inputs: the run's Inputs as JSON; None if the run stopped before it had a plan
    + begun: names of the stages that began, in order
    + done: names of the stages that succeeded at all places. If the undo has begun, these stages may already be undone.
    + committed: whether the commit is recorded, so that the run must be completed and not undone
    + undoing: whether the undo has begun
    + paused: the pause at which the run waits; empty if the run does not wait
    + ended: ``done``, ``undone``, or ``left`` if the next command has to finish the run; None if no end is recorded
    + detail: why the run was undone; empty if there is no reason
    + version: the version of the orchestrator that began the run; empty if the version is not recorded
    + until: UTC time of the last record of the run, ISO 8601
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
    until: str = ""

    @property
    def seconds(self) -> float | None:
        """How long the run took, from its first record to its last; None if the times are not recorded."""
        try:
            return (datetime.fromisoformat(self.until) - datetime.fromisoformat(self.at)).total_seconds()
        except (TypeError, ValueError):
            return None

    @property
    def stopped_in(self) -> tuple[str, ...]:
        """The names of the stages in which the run may have stopped; () if no stage began.

        These are the stages that began, and that the journal does not record as done. If there are none, it is the last
        stage that began.
        """
        left = tuple(name for name in self.begun if name not in self.done)
        return left or self.begun[-1:]

    @property
    def waits(self) -> str:
        """Where a paused run waits, such as ``at 25% of the traffic``; empty if the run is not paused."""
        if not self.paused:
            return ""
        return "before any traffic" if self.paused == "preview" else f"at {self.paused}% of the traffic"

    @property
    def name(self) -> str:
        """The run's name in messages: ``release by ann@laptop of 2026-11-28T16:03:34.122521Z``."""
        return f"{self.verb} by {self.owner} of {self.at}"

    @property
    def written_by(self) -> str:
        """The version that began the run, such as ``orchestrator 0.3.0, a newer version than this (0.2.0)``."""
        # the first published version did not record its number
        version = self.version or "0.1.0"
        newer = f", a newer version than this ({__version__})" if _number(version) > _number(__version__) else ""
        return f"orchestrator {version}{newer}"


def history_of(records: Sequence[Json]) -> RunHistory:
    """Return the history of a run.

    + records: the records of the run in the journal, as JSON objects, oldest first
    """
    known = parsed(records)
    # records before the run's own Inputs are about an earlier run that this command settled first
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
        paused=last.text if isinstance(last, Paused) else "",
        ended=end.how if end else None,
        detail=end.detail if end else "",
        version=begin.version,
        until=str(records[-1].get("at", "")) if records else "",
    )


def unfinished(runs: Sequence[Sequence[Json]]) -> Sequence[Json] | None:
    """Return the records of the run that has to be settled; None if no run has to be settled.

    Only the newest run with Inputs can be returned. This run has to be settled if its end is not recorded, or if the
    recorded end is ``left``, because a part of the run could not be undone or completed.

    There may be newer runs without Inputs. Such a run stopped before it had a plan, but may have begun to settle the
    newest run with Inputs. If the settling ended, the result is None. If the settling stopped during an undo, the
    result also has the record of this undo.

    There may also be newer runs that passed over a run, because they could not read its record, and were undone. The
    run that they passed over still has to be settled.

    + runs: the records of each run, oldest run first
    """
    return _unfinished(runs)[1]


def is_decided(runs: Sequence[Sequence[Json]]) -> bool:
    """Return whether the runs suffice to decide whether a run has to be settled.

    If not, each of the runs stopped before it had a plan. For example, each of them may have tried to settle the same
    older run, and failed. Then an older run decides.

    + runs: the records of each run, oldest run first
    """
    return _unfinished(runs)[0] is not None


def decisive(runs: Sequence[Sequence[Json]]) -> int:
    """Return the index of the oldest run that decides whether a run has to be settled.

    ``unfinished`` ignores all older runs.

    + runs: the records of each run, oldest run first
    """
    return _unfinished(runs)[0] or 0


def _unfinished(runs: Sequence[Sequence[Json]]) -> tuple[int | None, Sequence[Json] | None]:
    """Return the results of ``decisive`` and ``unfinished``. The first result is None if an older run decides."""
    # if a command died while it settled the run, its records form a separate, later run
    undoing: list[Json] = []
    for index, run in reversed(list(enumerate(runs))):
        history, known = history_of(run), parsed(run)
        if history.inputs is not None:
            if history.ended == "undone" and any(isinstance(record, PassedOver) for record in known):
                continue
            return index, [*run, *undoing] if history.ended in (None, "left") else None
        undoing += [record for record in run if record.get("record") == Undoing.kind]
        if any(isinstance(record, Settled) for record in known):
            return index, None
        # this run has no Inputs: it stopped before it had a plan, or while it settled an older run, which is next here
    return None, None


def _number(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, such as ``(0, 2, 0)``, so that versions can be compared."""
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version)[:3])


def _done(records: Sequence[RunRecord]) -> list[str]:
    return [record.stage for record in records if isinstance(record, StageResults) and not record.failed]


def _begun_at(records: Sequence[Json]) -> str:
    return next((str(record.get("at", "?")) for record in records if record.get("record") == Begin.kind), "?")
