"""Announce the begin and the end of a run to new instances of the Auto Scaling group.

The announcement is an object in S3 (``scaling.live`` in the settings). The announcement says which release each color
has, and whether a run is in progress. If the settings have no ``scaling.live``, nothing is announced.
"""

from __future__ import annotations

from orchestrator.errors import Refused
from orchestrator.fleet import Fleet
from orchestrator.journal.session import Session
from orchestrator.plan.inputs import Inputs
from orchestrator.report.terminal import say
from orchestrator.run.announce import announce


def announce_begin(fleet: Fleet, session: Session, i: Inputs) -> None:
    """Announce that a run is in progress, so that new instances wait until the run has ended.

    If the announcement cannot be written, a release, a join or a contract raises Refused. A rollback only prints a
    warning, so that a rollback also works while S3 does not answer.

    + i: the Inputs of the run
    """
    problem = announce(fleet.settings, i, session.fence, committed=False, busy=True)
    if problem and i.verb != "rollback":
        raise Refused(f"the announcement to new instances could not be written, so no traffic was moved: {problem}")
    if problem:
        say(f"warning: new instances do not know that a rollback is in progress: {problem}", fg="yellow")


def announce_end(fleet: Fleet, session: Session, i: Inputs, committed: bool) -> None:
    """Announce which release each color has now. New instances then no longer wait for the end of the run.

    If the announcement cannot be written, only print a warning, because the run has already ended.

    + i: the Inputs of the run
    + committed: whether the run was committed. If True, the new color has the release of this run. If False, both
      colors have the releases from before the run.
    """
    problem = announce(fleet.settings, i, session.fence, committed, busy=False)
    if problem:
        say(
            "warning: the announcement could not be updated; new instances wait until the next run has ended: "
            f"{problem}",
            fg="yellow",
        )
