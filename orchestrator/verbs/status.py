"""The verb `status`: print the state of switches, nodes and lock, and the last runs. Nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
import gevent

from orchestrator.config import Settings
from orchestrator.errors import NoJournal, Unreadable
from orchestrator.facts.node import NodeState
from orchestrator.fleet import Fleet
from orchestrator.journal.history import RunHistory, history_of, unfinished
from orchestrator.journal.store import Contents
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.plan.fleet_state import FleetState
from orchestrator.plan.identity import foreign
from orchestrator.plan.known import last_change
from orchestrator.plan.provisioned import differences, outdated
from orchestrator.plan.schedules import Holder, concerns, holder
from orchestrator.report.terminal import still_suspended
from orchestrator.run.settle import open_run
from orchestrator.survey import survey
from orchestrator.verbs.noted import with_notes
from orchestrator.verbs.session import read_hosts, read_journal

if TYPE_CHECKING:
    from orchestrator.aws.scaling import Group

HISTORY = 5
"""Number of the last runs that ``status`` lists."""


def show_status(fleet: Fleet, options: Options) -> int:
    """Print the state of switches, nodes and lock, and the last runs. Return the exit status, 0."""
    hosts = gevent.spawn(read_hosts, fleet)
    try:
        contents = read_journal(fleet, "status")
        problem = ""
    except NoJournal as error:
        contents, problem = Contents(None, []), f"unknown: {error}"
    notes, looks = hosts.get()
    contents = with_notes(contents, notes)
    try:
        open_run(contents.runs, fleet.settings)
        unreadable = ""
    except Unreadable as error:
        unreadable = str(error)
    journal = Journal(problem, unreadable, sorted(notes))
    for line in lines(survey(fleet, looks=looks), contents, fleet.settings, journal):
        click.echo(fleet.mask.hide(line))
    for name in fleet.settings.all_databases:
        from orchestrator.run.database_state import database_lines

        title = f"database {name}".rstrip()
        for line in database_lines(fleet, last_change(contents.runs, name), name):
            click.echo(fleet.mask.hide(f"  {title:<12} {line}"))
    return 0


@dataclass(frozen=True)
class Journal:
    """Facts about the journal that ``status`` prints in addition to the journal's contents.

    + problem: one line that says why the lock cannot be read; empty if it can be read
    + unreadable: one line that says why the record of a run that has to be settled cannot be read; otherwise empty
    + noted: the numbers of the runs that could not write the journal, and are noted on the hosts
    """

    problem: str = ""
    unreadable: str = ""
    noted: Sequence[int] = ()


READ = Journal()
"""The journal could be read completely."""


def lines(fleet: FleetState, contents: Contents, settings: Settings, journal: Journal = READ) -> Iterable[str]:
    """Yield the lines about switches, nodes, lock and the last runs.

    + fleet: the state of nodes, switches and Auto Scaling group
    + contents: the lock and the journal
    """
    yield f"{settings.name}"
    for name, seen in fleet.switches.items():
        if isinstance(seen, str):
            yield f"  {name:<12} unknown state: {seen}"
        else:
            restart = "" if seen.kept == seen.weights else f", would restart with {seen.kept.green}%"
            yield f"  {name:<12} blue {100 - seen.weights.green}%  green {seen.weights.green}%{restart}"
    yield from _page(fleet)
    for name, state in fleet.nodes.items():
        yield f"  {name:<12} {_node(state)}"
    if fleet.group is not None:
        yield f"  scaling      {_group(fleet.group)}"
    if fleet.barrier:
        yield f"  contract     {fleet.barrier}: no older release can run"
    yield from _workers(fleet)
    yield from _schedules(fleet, settings)
    yield from _without_traffic(fleet)
    yield from (f"  INVENTORY    {line}" for line in foreign(fleet))
    yield from (f"  PROVISION    {line}" for line in (*differences(fleet), *outdated(fleet)))
    yield from _journal(contents, journal)
    for run in map(history_of, list(contents.runs)[-HISTORY:]):
        if run.inputs is not None or run.verb == "provision":
            yield f"  {_ran(run)}".rstrip()


def _page(fleet: FleetState) -> Iterable[str]:
    """Yield one line for each balancer that sends the page of maintenance, or would send the page after a restart."""
    for name, seen in fleet.seen.items():
        now, later = (("page" if page else "site") for page in (seen.page, seen.kept_page))
        if seen.page or seen.kept_page:
            restart = "" if now == later else f", would restart with the {later}"
            way = "deploys/maintenance.py --data page=off shows the site"
            yield f"  MAINTENANCE  {name} shows the {now}{restart}: {way}"


def _workers(fleet: FleetState) -> Iterable[str]:
    """Yield the lines about workers: for each node, the processes of the live release, running/expected.

    A process that finishes its last job, or that runs although its color has no traffic, has its own line.
    """
    live = next((seen.weights.live for seen in fleet.seen.values()), None)
    for name, state in fleet.node_states.items():
        color = live or state.live
        if color is None:
            continue
        runs = Counter(one.name for one in state.workers.of(color) if one.runs)
        expected = {worker: count for (of, worker), count in state.workers.expected.items() if of is color}
        counts = ", ".join(f"{worker} {runs[worker]}/{count}" for worker, count in expected.items())
        if counts:
            yield f"  workers      {name} {color} {state.release[color]}: {counts}"
        for one in state.workers.processes:
            release = one.release or state.release[one.color] or "unknown"
            if one.state == "deactivating":
                yield f"  FINISHES     {name} {one.label} ({release}, process {one.pid}): told to end {one.told} s ago"
            elif not one.ended and one.color is not color:
                yield f"  RETIRED      {name} {one.label} ({release}) runs, but {one.color} has no traffic"


def _schedules(fleet: FleetState, settings: Settings) -> Iterable[str]:
    """Yield the lines about schedules: which node runs them, and which command runs with former code or has failed."""
    if not concerns(fleet, settings):
        return
    found = holder(fleet)
    of_one = ", ".join(one.name for one in settings.schedule if one.on == "one node")
    of_each = ", ".join(one.name for one in settings.schedule if one.on == "each")
    words = [f"{found.name} runs {of_one}"] if of_one and found.has else []
    if words := [*words, *([f"each node runs {of_each}"] if of_each else [])]:
        yield f"  schedule     {'; '.join(words)}"
    if of_one:
        yield from (f"  SCHEDULE     {line}" for line in _holding(found, of_one))
    for name, state in fleet.node_states.items():
        live = state.release[state.live] if state.live else None
        for job in state.schedule.jobs:
            if job.runs and job.release and job.release != live:
                yield f"  FINISHES     {name} {job.name} ({job.release}, process {job.pid}): runs for {job.seconds} s"
            elif not job.runs and job.result not in ("", "success", "exec-condition"):
                yield f"  FAILED       {name} {job.name}: its last start ended with {job.result}"


def _holding(found: Holder, names: str) -> Iterable[str]:
    """Yield the warnings about the node that runs the single-node schedules.

    + names: the names of these schedules
    """
    take = "deploys/schedule.py"
    if found.name and not found.answers:
        yield f"{found.name} runs {names}, but does not answer: if it is off, {take} --data gone={found.name}"
    elif not found.name and found.silent:
        yield f"no node that answers runs {names}, but {', '.join(found.silent)} may: {take}"
    elif not found.has:
        yield f"no node runs {names}: {take}, or the next release or rollback, chooses a node"
    for other in found.others:
        yield f"{other} runs {names}, too: {take} stops this"


def _without_traffic(fleet: FleetState) -> Iterable[str]:
    """Yield one line for each node that a switch keeps out of the traffic.

    The line says how the node gets traffic again.
    """
    draining = {name for name, state in fleet.node_states.items() if state.draining}
    for name in sorted(fleet.barred | set(fleet.drained)):
        if name in draining:
            yield f"  DRAINED      {name} gets no traffic, because a provisioning did not end: deploys/provision.py"
        elif name in fleet.barred:
            yield f"  BARRED       {name} gets no traffic until it has joined: deploys/join.py --data node={name}"
        else:
            yield f"  TAKEN OUT    {name} gets no traffic from {fleet.drained[name]}: an operator took the node out"


def _journal(contents: Contents, journal: Journal) -> Iterable[str]:
    """Yield the lines about the lock, about damaged files and notes, and about the run that has to be settled."""
    yield f"  lock         {journal.problem or contents.held or 'free'}"
    for remark in contents.remarks:
        yield f"  JOURNAL      {remark.text}"
    for number in journal.noted:
        yield f"  NOTED        run {number} is noted on the hosts: the next release or rollback adds it to the journal"
    if contents.held is None:
        yield from _open(contents, journal.unreadable)


def _open(contents: Contents, unreadable: str) -> Iterable[str]:
    """If a run has to be settled, yield one line about this run.

    + unreadable: line that says why the record of this run cannot be read; empty if the record can be read
    """
    records = unfinished(contents.runs)
    if records is None:
        return
    run = history_of(records)
    if unreadable:
        yield f"  STOPPED      {unreadable}"
    else:
        yield f"  PAUSED       {_paused(run)}" if run.paused else f"  STOPPED      {_stopped(run)}"


def _paused(run: RunHistory) -> str:
    return (
        f"{run.name} waits {run.waits}: deploys/promote.py continues the release, "
        f"deploys/abort.py undoes the release{still_suspended((run.inputs or {}).get('scaling', ()))}"
    )


def _stopped(run: RunHistory) -> str:
    if run.committed:
        where, way = "after its commit", "completes it"
    else:
        where = f"in {_either(run.stopped_in)}" if run.begun else "before it changed anything"
        way = "undoes it"
    return f"{run.name} stopped {where}; the next release or rollback {way} first"


def _either(names: Sequence[str]) -> str:
    """Return names as text, such as ``fetch, share or configure``."""
    return " or ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])


def _ran(run: RunHistory) -> str:
    """Return the line about a run: start time, verb, release with its ref, result, duration, operator, reason."""
    inputs = run.inputs or {}
    ref = str(inputs.get("ref") or "")
    release = str(inputs.get("release", "")) + (f" ({ref})" if ref else "")
    ended = run.ended or ("paused" if run.paused else "not ended")
    took = f" after {duration(run.seconds)}" if run.seconds is not None else ""
    why = " ".join(run.detail.split())
    return f"{run.at[:19]:<20} {run.verb:<9} {release:<32} {ended}{took} by {run.owner} {why}"


def duration(seconds: float) -> str:
    """Return a duration in words of at most two units, such as ``8 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def _node(state: NodeState | str) -> str:
    if isinstance(state, str):
        return state
    colors = "  ".join(
        f"{color} {release} ({_runs(state, color)})" if (release := state.release[color]) else f"{color} -"
        for color in Color
    )
    return f"live {state.live or 'unknown'}  {colors}  {len(state.releases)} releases, {state.disk_mb} MiB free"


def _runs(state: NodeState, color: Color) -> str:
    if not state.active[color]:
        return "down"
    if state.started[color] != state.release[color]:
        return "up, not started for this release"
    if color in state.shrunk:
        return "shrunk"
    # the live color gets warm by the users' requests
    return "cold" if color in state.restarted and color is not state.live else "warm"


def _group(group: Group | str) -> str:
    if isinstance(group, str):
        return group
    suspended = f", suspended: {', '.join(sorted(group.suspended))}" if group.suspended else ""
    return f"{group.name}: {len(group.instances)} instances{suspended}"
