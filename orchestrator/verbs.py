"""What each verb does, from the lock to the exit status. The deploy files and the console share all of this."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host

from orchestrator import environment, preflight
from orchestrator.announcing import announce
from orchestrator.errors import Interrupted, NotUndone, OrchestratorError, Refused, UsageError
from orchestrator.executor import Executor
from orchestrator.fleet import Fleet
from orchestrator.journal.host import HostStore
from orchestrator.journal.records import Told, told
from orchestrator.journal.session import Session, owner
from orchestrator.journal.store import Record, Store
from orchestrator.look import look
from orchestrator.operations.guarded import Guard, guarded
from orchestrator.options import Options
from orchestrator.plan import Inputs, Missing, Plan, Stage
from orchestrator.preflight import Look
from orchestrator.report import plan as report_plan
from orchestrator.report.file import ReportFile
from orchestrator.report.terminal import Terminal, ending, heading, probe_lines, say
from orchestrator.run import Ended, Event, Result, Walk
from orchestrator.settle import begun_stages, open_run, remaining, settle, shows
from orchestrator.stages import plan
from orchestrator.stages.bar import bar
from orchestrator.status import status
from orchestrator.version import revision, version
from orchestrator.watch import signals


def release(fleet: Fleet, options: Options) -> int:
    """A new release, after settling what an earlier run may have left."""
    return _change(fleet, "release", options)


def code(fleet: Fleet, options: Options) -> int:
    """A release that is refused, and undone, where it would be more than code: the fast lane."""
    return _change(fleet, "code", options)


def rollback(fleet: Fleet, options: Options) -> int:
    """Back to the release that is still warm, or to a kept one, after settling what an earlier run may have left."""
    return _change(fleet, "rollback", options)


def join(fleet: Fleet, options: Options) -> int:
    """Bring a barred node back: both colors as on the other nodes, gated, then traffic."""
    return _change(fleet, "join", options)


def resume(fleet: Fleet, options: Options) -> int:
    """Carry a run that stopped without a word to its end: the same release, from where it stopped."""
    with _session(fleet, "resume") as session:
        found = _open(fleet)
        if found is None:
            say("nothing to resume: the last run ended")
            return 0
        if found[0].undoing:
            say(f"{_named(found[0])} is being undone, and cannot go on: the rest of it is undone", fg="yellow")
            return _settle_run(fleet, session, *found)
        return _go_on(fleet, session, "resume", options, *found)


def promote(fleet: Fleet, options: Options) -> int:
    """Let a run go on that was asked to stop and wait (``--data until=``)."""
    with _session(fleet, "promote") as session:
        found = _open(fleet)
        if found is None:
            raise Refused("nothing waits to be promoted: the last run ended")
        tale, _, whole = found
        if not tale.paused:
            raise Refused(f"{_named(tale)} does not wait, it stopped without a word: deploys/resume.py or abort.py")
        _check_pause(whole, options.until, after=tale.paused)
        return _go_on(fleet, session, "promote", options, *found)


def _go_on(fleet: Fleet, session: Session, verb: str, options: Options, tale: Told, i: Inputs, whole: Plan) -> int:
    """The rest of an open run."""
    say(f"{verb}: {_named(tale)}", bold=True)
    if tale.committed:
        return _settle_run(fleet, session, tale, i, whole)
    until = whole.until(options.until) if options.until else whole.until_commit
    stages = [stage for stage in remaining(tale, whole) if stage in until]
    before = begun_stages(tale, whole)
    _know_values(fleet, i, [*before, *stages, *whole.after_commit])
    _announce_busy(fleet, session, i)
    # in one record: a journal that was cut between them would forget what has to be undone
    session.append([_begin(verb), {**_inputs_record(i), "begun": tale.begun, "done": tale.done}])
    return _walk(fleet, session, i, whole, options, lambda walk: walk.go(stages, before, options.until))


def _know_values(fleet: Fleet, i: Inputs, stages: Iterable[Stage], must: bool = True) -> None:
    """Before anything is shown that may hold values of the environment: what is not known cannot be hidden.

    + must: raise Refused or UsageError if they cannot be had and it is a release; else, and on a way back, say so
    """
    if not shows(stages):
        return
    try:
        known = fleet.variables.read()
        if must and i.verb == "release":
            environment.text(known)
    except OrchestratorError as error:
        if must and i.verb == "release":
            raise
        say(
            f"warning: what commands print may show values of the environment, which are not known: {error}",
            fg="yellow",
        )


def _check_pause(whole: Plan, until: str, after: str = "") -> None:
    """Raises UsageError for a pause that the plan does not have, or not any more."""
    left = whole.pauses[whole.pauses.index(after) + 1 :] if after else whole.pauses
    if until and until not in left:
        raise UsageError(f"--data until={until}: the run can stop at {', '.join(left) or 'no place any more'}")


def abort(fleet: Fleet, options: Options) -> int:
    """Undo a run that stopped without a word; one that was committed can only be carried to its end."""
    with _session(fleet, "abort") as session:
        found = _open(fleet)
        if found is None:
            say("nothing to abort: the last run ended")
            return 0
        tale, _, _ = found
        if tale.committed:
            say(
                f"{_named(tale)} was committed: it is carried to its end (to go back: deploys/rollback.py)", fg="yellow"
            )
        else:
            say(f"aborting {_named(tale)}", bold=True)
        return _settle_run(fleet, session, *found)


def show_lock(fleet: Fleet) -> None:
    """Who holds the lock, for the question whether to take it away."""
    held = _store(fleet).read().held
    say(f"locked: {held.owner}, last heard of {held.age:.0f} s ago" if held else "not locked")


def unlock(fleet: Fleet, options: Options) -> int:
    """Take the lock away from a run that holds it. Its guard's fence keeps what wakes up from acting."""
    store = _store(fleet)
    held = store.read().held
    if held is None:
        say("not locked")
        return 0
    say(f"taking the lock from {held.owner}, last heard of {held.age:.0f} s ago", fg="yellow")
    store.break_lock(held)
    say("unlocked; the next release or rollback settles what that run left (deploys/status.py shows it)")
    return 0


