"""Make the plan of a run. The other files make its stages. ``release`` and ``rollback`` list the stages in order."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Kind, Plan, Stage
from orchestrator.stages.arm import ARM, ARM_BACK, DISARM, LINK_BACK
from orchestrator.stages.backfill import BACKFILL
from orchestrator.stages.bake import BAKE
from orchestrator.stages.bar import BAR, UNBAR, bar
from orchestrator.stages.batches import prepare
from orchestrator.stages.build import BUILD, build
from orchestrator.stages.configure import CONFIGURE, configure
from orchestrator.stages.contract import BARRIER, BARRIER_BACK, CHECK, CONTRACT, OLDER, contract
from orchestrator.stages.copy import COPY
from orchestrator.stages.cutover import CUTOVER, SWITCH_BACK, VERIFY_OLD, cutover
from orchestrator.stages.drain import DRAIN, END_DRAIN
from orchestrator.stages.environment import ENVIRONMENT, environment
from orchestrator.stages.expand import EXPAND, EXPAND_ENDED, expand
from orchestrator.stages.fetch import DISCARD, FETCH, fetch
from orchestrator.stages.gate import GATE, GATE_FORMER, GATE_LIVE, MEMBERS, gate, members
from orchestrator.stages.hooks import HOOK, UNDO_OF_HOOK, woven
from orchestrator.stages.join import join
from orchestrator.stages.lint import LINT
from orchestrator.stages.maintenance import CLOSE, DRAINED, OPEN, close
from orchestrator.stages.permit import PERMIT, permit
from orchestrator.stages.promote import MEND, PROMOTE, mend, promote
from orchestrator.stages.proof import PROOF, proof
from orchestrator.stages.prune import PRUNE, TIDY, prune
from orchestrator.stages.quiet import QUIET, quiet
from orchestrator.stages.same import SAME, same
from orchestrator.stages.scaling import (
    INHERIT,
    NEWCOMERS,
    NEWCOMERS_AFTER,
    RESUME,
    SUSPEND,
    inherit,
    newcomers,
    resume,
    suspend,
)
from orchestrator.stages.schedule import END_SCHEDULE, START_SCHEDULE, schedules
from orchestrator.stages.share import SHARE, share
from orchestrator.stages.start import RESTORE, RETIRE, START, start
from orchestrator.stages.stick import ATTACH, ATTACH_AGAIN, ATTACH_BACK, DETACH_NEW, UNSTICK, attach_again, attach_first
from orchestrator.stages.unchanged import UNCHANGED, unchanged
from orchestrator.stages.verify import VERIFY
from orchestrator.stages.warm import WARM, warm
from orchestrator.stages.watch import WATCH, watch
from orchestrator.stages.workers import (
    END_WORKERS,
    QUIET_WORKERS,
    RETIRE_WORKERS,
    START_WORKERS,
    STOP_WORKERS,
    quiet_workers,
    retire_workers,
    start_workers,
)


def release(i: Inputs) -> Plan:
    """Return the plan of a release: start the new release in the idle color of all nodes, then move the traffic."""
    return Plan(
        "release",
        (
            *suspend(i),
            attach_first(i),
            mend(i),
            *(in_batches(i) if i.settings.batches else at_once(i)),
            gate(i),
            replace(bar(i), pause="preview"),
            *close(i),
            *start_workers(i, 0),
            *cutover(i),
            *newcomers(i),
            proof(i),
            promote(i),
            *schedules(i),
            *retire_workers(i),
            *newcomers(i, NEWCOMERS_AFTER),
            prune(i),
            attach_again(i),
            *resume(i),
        ),
    )


def at_once(i: Inputs) -> tuple[Stage, ...]:
    """Return the stages that prepare the idle color on all nodes at the same time."""
    return (
        quiet(i),
        fetch(i),
        same(i),
        share(i),
        environment(i),
        *build(i),
        *unchanged(i),
        permit(i),
        *build(i, "web"),
        configure(i),
        *expand(i),
        *quiet_workers(i),
        start(i),
        watch(i),
        warm(i),
    )


def started(i: Inputs) -> tuple[Stage, ...]:
    """Return the stages that start and check a release in the idle color. The nodes already have the release."""
    return (mend(i), quiet(i), *quiet_workers(i), start(i), watch(i), warm(i), gate(i), bar(i))


def in_batches(i: Inputs) -> tuple[Stage, ...]:
    """Return the stages that prepare the idle color in batches, first on a few nodes, then on more nodes."""
    return (*prepare(i), watch(i))


def rollback(i: Inputs) -> Plan:
    """Return the plan of a rollback: move all traffic to a release that is already on the nodes.

    If the release is warm in the idle color, no work on the nodes is needed before the cutover. If the release is not
    warm there (``Rollback.cold``), the plan first starts, warms and gates the release, as for a new release.
    """
    return Plan(
        "rollback",
        (
            *(suspend(i) if i.cold else inherit(i)),
            attach_first(i),
            *(started(i) if i.cold else (*quiet_workers(i), watch(i), members(i))),
            *close(i),
            *start_workers(i, 0),
            *cutover(i),
            proof(i),
            promote(i),
            *schedules(i),
            *retire_workers(i),
            attach_again(i),
            *resume(i),
        ),
    )


KINDS: tuple[Kind, ...] = (
    *(SUSPEND, INHERIT, ATTACH, MEND, DRAIN, TIDY),
    *(QUIET, FETCH, COPY, SAME, SHARE, ENVIRONMENT, BUILD, UNCHANGED, PERMIT, CONFIGURE),
    *(LINT, EXPAND, GATE_LIVE, BACKFILL, QUIET_WORKERS, START, WATCH, WARM),
    *(GATE, MEMBERS, BAR, CLOSE, DRAINED, ARM, CUTOVER, VERIFY, UNSTICK, OPEN, START_WORKERS, BAKE),
    *(NEWCOMERS, PROOF, PROMOTE, END_SCHEDULE, START_SCHEDULE, RETIRE_WORKERS),
    *(NEWCOMERS_AFTER, PRUNE, DISCARD, END_DRAIN, UNBAR, ATTACH_AGAIN, RESUME),
    *(CHECK, RETIRE, OLDER, BARRIER, CONTRACT),
    # stages that only an undo has
    *(DISARM, LINK_BACK, ARM_BACK, ATTACH_BACK, SWITCH_BACK, DETACH_NEW, VERIFY_OLD, RESTORE, GATE_FORMER),
    *(EXPAND_ENDED, BARRIER_BACK, STOP_WORKERS, END_WORKERS),
    *(HOOK, UNDO_OF_HOOK),
)
"""Every kind of stage, roughly in the order of a run."""

PLANS = {"release": release, "rollback": rollback, "join": join, "contract": contract}


def plan(i: Inputs) -> Plan:
    """Return the plan of a run, including the hooks of the settings. A pure function of the Inputs."""
    return woven(PLANS[i.verb](i), i, KINDS)
