"""Shorten the records of stages for the journal, so that the journal of a run with 1,000 nodes stays small. Pure.

A command that settles a run needs the names of the stages, and whether they failed. The report file of a run
(``--data report=``) has the result of each place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.journal.records import WARNING, Intent, PlaceResult, RunRecord, StageResults

MOST = 8
"""If a stage acts at more places, the journal does not name each of them."""


def short(record: RunRecord) -> RunRecord:
    """Return the record as the journal stores it.

    If the record is about more than MOST places, the result has fewer places:

    * Before a stage: the first MOST places, and the number of the others.
    * After a stage: each place that failed. Of the places that succeeded with the same warnings, only the slowest, and
      the number of the others.
    """
    if isinstance(record, Intent) and len(record.places) > MOST:
        return replace(record, places=record.places[:MOST], more=len(record.places) - MOST)
    if isinstance(record, StageResults) and len(record.results) > MOST:
        return replace(record, results=_fewer(record.results))
    return record


def _fewer(results: Sequence[PlaceResult]) -> tuple[PlaceResult, ...]:
    """Return the failed results, and one result of each group of places that succeeded with the same warnings."""
    groups: dict[tuple[str, ...], list[PlaceResult]] = {}
    for result in results:
        if not result.error:
            groups.setdefault(_warnings(result), []).append(result)
    slowest = (
        replace(max(group, key=lambda one: one.seconds), alike=sum(1 + one.alike for one in group) - 1)
        for group in groups.values()
    )
    return (*(result for result in results if result.error), *slowest)


def _warnings(result: PlaceResult) -> tuple[str, ...]:
    return tuple(line for line in result.detail.splitlines() if line.startswith(WARNING))
