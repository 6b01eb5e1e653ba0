"""Run the hooks after ``failed`` and ``undone``, when the undo of a run has ended."""

from __future__ import annotations

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Stage
from orchestrator.run.walk import Ended, Walk
from orchestrator.stages.hooks import at_end


def end_hooks(i: Inputs, ended: Ended, failed: bool = True) -> tuple[Stage, ...]:
    """Return the stages of the hooks that have to run now. Return () if the run was committed or is paused.

    No hook runs on a place that gave no answer during the undo.

    + ended: how the run ended
    + failed: whether the hooks after ``failed`` have to run. False if they have run before, or if the operator aborts a
      paused run, which has not failed
    """
    if ended.committed or ended.paused:
        return ()
    ends = [*(["failed"] if failed else []), *([] if ended.left else ["undone"])]
    return at_end(i, ends, without=[result.place for result in ended.left if result.lost])


def run_end_hooks(walk: Walk, i: Inputs, ended: Ended, failed: bool = True) -> bool:
    """Run the hooks that `end_hooks` returns. Return whether there were hooks. A failure is only a warning.

    + walk: the object that performed the undo of the run. It also performs the hooks, and records their results

    Raises TakenOver if a newer run has begun.
    """
    stages = end_hooks(i, ended, failed)
    for stage in stages:
        walk.besides(stage)
    return bool(stages)
