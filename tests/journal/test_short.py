"""The records of many places, as the journal stores them."""

from __future__ import annotations

from orchestrator.journal.records import WARNING, Commit, Intent, PlaceResult, RunRecord, StageResults
from orchestrator.journal.short import MOST, short

NAMES = tuple(f"node{number}" for number in range(1, 3 * MOST + 1))


def results(*changed: PlaceResult) -> StageResults:
    """The results of a stage at all places: each place took longer than the place before."""
    own = {result.place: result for result in changed}
    every = (own.get(name, PlaceResult(name, float(number))) for number, name in enumerate(NAMES))
    return StageResults("warm", tuple(every), 60.0, any(result.error for result in changed))


def test_records_of_few_places_are_unchanged() -> None:
    few: tuple[RunRecord, ...] = (
        Intent("warm", NAMES[:MOST]),
        StageResults("warm", results().results[:MOST], 7.0),
        Commit(),
    )
    assert tuple(map(short, few)) == few


def test_a_stage_at_many_places_names_the_first() -> None:
    assert short(Intent("warm", NAMES)) == Intent("warm", NAMES[:MOST], len(NAMES) - MOST)


def test_of_places_that_succeeded_the_slowest_stays() -> None:
    slowest = PlaceResult(NAMES[-1], float(len(NAMES) - 1), alike=len(NAMES) - 1)
    assert short(results()) == StageResults("warm", (slowest,), 60.0)


def test_each_place_that_failed_stays() -> None:
    failed = [PlaceResult(name, 5.0, "status 1", output=("line",)) for name in NAMES[: MOST + 1]]
    found = short(results(*failed))
    assert isinstance(found, StageResults)
    assert found.failed
    assert found.results[:-1] == tuple(failed)
    assert found.results[-1].alike == len(NAMES) - len(failed) - 1


def test_each_warning_stays_once() -> None:
    text = f"3 files\n{WARNING}no OPcache"
    warned = [PlaceResult(name, 5.0, detail=text) for name in NAMES[:2]]
    found = short(results(*warned, PlaceResult(NAMES[2], 6.0, detail="4 files")))
    assert isinstance(found, StageResults)
    assert [(one.detail, one.alike) for one in found.results] == [(text, 1), ("", len(NAMES) - 3)]


def test_a_short_record_is_not_shortened_again() -> None:
    failed = [PlaceResult(name, 5.0, "status 1") for name in NAMES[: MOST + 1]]
    for record in (results(), results(*failed), Intent("warm", NAMES)):
        assert short(short(record)) == short(record)
