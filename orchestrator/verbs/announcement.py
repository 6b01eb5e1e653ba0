"""Announce a run to new instances of the Auto Scaling group.

The announcement is an object in S3 (``scaling.live`` in the settings), which says which release each color has, and
whether a run is in progress. Without this setting, nothing is announced.
"""

from __future__ import annotations

from orchestrator.errors import Refused
from orchestrator.fleet import Fleet
from orchestrator.journal.session import Session
from orchestrator.plan.inputs import Inputs
from orchestrator.report.terminal import say
from orchestrator.run.announce import announce


def announce_begin(fleet: Fleet, session: Session, i: Inputs) -> None:
    """Tell new instances to wait until the run has ended.

    Raises Refused if the announcement cannot be written. In a rollback, this only prints a warning: a rollback changes
    the live color, but the announced releases of both colors stay right.
    """
    problem = announce(fleet.settings, i, session.fence, committed=False, busy=True)
    if problem and i.verb != "rollback":
        raise Refused(f"the announcement to new instances could not be written, so no traffic was moved: {problem}")
    if problem:
        say(f"warning: new instances do not know that a rollback is in progress: {problem}", fg="yellow")


def announce_end(fleet: Fleet, session: Session, i: Inputs, committed: bool) -> None:
    """Tell new instances which release each color has now, and that they need not wait any more.

    If the announcement cannot be written, only print a warning, because the run has already ended.

    + committed: whether the run was committed. If so, the new color has the release of this run; otherwise, both colors
      have the releases from before the run.
    """
    problem = announce(fleet.settings, i, session.fence, committed, busy=False)
    if problem:
        say(
            "warning: the announcement could not be updated; new instances wait until the next run has ended: "
            f"{problem}",
            fg="yellow",
        )
