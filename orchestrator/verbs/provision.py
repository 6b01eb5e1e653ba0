"""The verb `provision`."""

from __future__ import annotations

from orchestrator.fleet import Fleet
from orchestrator.journal.session import Session, owner
from orchestrator.options import Options
from orchestrator.report.terminal import say
from orchestrator.signals import signals
from orchestrator.verbs.session import open_store


def provision(fleet: Fleet, options: Options) -> int:
    """Provision every host, so that releases can run there. Return the exit status. A second run changes nothing.

    Raises Refused if a check finds a problem on any host. Then no host is changed.
    """
    # imported here because no other verb needs these modules
    from orchestrator.provision import preflight, walk

    fleet.prepare_connections()
    say(f"provision {fleet.settings.app}: {len(fleet.nodes)} nodes, {len(fleet.balancers)} balancers", bold=True)
    preflight.require(fleet)
    walk.place(fleet, say)
    # The lock is taken only now, because `place` makes the directory for it, which belongs to the deploy user.
    session = Session(open_store(fleet, user=fleet.settings.user), owner("provision"), say)
    try:
        session.take()
        walk.activate(fleet, say)
        walk.finish(fleet, say)
    finally:
        signals.no_more_interrupts()
        session.give_back()
    say("done: provisioned", fg="green", bold=True)
    return 0
