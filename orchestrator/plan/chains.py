"""Divide the stages of a plan into chains. A place need not wait for the other places between the stages of a chain."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.plan.steps import Stage

FILES = "files"
"""The name of the chain that brings the files of a release to the nodes."""

PROCESSES = "processes"
"""The name of the chain that starts and warms the processes of a release."""

AFTER_COMMIT = "after commit"
"""The name of the chain that follows the commit."""

Chain = tuple[Stage, ...]
"""Stages that follow one another without a barrier. A stage that belongs to no chain is a chain of one stage."""


def chains(stages: Sequence[Stage]) -> list[Chain]:
    """Return the chains of some stages of a plan, in the order of the stages.

    Stages that follow one another belong to the same chain if they have the same ``Kind.chain``, batch and side, and if
    no pause and no commit is between them. Hooks belong to no chain, so a hook between two stages is a barrier.
    """
    found: list[list[Stage]] = []
    for stage in stages:
        if found and _continues(found[-1][-1], stage):
            found[-1].append(stage)
        else:
            found.append([stage])
    return [tuple(chain) for chain in found]


def _continues(before: Stage, stage: Stage) -> bool:
    same = (before.kind.chain, before.batch, before.side) == (stage.kind.chain, stage.batch, stage.side)
    return same and bool(stage.kind.chain) and not before.pause and not before.commits
