"""The name of a stage is made from its fields."""

from __future__ import annotations

import pytest

from orchestrator.plan.steps import Batch, Kind, Stage

BUILD, CUTOVER, START = Kind("build", ("node",)), Kind("cutover", ("balancer",)), Kind("start", ("node",))


@pytest.mark.parametrize(
    ("stage", "name", "point"),
    [
        (Stage(CUTOVER, ()), "cutover", "cutover"),
        (Stage(CUTOVER, (), weight=100), "cutover", "cutover"),
        (Stage(CUTOVER, (), weight=5), "cutover 5%", "cutover"),
        (Stage(CUTOVER, (), weight=0), "cutover 0%", "cutover"),
        (Stage(START, (), batch=Batch(1, 3)), "start 1/3", "start"),
        (Stage(START, (), side="live"), "start live", "start"),
        (Stage(BUILD, (), label="composer"), "build composer", "build composer"),
        (Stage(BUILD, (), label="composer", batch=Batch(2, 3)), "build composer 2/3", "build composer"),
    ],
)
def test_a_stage_is_named_by_its_fields(stage: Stage, name: str, point: str) -> None:
    assert (stage.name, stage.point) == (name, point)
