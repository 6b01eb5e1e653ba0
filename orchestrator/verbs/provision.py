"""The verb `provision`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.errors import OrchestratorError
from orchestrator.fleet import Fleet
from orchestrator.journal.history import history_of
from orchestrator.journal.session import Session, owner
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.report.terminal import say
from orchestrator.signals import signals
from orchestrator.verbs.bound import Approved, check_approved, check_saved
from orchestrator.verbs.session import open_store

if TYPE_CHECKING:
    from orchestrator.provision.members import Members


def provision(fleet: Fleet, options: Options, approved: Approved | None = None) -> int:
    """Provision every host, so that releases can run there. Return the exit status. A second run changes nothing.

    Raises Refused if a check finds a problem on any host, or if the plan is not the approved plan. Then no host is
    changed.

    + approved: the plan that was shown to the operator before; None with ``-y``
    """
    # imported here because no other verb needs these modules
    from orchestrator.provision import drain_mark, keep_out, walk
    from orchestrator.provision.plan import plan

    members = _begin(fleet, options)
    if approved is not None or options.bound is not None:
        now = plan(fleet, members)
        if approved is not None:
            check_approved(now, approved)
        if options.bound is not None:
            check_saved(now, options.bound)
    walk.require(fleet)
    if drain_mark.settle(fleet, members, say):
        members, _ = keep_out.decide(fleet, options.remove, lambda: _committed(fleet))
    walk.prepare(fleet, members, say)
    walk.check(fleet, members)
    walk.place(fleet, members, say)
    # The lock is taken only now, because `prepare` makes the directory for it, which belongs to the deploy user.
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


def show_provisioning(fleet: Fleet, options: Options, as_json: bool) -> Mapping[str, list[str]]:
    """Show what provisioning would change on each host, and return it: host -> one line for each change.

    Changes nothing on any host. With ``--data save=``, the plan is also written to a file. Raises Refused, UsageError
    or StepFailed if the fleet cannot be provisioned.

    + as_json: whether to print JSON on standard output, instead of lines on standard error
    """
    from orchestrator.provision.plan import lines, plan

    found = plan(fleet, _begin(fleet, options))
    text = json.dumps({"verb": "provision", "inputs": found}, indent=1)
    if options.save:
        Path(options.save).write_text(text)
    if as_json:
        click.echo(text)
        return found
    for line in lines(found):
        say(line)
    return found


def _begin(fleet: Fleet, options: Options) -> Members:
    """Check that the fleet can be provisioned, and return which nodes may get traffic. Changes nothing on any host.

    Raises Refused if a check finds a problem on any host.
    """
    from orchestrator.provision import keep_out, preflight

    fleet.prepare_connections()
    say(f"provision {fleet.settings.app}: {len(fleet.nodes)} nodes, {len(fleet.balancers)} balancers", bold=True)
    members, found = keep_out.decide(fleet, options.remove, lambda: _committed(fleet))
    preflight.require(fleet, found)
    return members


def _committed(fleet: Fleet) -> Mapping[Color, str]:
    """Return color -> the release that has the traffic in this color, according to the journal; empty if unknown."""
    from orchestrator.provision.members import committed

    try:
        runs = open_store(fleet, user=fleet.settings.user).read(50).runs
    except OrchestratorError:
        return {}
    return committed(history_of(run) for run in runs)
