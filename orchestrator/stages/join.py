"""Plan a `join`: a barred node gets the other nodes' releases in both colors. Then the node gets traffic again."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from orchestrator.model import Color
from orchestrator.plan.inputs import Inputs, Join
from orchestrator.plan.steps import Plan, Stage
from orchestrator.stages.bar import unbar
from orchestrator.stages.contract import barrier
from orchestrator.stages.copy import copy
from orchestrator.stages.drain import drain, end_drain
from orchestrator.stages.fetch import discard, fetch
from orchestrator.stages.gate import gate_nodes, members
from orchestrator.stages.permit import permit
from orchestrator.stages.promote import promote
from orchestrator.stages.prune import tidy
from orchestrator.stages.quiet import quiet
from orchestrator.stages.scaling import resume, suspend
from orchestrator.stages.schedule import join_schedules, join_without_schedules
from orchestrator.stages.share import share
from orchestrator.stages.start import retire, start
from orchestrator.stages.warm import warm
from orchestrator.stages.workers import join_workers, quiet_workers

IDLE = 10.0
"""Seconds that a join waits at most for the end of the idle connections to a color, before the color is restarted.

If an nginx balancer has an idle connection to a barred node, the balancer may send a request on this connection. The
balancer closes a connection after 2 seconds without a request. A WebSocket without data looks like an idle connection,
and must not delay the join for longer.
"""


def join(i: Inputs) -> Plan:
    """Return the plan that updates both colors of a barred node and then lets the node in.

    A node that was barred a moment ago may still answer requests. Therefore the plan first drains the node, and waits
    right before each restart of a color until the color has no request and no connection. Of the stages on the node,
    only the drain and the starts of workers and schedules have an undo. The other stages need no undo, because the node
    gets no new requests. If one of the stages on the node fails, the node stays barred.

    If the nodes are switches themselves, a barred node has no ``live`` link, and therefore gets no traffic. Such a node
    gets the link only after both colors have passed the gate. With the link, the node gets traffic, even if a later
    stage fails.
    """
    asked, is_switch = i.asked, bool(i.at("node"))
    assert isinstance(asked, Join)
    stages: list[Stage] = [drain(i), *join_without_schedules(i), *quiet_workers(i, tuple(Color)), tidy(i)]
    stages += [barrier(i, i.barrier)] if i.barrier else []
    sides: tuple[tuple[Literal["live", "idle"], Inputs | None], ...] = (("live", i), ("idle", idle(i)))
    for name, side in sides:
        if side is None:
            if i.barrier:
                # after a contract, an older release may not run: the idle color gets no release
                other = replace(i, color=i.color.other)
                stages += [replace(stage, side=name, undo=()) for stage in (_quiet(other), retire(other))]
            continue
        promoted = (promote(side),) if name == "live" and not is_switch else ()
        before = () if side.color in asked.running else (_quiet(side),)
        made = (*brought(side), share(side), permit(side), *before, start(side), *promoted, warm(side))
        stages += [replace(stage, side=name, undo=()) for stage in (*made, gate_nodes(side))]
    for release in asked.stale:
        stages.append(replace(discard(replace(i, release=release)), label=release))
    linked = (replace(promote(i), side="live"),) if is_switch else ()
    last = replace(members(i), commits=True)
    return Plan(
        "join",
        (*suspend(i), *stages, *join_workers(i), *join_schedules(i), end_drain(i), *linked, unbar(i), last, *resume(i)),
    )


def _quiet(i: Inputs) -> Stage:
    return quiet(i, balancers=False, idle=IDLE)


def brought(i: Inputs) -> tuple[Stage, ...]:
    """Return the stages that bring a release's files to the node.

    If the source is git, the node first fetches the git commit, so that the release is a worktree of the node's own git
    mirror. All other files, such as build outputs, are copied from another node.
    """
    return (fetch(i), copy(i)) if i.settings.source.kind == "git" else (copy(i),)


def idle(i: Inputs) -> Inputs | None:
    """Return the Inputs for the idle color of the node.

    Return None if the other nodes have no release in the idle color, or if the release or its revision is unknown.
    """
    asked = i.asked
    assert isinstance(asked, Join)
    if asked.former_release is None or asked.former_revision is None:
        return None
    return replace(i, color=i.color.other, release=asked.former_release, revision=asked.former_revision)
