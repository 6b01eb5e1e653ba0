"""The stages of every run, one file each. ``release`` and ``rollback`` below read like a table of contents."""

from __future__ import annotations

from orchestrator.plan import Inputs, Plan
from orchestrator.stages.bar import bar
from orchestrator.stages.cutover import cutover
from orchestrator.stages.fetch import fetch
from orchestrator.stages.gate import gate, members
from orchestrator.stages.hooks import woven
from orchestrator.stages.join import join
from orchestrator.stages.promote import mend, promote
from orchestrator.stages.prune import prune
from orchestrator.stages.quiet import quiet
from orchestrator.stages.share import share
from orchestrator.stages.start import start
from orchestrator.stages.verify import verify
from orchestrator.stages.warm import warm
from orchestrator.stages.watch import watch


def release(i: Inputs) -> Plan:
    """Bring a new release into the idle color of all nodes, then move all traffic to it at one switch."""
    return Plan(
        "release",
        (
            mend(i),
            quiet(i),
            fetch(i),
            share(i),
            start(i),
            watch(i),
            warm(i),
            gate(i),
            bar(i),
            cutover(i),
            verify(i),
            promote(i),
            prune(i),
        ),
    )


def rollback(i: Inputs) -> Plan:
    """Move all traffic back to the release that is still warm in the idle color: no node work before it."""
    return Plan(
        "rollback",
        (
            watch(i),
            members(i),
            cutover(i),
            verify(i),
            promote(i),
        ),
    )


PLANS = {"release": release, "rollback": rollback, "join": join}


def plan(i: Inputs) -> Plan:
    """The plan of a run, with the settings' hooks in their places: a pure function of its Inputs."""
    return woven(PLANS[i.verb](i), i)