def show_status(fleet: Fleet, options: Options) -> int:
    """Switch, nodes, lock, history."""
    for line in status(look(fleet), _store(fleet).read(), fleet.settings):
        click.echo(line)
    return 0


def provision(fleet: Fleet, options: Options) -> int:
    """Make every host ready; a second time changes nothing."""
    # no other verb needs what provisioning imports
    from orchestrator.provision import walk

    fleet.prepare_connections()
    say(f"provision {fleet.settings.app}: {len(fleet.nodes)} nodes, {len(fleet.balancers)} balancers", bold=True)
    walk.place(fleet, say)
    # the lock is the deploy user's, and the store exists once everything is placed
    session = Session(_store(fleet, user=fleet.settings.user), owner("provision"), say)
    try:
        session.take()
        walk.activate(fleet, say)
    finally:
        signals.no_more_interrupts()
        session.give_back()
    say("done: provisioned", fg="green", bold=True)
    return 0


VERBS: dict[str, Callable[[Fleet, Options], int]] = {
    "release": release,
    "code": code,
    "rollback": rollback,
    "join": join,
    "promote": promote,
    "resume": resume,
    "abort": abort,
    "unlock": unlock,
    "status": show_status,
    "provision": provision,
}


def show_plan(fleet: Fleet, verb: str, options: Options, verbose: bool, as_json: bool) -> None:
    """Look, plan, and show it, without lock or change. Raises Refused or UsageError, as the run would."""
    seen, i = inputs(fleet, verb, options)
    whole = plan(i)
    if options.save:
        Path(options.save).write_text(json.dumps(report_plan.data(seen, i, whole), indent=1))
    if as_json:
        click.echo(json.dumps(report_plan.data(seen, i, whole), indent=1))
        return
    say(heading(i), bold=True)
    for line in report_plan.lines(seen, i, whole, verbose):
        say(line)


