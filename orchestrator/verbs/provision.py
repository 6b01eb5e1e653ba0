"""Provision every host."""

from __future__ import annotations

from orchestrator.fleet import Fleet
from orchestrator.journal.session import Session, owner
from orchestrator.options import Options
from orchestrator.report.terminal import say
from orchestrator.signals import signals
from orchestrator.verbs.session import open_store


def provision(fleet: Fleet, options: Options) -> int:
    """Make every host ready. Running it a second time changes nothing."""
    # imported here because no other verb needs these modules
    from orchestrator.provision import walk

    fleet.prepare_connections()
    say(f"provision {fleet.settings.app}: {len(fleet.nodes)} nodes, {len(fleet.balancers)} balancers", bold=True)
    walk.place(fleet, say)
    # the lock belongs to the deploy user, and the store exists only after `place`
    session = Session(open_store(fleet, user=fleet.settings.user), owner("provision"), say)
    try:
        session.take()
        walk.activate(fleet, say)
    finally:
        signals.no_more_interrupts()
        session.give_back()
    say("done: provisioned", fg="green", bold=True)
    return 0
