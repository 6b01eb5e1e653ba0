"""Define one class for each kind of record in the journal. The classes convert records to and from JSON.

``stamped`` makes the JSON object that is stored. ``parse`` reads records that any version of this tool wrote: it
ignores kinds and fields that this version does not know. If a record lacks a field, ``parse`` uses the field's default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from orchestrator.journal import clock

Json = Mapping[str, Any]

WARNING = "warning: "
"""Prefix of a line in the detail of a step. The terminal shows such a line as a warning."""


class RunRecord(Protocol):
    """The interface of all records. A record is one line in the journal of a run.

    + kind: value of the key ``record`` in the JSON object
    """

    kind: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of the record, without the time. ``stamped`` adds the time."""


@dataclass(frozen=True)
class PlaceResult:
    """The result of a step at one place.

    + place: name of the place
    + seconds: how long the step took
    + error: one line about the failure; empty if the step succeeded
    + lost: whether the place did not answer
    + detail: text for the report that says what the step did or saw; empty for no text. A line that begins with WARNING
      is a warning
    + output: the last lines that a command of the application printed before it failed
    + alike: number of other places at which the step also succeeded, and took no longer. Their results are left out
    """

    place: str
    seconds: float = 0.0
    error: str = ""
    lost: bool = False
    detail: str = ""
    output: tuple[str, ...] = ()
    alike: int = 0

    def to_json(self) -> dict[str, Any]:
        said = {"place": self.place, "seconds": round(self.seconds, 3)}
        optional = {
            "error": self.error,
            "lost": self.lost,
            "detail": self.detail,
            "output": list(self.output),
            "alike": self.alike,
        }
        return said | {key: value for key, value in optional.items() if value}

    @classmethod
    def from_json(cls, data: Json) -> PlaceResult:
        return cls(
            _text(data, "place"),
            float(data.get("seconds", 0.0)),
            _text(data, "error"),
            bool(data.get("lost")),
            _text(data, "detail"),
            _texts(data, "output"),
            int(data.get("alike") or 0),
        )


@dataclass(frozen=True)
class Begin:
    """The record of a begin: a command begins or continues a run, or begins a provisioning.

    For a run, RunInputs is written together with this record. Records before this record are about an earlier run,
    which this command settled first.

    + verb: the verb of the command
    + owner: user and machine
    + version: the version of the orchestrator; empty if the record does not have the version
    """

    kind: ClassVar[str] = "begin"
    verb: str
    owner: str
    version: str = ""

    def to_json(self) -> dict[str, Any]:
        said = {"record": self.kind, "verb": self.verb, "owner": self.owner}
        return said | ({"version": self.version} if self.version else {})

    @classmethod
    def from_json(cls, data: Json) -> Begin:
        return cls(str(data.get("verb", "?")), str(data.get("owner", "?")), _text(data, "version"))


@dataclass(frozen=True)
class RunInputs:
    """The record of the Inputs from which the plan of the run is made.

    Records before this record are about an earlier run, which this command settled first.

    + inputs: result of ``Inputs.to_json``
    + begun: if this command resumes a run: names of the stages that began before
    + done: if this command resumes a run: names of the stages that were done before
    """

    kind: ClassVar[str] = "inputs"
    inputs: Json
    begun: tuple[str, ...] = ()
    done: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"record": self.kind, "inputs": dict(self.inputs)}
        return said | ({"begun": list(self.begun), "done": list(self.done)} if self.begun or self.done else {})

    @classmethod
    def from_json(cls, data: Json) -> RunInputs:
        inputs = data.get("inputs")
        # a run that changed the fleet must be settled, and cannot be settled without its Inputs, so this record is kept
        # even if it is incomplete
        return cls(
            dict(inputs) if isinstance(inputs, Mapping) else {},
            tuple(map(str, _list(data, "begun"))),
            tuple(map(str, _list(data, "done"))),
        )


@dataclass(frozen=True)
class Intent:
    """The record before a stage acts.

    + stage: name of the stage
    + places: names of the places at which the stage acts
    + more: number of other places at which the stage acts, and whose names are left out
    """

    kind: ClassVar[str] = "intent"
    stage: str
    places: tuple[str, ...] = ()
    more: int = 0

    def to_json(self) -> dict[str, Any]:
        said = {"record": self.kind, "stage": self.stage, "places": list(self.places)}
        return said | ({"more": self.more} if self.more else {})

    @classmethod
    def from_json(cls, data: Json) -> Intent:
        return cls(_text(data, "stage"), _texts(data, "places"), int(data.get("more") or 0))