def _is_as_planned(i: Inputs, options: Options) -> None:
    """Raises Refused if a run is bound to a saved plan and something has changed since."""
    if options.bound is None:
        return
    try:
        saved = json.loads(Path(options.bound).read_text())
        changed = report_plan.changed(saved, i)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{options.bound} is not a saved plan: {error}") from None
    if changed:
        raise Refused(f"the fleet is not as it was when {options.bound} was saved: {', '.join(changed)} changed")


def inputs(fleet: Fleet, verb: str, options: Options) -> tuple[Look, Inputs]:
    """Look at the fleet and decide what a release or rollback would do; changes nothing.

    Raises Refused or UsageError.
    """
    # back is the way of an emergency, and needs no word of a group that it leaves alone
    started = options.to is not None or fleet.settings.shrinks
    seen = look(fleet, group=verb != "rollback" or started)
    return seen, _decide(fleet, seen, verb, options)


def _decide(fleet: Fleet, seen: Look, verb: str, options: Options) -> Inputs:
    if verb == "rollback":
        return preflight.rollback(seen, fleet.settings, options.to, options.allow_missing)
    if verb == "join":
        return preflight.join(seen, fleet.settings, options.node, lambda release: _revision_of(fleet, release))
    preflight.live_color(seen)
    asked = version(fleet, options)
    i = preflight.release(
        seen, fleet.settings, asked.ref, asked.revision, datetime.now(UTC), options.color, options.allow_missing
    )
    return preflight.code(i) if verb == "code" else i


def _change(fleet: Fleet, verb: str, options: Options) -> int:
    with _session(fleet, verb) as session:
        owed = _settle(fleet, session, verb)
        _, i = inputs(fleet, verb, options)
        _is_as_planned(i, options)
        i = replace(i, scaling=owed) if owed else i
        whole = plan(i)
        _check_pause(whole, options.until)
        _know_values(fleet, i, whole.stages)
        session.append([_begin(verb), _inputs_record(i)])
        try:
            _announce_busy(fleet, session, i)
        except (Refused, Interrupted) as reason:
            signals.no_more_interrupts()
            _announce(fleet, session, i, committed=False)
            session.append([{"record": "end", "how": "left" if owed else "undone", "detail": str(reason)}])
            raise
        say(heading(i), bold=True)
        stages = whole.until(options.until) if options.until else whole.until_commit
        return _walk(fleet, session, i, whole, options, lambda walk: walk.go(stages, pause=options.until))


@contextmanager
def _session(fleet: Fleet, verb: str) -> Iterator[Session]:
    """The lock, and every place that can be reached closed to older runs; given back whatever happens."""
    fleet.prepare_connections()
    session = Session(_store(fleet), owner(verb), say)
    try:
        session.take()
        seen = _fence(fleet, session.fence)
        if seen > session.fence:
            session.raise_above(seen)
            _fence(fleet, session.fence)
        yield session
    finally:
        signals.no_more_interrupts()
        session.give_back()


def _fence(fleet: Fleet, fence: int) -> int:
    """From now on the guards refuse older runs, and what a killed operator left running is ended.

    A place that cannot be reached, or has no guard yet, is for the preflight to judge. Returns the largest fence
    that any place has seen.
    """
    node, balancer = fleet.settings.node, fleet.settings.balancer
    deadline = fleet.settings.deadlines.look

    def close(host: Host) -> list[str]:
        layout = balancer if host.name in fleet.balancers else node
        guard = Guard(f"{layout.library}/guard", layout.guard_dir, fence, int(deadline), preempt=True)
        return fleet.shell(host, guarded("true", [], guard))

    replies = fleet.each([*fleet.nodes, *fleet.balancers], close, deadline)
    refused = [re.search(r"fenced: run \d+ is older than run (\d+)", reply.error or "") for reply in replies]
    return max([fence, *(int(match[1]) for match in refused if match)])


