"""Show the plan of a run, without taking the lock and without changing anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from orchestrator.errors import Refused, Unreadable
from orchestrator.fleet import Fleet
from orchestrator.journal.history import RunHistory
from orchestrator.journal.session import LEASE
from orchestrator.options import Options
from orchestrator.plan.inputs import Inputs
from orchestrator.report import plan as report_plan
from orchestrator.report.terminal import heading, say
from orchestrator.run.settle import open_run
from orchestrator.stages import plan
from orchestrator.verbs.bound import Approved, as_saved, save_plan
from orchestrator.verbs.pause import refuse_paused
from orchestrator.verbs.provision import show_provisioning
from orchestrator.verbs.release import inputs
from orchestrator.verbs.session import read_journal
from orchestrator.verbs.settle import warn_of_remarks

UNJOURNALED = (
    "this rollback uses neither lock nor journal: make sure that no other run is in progress. The rollback is "
    "noted on the hosts, and the next command with a journal adds it to the journal"
)
"""The line before the plan of a rollback with ``--data journal=off``."""


def show_plan(fleet: Fleet, verb: str, options: Options, verbose: bool, as_json: bool) -> Mapping[str, Any]:
    """Read the fleet's state, make the plan of a verb and show the plan. Return the Inputs of the plan as JSON.

    For ``provision``, return host -> one line for each change. With ``--data save=``, the plan is also written to a
    file. Raises Refused or UsageError in the same cases as the run.

    + verbose: whether to show the commands of each stage
    + as_json: whether to print JSON on standard output, instead of lines on standard error
    """
    if verb == "provision":
        return show_provisioning(fleet, options, as_json)
    seen, i = inputs(fleet, verb, options)
    whole = plan(i)
    more = _risks(fleet, i) if i.verb == "release" else []
    if options.save:
        save_plan(options.save, json.dumps(report_plan.data(seen, i, whole, more), indent=1))
    if as_json:
        click.echo(json.dumps(report_plan.data(seen, i, whole, more), indent=1))
        return as_saved(i)
    say(heading(i), bold=True)
    for line in report_plan.lines(seen, i, whole, verbose, more):
        say(line)
    return as_saved(i)


def _risks(fleet: Fleet, i: Inputs) -> list[str]:
    """Return the risks of the version of a release, one line for each."""
    from orchestrator.source.kind import Version
    from orchestrator.source.kinds import kind_of

    return kind_of(fleet.settings).risks(fleet, Version(i.ref, i.revision))


def show_for_approval(fleet: Fleet, verb: str, options: Options, verbose: bool) -> Approved:
    """Show the plan before pyinfra asks whether to continue, and return the plan.

    The run is later refused if its plan differs from this plan. If an earlier run stopped before its end, also show how
    the command will settle that run first. If the plan cannot be made before the earlier run is settled, return an
    Approved without a plan.

    + verbose: whether to show the commands of each stage

    Raises Refused or UsageError in the same cases as the run.
    """
    # a provisioning settles no earlier run, and a new fleet has no journal yet
    earlier = None if verb == "provision" or options.unjournaled else _earlier(fleet, verb)
    if options.unjournaled:
        say(UNJOURNALED, fg="yellow")
    if earlier is not None:
        say(settled_first(earlier), fg="yellow")
    try:
        return Approved(show_plan(fleet, verb, options, verbose, as_json=False))
    except Refused as refusal:
        if earlier is None:
            raise
        say(
            f"the {verb} has no plan before that run is settled ({refusal}): this command settles that run, "
            "and then stops"
        )
        return Approved(None)


def settled_first(earlier: RunHistory) -> str:
    """Return one line for a run that stopped before its end: this command first completes the run, or undoes it."""
    way = "completes it" if earlier.committed else "undoes it"
    return (
        f"{earlier.name} stopped before its end: this command {way} first, and continues if the plan is still the same"
    )


def _earlier(fleet: Fleet, verb: str) -> RunHistory | None:
    """Return the earlier run that has to be settled; None if no run has to be settled.

    If another command holds the lock, print a line that names the holder of the lock. If the holder renewed the lock in
    the last LEASE seconds, the holder's run is still in progress and has not stopped, so return None. Also return None
    if a rollback will continue without settling a run that cannot be read.

    Raises Refused if the earlier run is paused or cannot be read.
    """
    contents = read_journal(fleet, verb)
    if contents.held is not None:
        say(f"locked: {contents.held}", fg="yellow")
        if contents.held.age is not None and contents.held.age < LEASE:
            # the lock was renewed recently, so that run has not stopped, but is still in progress
            return None
    warn_of_remarks(contents)
    try:
        found = open_run(contents.runs, fleet.settings)
    except Unreadable as unreadable:
        if verb != "rollback":
            raise
        say(f"warning: {unreadable}", fg="yellow")
        return None
    if found is None:
        return None
    refuse_paused(found.history)
    return found.history
