"""The records of a run, and what they say of where it stopped: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.journal.store import Record


@dataclass(frozen=True)
class Told:
    """What the journal tells of a run.

    + begun: names of the stages with an intent, in order
    + done: names of those whose results are all good
    + committed: it is recorded that only the new release answered
    + undoing: its undo has begun: what is on record as done may not be so any more
    + paused: where it was asked to stop and wait, empty if it was not
    + ended: how it ended ("done", "undone", "interrupted", ...), None if it stopped without a word
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


def told(records: Sequence[Record]) -> Told:
    """What a run's records tell. Unknown records are passed over: a newer version may write more."""
    # what comes before a run's own Inputs is the settling of an earlier run
    start = next((index for index, record in enumerate(records) if record["record"] == "inputs"), 0)
    own = records[start:]
    # of a run that goes on with an earlier one, this record also says how far that had come
    head: Record = own[0] if own else {"record": ""}
    first = next((record for record in records if record["record"] == "begin"), {})
    end = next((record for record in own if record["record"] == "end"), None)
    return Told(
        verb=str(first.get("verb", "?")),
        owner=str(first.get("owner", "?")),
        at=str(first.get("at", "?")),
        inputs=dict(head["inputs"]) if head["record"] == "inputs" else None,
        begun=(*head.get("begun", ()), *(record["stage"] for record in own if record["record"] == "intent")),
        done=(
            *head.get("done", ()),
            *(record["stage"] for record in own if record["record"] == "results" and not record["failed"]),
        ),
        committed=any(record["record"] == "commit" for record in own),
        undoing=any(record["record"] == "undoing" for record in own),
        paused=str(own[-1]["text"]) if own and own[-1]["record"] == "paused" else "",
        ended=end["how"] if end else None,
        detail=str(end.get("detail", "")) if end else "",
    )


def unfinished(runs: Sequence[Sequence[Record]]) -> Sequence[Record] | None:
    """The records of the newest run, if it is still to be settled: it stopped without a word, or left something
    undone. None if there is nothing to settle.
    """
    # whoever began to settle it, and died, wrote that down in a run of its own
    undoing: list[Record] = []
    for run in reversed(runs):
        tale = told(run)
        if tale.inputs is not None:
            return [*run, *undoing] if tale.ended in (None, "left") else None
        undoing += [record for record in run if record["record"] == "undoing"]
        if any(record["record"] == "settled" for record in run):
            return None
        # a run that began and did not get to its Inputs, or stopped while settling: an older one counts
    return None