@dataclass(frozen=True)
class StageResults:
    """The record of a stage's results at all places.

    + stage: name of the stage
    + seconds: how long the stage took
    + failed: whether a step of the stage failed
    """

    kind: ClassVar[str] = "results"
    stage: str
    results: tuple[PlaceResult, ...] = ()
    seconds: float = 0.0
    failed: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"record": self.kind, "stage": self.stage} | _outcome(self.results, self.failed, self.seconds)

    @classmethod
    def from_json(cls, data: Json) -> StageResults:
        return cls(_text(data, "stage"), _results(data), float(data.get("seconds", 0.0)), bool(data.get("failed")))


@dataclass(frozen=True)
class Commit:
    """The record of the commit: all checks have passed.

    After this record, the run can only be completed, not undone.
    """

    kind: ClassVar[str] = "commit"

    def to_json(self) -> dict[str, Any]:
        return {"record": self.kind}

    @classmethod
    def from_json(cls, data: Json) -> Commit:
        return cls()


@dataclass(frozen=True)
class _OneText:
    """The base of the records that have only one text.

    + key: key of the text in the JSON object
    """

    kind: ClassVar[str]
    key: ClassVar[str] = "text"
    text: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"record": self.kind, self.key: self.text}

    @classmethod
    def from_json(cls, data: Json) -> Self:
        return cls(_text(data, cls.key))


class Paused(_OneText):
    """The record of a pause: the run waits, because the operator asked for this pause.

    + text: the pause: ``preview``, or the new release's share of the traffic in per cent
    """

    kind = "paused"


class Undoing(_OneText):
    """The record that the undo has begun. After this record, a stage that is recorded as done may already be undone.

    + text: why the run is undone
    """

    kind = "undoing"


@dataclass(frozen=True)
class Undone:
    """The record that the undo has ended.

    + left: the results of the undo steps that failed
    """

    kind: ClassVar[str] = "undone"
    left: tuple[PlaceResult, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"record": self.kind} | (_outcome(self.left, True, 0.0) if self.left else {})

    @classmethod
    def from_json(cls, data: Json) -> Undone:
        return cls(_results(data))


class Warned(_OneText):
    """The record of a warning to the operator. This record is only in the report file, not in the journal."""

    kind = "warning"


@dataclass(frozen=True)
class End:
    """The record that the run has ended.

    + how: ``done``, ``undone``, or ``left`` if the next command has to finish the run
    + detail: why the run was undone; empty if there is no reason
    + probe: the probe's report; None if there is no report
    """

    kind: ClassVar[str] = "end"
    how: str
    detail: str = ""
    probe: Json | None = None

    def to_json(self) -> dict[str, Any]:
        return {"record": self.kind, "how": self.how, "detail": self.detail, "probe": self.probe}

    @classmethod
    def from_json(cls, data: Json) -> End:
        return cls(str(data.get("how", "?")), _text(data, "detail"), data.get("probe"))


class Settled(_OneText):
    """The record that this command has settled an earlier run, which had stopped before its end.

    + text: ``forward`` if the earlier run was completed, ``undone`` if it was undone
    """

    kind = "settled"
    key = "how"


class PassedOver(_OneText):
    """The record that this command continued although it could not read an earlier run that had stopped.

    If this command ends with an undo, the earlier run still has to be settled.

    + text: name of the earlier run
    """

    kind = "passed over"
    key = "run"


KINDS = (Begin, RunInputs, Intent, StageResults, Commit, Paused, Undoing, Undone, Warned, End, Settled, PassedOver)

_BY_NAME = {kind.kind: kind for kind in KINDS}


def stamped(record: RunRecord) -> dict[str, Any]:
    """Return the JSON object of a record, with the present time as ``at``."""
    return {"at": clock.now(), **record.to_json()}


def parse(data: Json) -> RunRecord | None:
    """Return the record of a JSON object; None if this version does not know the record's kind."""
    kind = _BY_NAME.get(str(data.get("record")))
    return kind.from_json(data) if kind else None


def parsed(records: Iterable[Json]) -> list[RunRecord]:
    """Return the records of JSON objects, in the same order.

    Records whose kind this version does not know are left out.
    """
    return [record for record in map(parse, records) if record is not None]


def _outcome(results: tuple[PlaceResult, ...], failed: bool, seconds: float) -> dict[str, Any]:
    return {"results": [one.to_json() for one in results], "failed": failed, "seconds": round(seconds, 3)}


def _results(data: Json) -> tuple[PlaceResult, ...]:
    return tuple(PlaceResult.from_json(one) for one in data.get("results", ()))


def _list(data: Json, key: str) -> list[Any]:
    found = data.get(key)
    return found if isinstance(found, list) else []


def _text(data: Json, key: str) -> str:
    return str(data.get(key) or "")


def _texts(data: Json, key: str) -> tuple[str, ...]:
    return tuple(str(one) for one in data.get(key, ()))
