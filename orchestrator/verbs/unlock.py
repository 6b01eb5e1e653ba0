"""The verb `unlock`: take the lock away from a run that holds it."""

from __future__ import annotations

from orchestrator.fleet import Fleet
from orchestrator.options import Options
from orchestrator.report.terminal import say
from orchestrator.verbs.session import open_store


def show_lock(fleet: Fleet) -> None:
    """Print which run holds the lock, before the operator is asked whether to take the lock away."""
    contents = open_store(fleet).read()
    for remark in contents.remarks:
        say(f"warning: the journal: {remark.text}", fg="yellow")
    say(f"locked: {contents.held}" if contents.held else "not locked")


def unlock(fleet: Fleet, options: Options) -> int:
    """Take the lock away from a run that holds it. Return the exit status, 0.

    If no run holds the lock, only print a message. If the run that held the lock is still alive, that run stops at its
    next write to the journal. Until then, that run may send commands to hosts. As soon as a newer run has begun, the
    guards refuse these commands.
    """
    store = open_store(fleet)
    held = store.read().held
    if held is None:
        say("not locked")
        return 0
    say(f"taking the lock from {held}", fg="yellow")
    store.break_lock(held)
    say("unlocked; the next release or rollback settles that run (deploys/status.py shows the run)")
    return 0
