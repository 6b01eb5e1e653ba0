"""The verb `provision`: make all hosts of the fleet ready for releases."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from orchestrator.errors import Interrupted, NotUndone, OrchestratorError
from orchestrator.fleet import Fleet
from orchestrator.journal.history import history_of
from orchestrator.journal.records import End
from orchestrator.journal.session import Session
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.report.terminal import say
from orchestrator.signals import signals
from orchestrator.verbs.bound import Approved, check_approved, check_saved, save_plan
from orchestrator.verbs.pause import refuse_open
from orchestrator.verbs.probed import load_probe
from orchestrator.verbs.session import begin_record, begin_session, open_store, read_runs, store_host

if TYPE_CHECKING:
    from orchestrator.provision.live_gate import Answering
    from orchestrator.provision.members import Members
    from orchestrator.provision.walk import Readings

LOOK = 60.0
"""Seconds after which the check of a directory on one host counts as failed."""


def provision(fleet: Fleet, options: Options, approved: Approved | None = None) -> int:
    """Install and configure everything that releases need on every host. Return the exit status, 0.

    If the hosts already have everything, nothing is changed. If a host refuses a file, if a file cannot be put into
    place or loaded, or if requests of the probe fail during this work, the former files are put back on all hosts, and
    the hosts load the former files again. If all new files are already in place when the failure occurs, a host that
    was never provisioned before keeps the new files, because it has no former files.

    Raises Refused if another run holds the lock, if a check finds a problem on any host, or if the plan is not the
    approved plan. Raises StepFailed if a step fails on a host, and NotUndone if the former files cannot be put back or
    loaded.

    + approved: the plan that was shown to the operator before; None with ``-y``
    """
    # imported here because no other verb needs these modules
    from orchestrator.provision import firewall, walk

    user = fleet.settings.user
    with ExitStack() as stack:
        # on the first provisioning, the lock can be taken only after `prepare` has made the state directory
        session = stack.enter_context(begin_session(fleet, "provision", user)) if _can_lock(fleet) else None
        members = _begin(fleet, options)
        _check_plan(fleet, members, options, approved)
        if approved is None and (note := firewall.note(fleet.settings)):
            say(f"    {note}")
        walk.require(fleet)
        members = _settle(fleet, options, members)
        readings = walk.Readings(fleet, members)
        walk.require_web_user(readings)
        walk.prepare(readings, say)
        if session is None:
            session = stack.enter_context(begin_session(fleet, "provision", user))
            # another provisioning may have changed hosts before this lock was taken
            readings = walk.Readings(fleet, members)
        walk.check(readings)
        _change(readings, session)
    say("done: provisioned", fg="green", bold=True)
    for warning in members.warnings:
        say(f"warning: {warning}", fg="yellow")
    return 0


def show_provisioning(fleet: Fleet, options: Options, as_json: bool) -> Mapping[str, list[str]]:
    """Show the changes that provisioning would make, and return them: host -> one line for each change.

    Changes nothing on any host. With ``--data save=``, the plan is also written to a file. Raises Refused, UsageError
    or StepFailed if the fleet cannot be provisioned.

    + as_json: whether to print JSON on standard output, instead of lines on standard error
    """
    from orchestrator.provision import firewall
    from orchestrator.provision.plan import lines, plan

    found = plan(fleet, _begin(fleet, options))
    text = json.dumps({"verb": "provision", "inputs": found}, indent=1)
    if options.save:
        save_plan(options.save, text)
    if as_json:
        click.echo(text)
        return found
    for line in lines(found):
        say(line)
    if note := firewall.note(fleet.settings):
        say(f"    {note}")
    # no part of the plan, because strangers may connect at any time, and would change the plan
    for name, warnings in firewall.look(fleet).warnings.items():
        for line in warnings:
            say(f"    {name}: {line}", fg="yellow")
    return found


def _begin(fleet: Fleet, options: Options) -> Members:
    """Check that the fleet can be provisioned, and return which nodes may get traffic after the provisioning.

    Raises Refused if a check finds a problem on any host, or if an earlier run has to be ended first.
    """
    from orchestrator.provision import keep_out, preflight

    say(f"provision {fleet.settings.name}: {len(fleet.nodes)} nodes, {len(fleet.balancers)} balancers", bold=True)
    members, found = keep_out.decide(fleet, options.remove, lambda: _committed(fleet), options.replaces)
    preflight.require(fleet, found)
    # if a node lacks the live release, an earlier run may be unable to end before provisioning has installed this node
    if not members.lacking:
        _refuse_open_run(fleet)
    return members


def _refuse_open_run(fleet: Fleet) -> None:
    """Raise Refused if a run is paused, or stopped before its end. Does nothing if the journal cannot be read."""
    try:
        runs = read_runs(open_store(fleet, user=fleet.settings.user)).runs
    except OrchestratorError:
        return
    refuse_open(runs)


def _check_plan(fleet: Fleet, members: Members, options: Options, approved: Approved | None) -> None:
    """Raise Refused if the plan differs from the plan that was shown, or from the saved plan (``--data bound=``).

    + members: which nodes may get traffic after provisioning
    + approved: the plan that was shown; None with ``-y``
    """
    from orchestrator.provision.plan import plan

    if approved is None and options.bound is None:
        return
    now = plan(fleet, members)
    if approved is not None:
        check_approved(now, approved)
    if options.bound is not None:
        check_saved(now, options.bound)


def _settle(fleet: Fleet, options: Options, members: Members) -> Members:
    """Undo the half-done work of an earlier provisioning that was killed.

    Put the former files back on all hosts. Then the nodes that the earlier provisioning drained get traffic again.
    Return which nodes may get traffic after the present provisioning.

    + members: which nodes may get traffic, as decided before
    """
    from orchestrator.provision import drain_mark, keep_out, kept, walk

    files = kept.settle(fleet, say)
    drains = drain_mark.settle(fleet, members, walk.before_loading(fleet) if members.draining else None, say)
    if files or drains:
        members, _ = keep_out.decide(fleet, options.remove, lambda: _committed(fleet), options.replaces)
    return members


def _change(readings: Readings, session: Session) -> None:
    """Put the new files into place on all hosts, then load the new configuration.

    If a file cannot be put into place or loaded, if requests of the probe fail, or if a signal comes during this work,
    put the former files back on all hosts, and load them again. The begin and the end of the provisioning are recorded
    in the journal.

    + readings: the answers of the hosts
    """
    from orchestrator.provision import kept, walk

    fleet, members = readings.fleet, readings.members

    session.append([begin_record("provision")])
    ended = "undone"
    try:
        former, before = kept.provisioned_before(fleet), walk.before_loading(fleet)
        changing = kept.keep(readings)
        with ExitStack() as stack:
            try:
                probe = stack.enter_context(load_probe(fleet, before.release if changing else None))
                walk.place(readings, changing, say)
            except (OrchestratorError, Interrupted):
                _put_back(fleet)
                raise
            try:
                walk.activate(fleet, members, before, probe.check, say)
                probe.end()
            except (OrchestratorError, Interrupted) as reason:
                ended = "undone" if former else "left"
                _take_back(fleet, members, before, former, reason)
                raise
        ended = "left"
        kept.forget(fleet)
        walk.finish(readings, say)
    except (OrchestratorError, Interrupted) as reason:
        signals.no_more_interrupts()
        session.end(End("left" if isinstance(reason, NotUndone) else ended, str(reason)))
        raise
    session.end(End("done"))


def _put_back(fleet: Fleet) -> None:
    """Put the files from before this provisioning back on all hosts. Raises NotUndone if a file cannot be put back."""
    from orchestrator.provision import kept

    signals.no_more_interrupts()
    try:
        kept.put_back(fleet)
    except OrchestratorError as failed:
        raise NotUndone(
            f"the former files could not be put back on all hosts: {failed}. Repair the cause, and run "
            "deploys/provision.py, which first puts these files back"
        ) from None
    say("    all files are as before on all hosts", fg="yellow")


def _take_back(fleet: Fleet, members: Members, before: Answering, former: Sequence[str], reason: BaseException) -> None:
    """Put the former files back, and load them again, on the hosts that were provisioned before.

    The other hosts keep their new files, because they have no former configuration. Raises NotUndone if a host fails.

    + former: names of the hosts that were provisioned before
    + reason: why the new configuration must not stay
    """
    from orchestrator.provision import kept, walk

    signals.no_more_interrupts()
    if not former:
        kept.forget(fleet)
        return
    say(f"    {reason}", fg="red")
    say("    putting the former files back, and loading them again", fg="yellow")
    try:
        kept.put_back(fleet, former)
        kept.forget(fleet)
        walk.load_former(fleet, members, before, former, say)
    except OrchestratorError as failed:
        walk.mark_unfinished(fleet, former)
        raise NotUndone(
            f"{reason}; afterwards, the former configuration could not be put back and loaded on all hosts: "
            f"{failed}. Repair the cause, and run deploys/provision.py"
        ) from None
    say("    the hosts that were provisioned before have their former files again, and have loaded them", fg="yellow")


def _can_lock(fleet: Fleet) -> bool:
    """Return whether the lock can be taken already.

    A lock on a host needs a directory, which the first provisioning makes. A lock in S3 can always be taken.
    """
    from orchestrator.provision.common import STATE_MODE
    from orchestrator.provision.facts import Entries

    if fleet.settings.journal.kind == "s3":
        return True
    name, path = store_host(fleet).name, fleet.settings.balancer.state
    reply = fleet.one(name, lambda host: fleet.look(host, Entries, paths=[path]), LOOK)
    found = (reply.value or {}).get(path)
    # an earlier version of this tool gave the directory to the deploy user
    return found is not None and (found.user == fleet.settings.user or found.mode == STATE_MODE)


def _committed(fleet: Fleet) -> Mapping[Color, str]:
    """Return color -> the release of the newest committed run that moved the traffic to this color.

    Only the last 50 runs in the journal are searched. The result is empty if the journal cannot be read.
    """
    from orchestrator.provision.members import committed

    try:
        runs = open_store(fleet, user=fleet.settings.user).read(50).runs
    except OrchestratorError:
        return {}
    return committed(history_of(run) for run in runs)