def _walk(fleet: Fleet, session: Session, i: Inputs, whole: Plan, options: Options, go: Callable[[Walk], Ended]) -> int:
    file, terminal, executor = ReportFile(options.report), Terminal(), Executor(fleet, session.fence)

    def tell(event: Event) -> None:
        file.event(event)
        terminal.event(event)

    try:
        ended = go(Walk(whole, executor, session.append, tell, signals))
    finally:
        executor.close()
    _bar_lost(fleet, session, i, ended.left)
    if not ended.paused and not ended.is_mixed:
        _announce(fleet, session, i, ended.committed)
    report = executor.report
    probe = report.to_json() if report else None
    if not ended.paused:
        how = "left" if ended.left or ended.owed else "done" if ended.committed else "undone"
        session.append([{"record": "end", "how": how, "detail": str(ended.reason or ""), "probe": probe}])
    file.write(i, ended, report)
    for line in probe_lines(report) if report else ():
        say(line)
    for line, style in ending(i, ended):
        say(line, **style)
    return ended.status


def _bar_lost(fleet: Fleet, session: Session, i: Inputs, left: Sequence[Result]) -> None:
    """A node that died under a run gets no traffic when it comes back, until it has caught up."""
    lost = sorted({result.place.name for result in left if result.lost and result.place.kind == "node"})
    if not lost:
        return
    gone = [name for name in lost if not fleet.has(name)]
    if gone:
        say(f"{', '.join(gone)}: not in the inventory any more, so there is nothing to bar", fg="yellow")
    lost = [name for name in lost if name not in gone]
    if not lost:
        return
    missing = tuple(Missing(name, fleet.address(name), False) for name in lost)
    event = Event(
        "results", "bar lost", results=Executor(fleet, session.fence).perform(bar(replace(i, missing=missing)).do, True)
    )
    session.append([event.to_json()])
    Terminal().event(event)
    say(f"{', '.join(lost)}: unsettled, and barred until deploys/join.py --data node=NAME brings it back", fg="yellow")


def _announce_busy(fleet: Fleet, session: Session, i: Inputs) -> None:
    """New instances wait from now on. Raises Refused if they cannot be told, but not for a way back: whatever it does
    with the traffic, the releases of both colors stay what they are announced to be.
    """
    problem = announce(fleet.settings, i, session.fence, committed=False, busy=True)
    if problem and i.verb != "rollback":
        raise Refused(f"new instances cannot be told to wait, so nothing was moved: {problem}")
    if problem:
        say(f"warning: new instances do not know that a rollback is on: {problem}", fg="yellow")


def _announce(fleet: Fleet, session: Session, i: Inputs, committed: bool) -> None:
    """New instances are told what is true after a run. That this failed is a warning: the run ended as it did."""
    problem = announce(fleet.settings, i, session.fence, committed, busy=False)
    if problem:
        say(
            f"warning: what new instances read is not up to date, and they wait until the next run: {problem}",
            fg="yellow",
        )


def _revision_of(fleet: Fleet, release: str) -> str:
    """The commit of a release: as the journal has it, else as a node's mirror completes the id's short one."""
    for run in reversed(_store(fleet).read(50).runs):
        known = told(run).inputs or {}
        if known.get("release") == release:
            return str(known["revision"])
    short = release.rpartition("-")[2]
    return revision(fleet, short) if fleet.settings.source.kind == "git" else short


