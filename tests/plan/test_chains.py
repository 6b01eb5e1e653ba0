"""Between the stages of a chain, no place waits for another place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.plan.chains import chains
from orchestrator.plan.steps import Batch, Kind, Stage
from orchestrator.stages import plan
from tests.stages import plans

FETCH, SHARE = Stage(Kind("fetch", ("node",), chain="files"), ()), Stage(Kind("share", ("node",), chain="files"), ())
START, GATE = Stage(Kind("start", ("node",), chain="processes"), ()), Stage(Kind("gate", ("node",)), ())
FIRST, SECOND = Batch(1, 2), Batch(2, 2)


@pytest.mark.parametrize(
    ("stages", "found"),
    [
        ([], []),
        ([FETCH, SHARE], [(FETCH, SHARE)]),
        ([FETCH, SHARE, START], [(FETCH, SHARE), (START,)]),
        # a stage without a chain is a barrier, also beside a stage of the same kind
        ([FETCH, GATE, SHARE], [(FETCH,), (GATE,), (SHARE,)]),
        ([GATE, GATE], [(GATE,), (GATE,)]),
        # each batch waits for the batch before
        (
            [replace(FETCH, batch=FIRST), replace(SHARE, batch=FIRST), replace(FETCH, batch=SECOND)],
            [(replace(FETCH, batch=FIRST), replace(SHARE, batch=FIRST)), (replace(FETCH, batch=SECOND),)],
        ),
        (
            [replace(FETCH, side="live"), replace(SHARE, side="idle")],
            [(replace(FETCH, side="live"),), (replace(SHARE, side="idle"),)],
        ),
        # after a pause or the commit, the run must know that all places have ended the stage
        ([replace(FETCH, pause="preview"), SHARE], [(replace(FETCH, pause="preview"),), (SHARE,)]),
        ([replace(FETCH, commits=True), SHARE], [(replace(FETCH, commits=True),), (SHARE,)]),
    ],
)
def test_stages_are_divided_into_chains(stages: list[Stage], found: list[tuple[Stage, ...]]) -> None:
    assert chains(stages) == found


@pytest.mark.parametrize(
    ("settings", "long"),
    [
        (
            "plain",
            [
                "quiet fetch same share environment permit configure",
                "start watch warm",
                "promote prune",
            ],
        ),
        # a hook between two stages is a barrier
        (
            "everything",
            [
                "fetch same share environment build composer permit configure",
                "start watch warm",
                "promote prune",
            ],
        ),
    ],
)
def test_a_release_has_these_chains(settings: str, long: list[str]) -> None:
    whole = plan(plans.inputs("release", settings, full=False))
    named = [" ".join(stage.name for stage in chain) for chain in chains(whole.stages) if len(chain) > 1]
    assert named == long


def test_no_chain_has_the_cutover_or_the_gate() -> None:
    barriers = {"expand", "gate", "members", "bar", "arm", "cutover", "verify", "proof", "hook", "quiet workers"}
    found = [chain for made in plans.plans() for chain in chains(made.stages) if len(chain) > 1]
    assert found
    for chain in found:
        assert not barriers & {stage.kind.name for stage in chain}
