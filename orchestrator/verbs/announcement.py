"""Announce a run to new instances of the Auto Scaling group (``scaling.live`` in the settings)."""

from __future__ import annotations

from orchestrator.errors import Refused
from orchestrator.fleet import Fleet
from orchestrator.journal.session import Session
from orchestrator.plan.inputs import Inputs
from orchestrator.report.terminal import say
from orchestrator.run.announce import announce


def announce_begin(fleet: Fleet, session: Session, i: Inputs) -> None:
    """Tell new instances to wait until the run has ended.

    If the announcement fails, raise Refused. In a rollback, only print a warning: a rollback changes the live color,
    but the announced releases of both colors stay right.
    """
    problem = announce(fleet.settings, i, session.fence, committed=False, busy=True)
    if problem and i.verb != "rollback":
        raise Refused(f"new instances cannot be told to wait, so nothing was moved: {problem}")
    if problem:
        say(f"warning: new instances do not know that a rollback is on: {problem}", fg="yellow")


def announce_end(fleet: Fleet, session: Session, i: Inputs, committed: bool) -> None:
    """Tell new instances which release each color has after the run, and that they need not wait any more.

    If this fails, only print a warning, because the run has already ended.
    """
    problem = announce(fleet.settings, i, session.fence, committed, busy=False)
    if problem:
        say(
            f"warning: new instances read what is out of date, and wait for the next run: {problem}",
            fg="yellow",
        )