def _settle(fleet: Fleet, session: Session, verb: str) -> tuple[str, ...]:
    """A run that stopped without a word is undone first, or carried forward if it was committed.

    Returns the processes of the Auto Scaling group that this did not resume: a rollback goes on all the same, and
    does it at its end.
    """
    found = _open(fleet)
    if found is None:
        return ()
    tale, i, whole = found
    if tale.paused:
        raise Refused(
            f"{_named(tale)} waits ({tale.paused}): deploys/promote.py lets it go on, deploys/abort.py takes it back"
        )
    say(f"{_named(tale)} stopped without a word: settling it first", fg="yellow")
    ended = _settled(fleet, session, tale, whole, i)
    here, there = fleet.settings.scaling, i.settings.scaling
    if verb == "rollback" and ended.owed and here and there and here.group == there.group:
        say(f"going on all the same: {_listed(ended.owed)}", fg="yellow")
        return i.scaling
    _close(session, i, ended)
    return ()


def _settle_run(fleet: Fleet, session: Session, tale: Told, i: Inputs, whole: Plan) -> int:
    """Settle the open run. Raises NotUndone if a place that answers could not be undone."""
    return _close(session, i, _settled(fleet, session, tale, whole, i))


def _settled(fleet: Fleet, session: Session, tale: Told, whole: Plan, i: Inputs) -> Ended:
    _know_values(fleet, i, whole.after_commit if tale.committed else begun_stages(tale, whole), must=False)
    executor = Executor(fleet, session.fence)
    ended = settle(tale, whole, Walk(whole, executor, session.append, Terminal().event, signals))
    if ended.is_mixed:
        raise NotUndone(_listed(result for result in ended.left if not result.lost))
    _bar_lost(fleet, session, i, ended.left)
    _announce(fleet, session, i, ended.committed)
    return ended


def _close(session: Session, i: Inputs, ended: Ended) -> int:
    """Put on record that a run is settled, unless something is left. Raises NotUndone if a run must not go on."""
    if ended.owed:
        raise NotUndone(_listed(ended.owed))
    if ended.left:
        # still open: whoever comes next undoes the rest
        lost = ", ".join(sorted({result.place.name for result in ended.left}))
        say(f"not undone on {lost}, which does not answer", fg="yellow")
        return 1
    session.append([{"record": "settled", "how": "forward" if ended.committed else "undone"}])
    live = i.release if ended.committed else i.live or "no release"
    say(f"settled: {live} has all the traffic", fg="green")
    return 0


def _listed(results: Iterable[Result]) -> str:
    return "; ".join(f"{result.place}: {result.error}" for result in results)


def _open(fleet: Fleet) -> tuple[Told, Inputs, Plan] | None:
    return open_run(_store(fleet).read().runs, fleet.settings)


def _begin(verb: str) -> Record:
    return {"record": "begin", "verb": verb, "owner": owner(verb).who}


def _inputs_record(i: Inputs) -> Record:
    return {"record": "inputs", "inputs": i.to_json()}


def _named(tale: Told) -> str:
    return f"{tale.verb} by {tale.owner} of {tale.at}"


def _store(fleet: Fleet, user: str | None = None) -> Store:
    """The store that the settings name: S3, or a directory on a host, by default the first balancer.

    + user: whose it is, if we are somebody else (an administrator)
    """
    journal = fleet.settings.journal
    if journal.kind == "s3":
        from orchestrator.journal import s3

        client = partial(s3.client, journal.region, journal.profile, journal.endpoint_url)
        return s3.S3Store(client, str(journal.bucket), journal.prefix or fleet.settings.app)
    name = journal.host or next(iter(fleet.balancers or fleet.nodes))
    if name not in fleet.state.inventory.hosts:
        raise UsageError(f"settings: journal.host: the inventory has no host {name}")
    first = fleet.host(name)
    if not first.connected:
        raise Refused(f"{first.name}, which holds lock and journal, cannot be reached")

    def shell(command: StringCommand, text: str) -> list[str]:
        if user is not None:
            command = StringCommand("runuser", "-u", user, "--", command)
        reply = fleet.one(first.name, lambda host: fleet.shell(host, command, text), fleet.settings.deadlines.look + 5)
        if reply.error is not None or reply.value is None:
            raise OrchestratorError(f"{first.name}, which holds lock and journal: {reply.error}")
        return reply.value

    return HostStore(shell, fleet.settings.balancer.journal)
