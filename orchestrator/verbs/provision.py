"""The verb `provision`."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.errors import OrchestratorError
from orchestrator.fleet import Fleet
from orchestrator.journal.history import history_of
from orchestrator.journal.session import Session, owner
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.report.terminal import say
from orchestrator.signals import signals
from orchestrator.verbs.session import open_store


def provision(fleet: Fleet, options: Options) -> int:
    """Provision every host, so that releases can run there. Return the exit status. A second run changes nothing.

    Raises Refused if a check finds a problem on any host. Then no host is changed.
    """
    # imported here because no other verb needs these modules
    from orchestrator.provision import drain_mark, keep_out, preflight, walk

    fleet.prepare_connections()
    say(f"provision {fleet.settings.app}: {len(fleet.nodes)} nodes, {len(fleet.balancers)} balancers", bold=True)
    members, found = keep_out.decide(fleet, options.remove, lambda: _committed(fleet))
    preflight.require(fleet, found)
    if drain_mark.settle(fleet, members, say):
        members, _ = keep_out.decide(fleet, options.remove, lambda: _committed(fleet))
    walk.place(fleet, members, say)
    # The lock is taken only now, because `place` makes the directory for it, which belongs to the deploy user.
    session = Session(open_store(fleet, user=fleet.settings.user), owner("provision"), say)
    try:
        session.take()
        walk.activate(fleet, members, say)
        walk.finish(fleet, say)
    finally:
        signals.no_more_interrupts()
        session.give_back()
    say("done: provisioned", fg="green", bold=True)
    for warning in members.warnings:
        say(f"warning: {warning}", fg="yellow")
    return 0


def _committed(fleet: Fleet) -> Mapping[Color, str]:
    """Return color -> the release that has the traffic in this color, according to the journal; empty if unknown."""
    from orchestrator.provision.members import committed

    try:
        runs = open_store(fleet, user=fleet.settings.user).read(50).runs
    except OrchestratorError:
        return {}
    return committed(history_of(run) for run in runs)
