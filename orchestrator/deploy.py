"""What a deploy file calls: one driver operation, on the first host that could be reached, and everything in it.

Under pyinfra a deploy file runs once a host; the driver is declared for one of them only, so that it always runs
and itself decides what a missing host means.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click
from pyinfra import logger
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import ctx_host, ctx_state
from pyinfra.operations import python

from orchestrator import preflight
from orchestrator.config import Settings, load
from orchestrator.errors import Interrupted, NotUndone, OrchestratorError, Refused, UsageError
from orchestrator.executor import Executor
from orchestrator.fleet import Fleet
from orchestrator.journal.host import HostStore
from orchestrator.journal.session import Session, owner
from orchestrator.look import look, revision
from orchestrator.options import Options, read
from orchestrator.plan import Inputs
from orchestrator.report.file import ReportFile
from orchestrator.report.terminal import Terminal, ending, heading, probe_lines, say, show_plan
from orchestrator.run import Ended, Event, Walk
from orchestrator.settle import open_run, settle
from orchestrator.stages import plan
from orchestrator.status import status
from orchestrator.watch import signals


def run(verb: str) -> None:
    """Declare the driver of a verb: ``release``, ``rollback``, ``status`` or ``provision``.

    Called from a deploy file. Ends the process with the exit status of the run (docs/exit-codes.md).
    """
    signals.install()
    state = ctx_state.get()
    hosts = list(state.inventory)
    first = next(host.name for host in hosts if host in state.active_hosts)
    if ctx_host.get().name != first:
        return
    try:
        settings, options = _asked(state, verb)
        _ask_first(state, verb, settings, options)
    except OrchestratorError as refusal:
        _refuse(refusal)
    python.call(name=f"{verb} {settings.app}", function=_drive, verb=verb, settings=settings, options=options)


def _asked(state: State, verb: str) -> tuple[Settings, Options]:
    """Settings and ``--data``. Raises UsageError."""
    options = read(verb, state.inventory.override_data)
    raw = [(host.name, host.data.get("settings")) for host in state.inventory]
    different = [name for name, settings in raw if settings != raw[0][1]]
    if different:
        raise UsageError(f"settings differ between {raw[0][0]} and {', '.join(different)}: they are the whole fleet's")
    return load(raw[0][1]), options


def _ask_first(state: State, verb: str, settings: Settings, options: Options) -> None:
    """Without ``-y``: show our plan before pyinfra's question, and refuse where nobody can answer it."""
    context = click.get_current_context(silent=True)
    given: dict[str, Any] = context.params if context else {"yes": True}
    if given.get("yes") or verb == "status":
        return
    if not given.get("dry") and not sys.stdin.isatty():
        raise UsageError(f"{verb} asks before it acts and there is no terminal: add -y to go on without a question")
    if verb in ("release", "rollback"):
        i = _inputs(Fleet(state, settings), verb, options)
        for line in show_plan(i, plan(i)):
            say(line)


def _drive(state: State, host: Host, verb: str, settings: Settings, options: Options) -> None:
    """The driver operation."""
    # else nested operations of this package get colliding hashes (notes/pyinfra.md); covered by a test
    state.current_deploy_filename = __file__
    quiet = _only_ours(state)
    logger.addFilter(quiet)
    signals.drive()
    try:
        code = VERBS[verb](Fleet(state, settings), options)
    except OrchestratorError as error:
        say(f"{verb}: {error}", fg="red", bold=True)
        code = error.status
    except Interrupted as interrupted:
        code = interrupted.status
    finally:
        signals.no_more_interrupts()
        logger.removeFilter(quiet)
    sys.exit(code)


def _release(fleet: Fleet, options: Options) -> int:
    return _change(fleet, "release", options)


def _rollback(fleet: Fleet, options: Options) -> int:
    return _change(fleet, "rollback", options)


def _status(fleet: Fleet, options: Options) -> int:
    for line in status(look(fleet), _store(fleet).read(), fleet.settings):
        click.echo(line)
    return 0


def _provision(fleet: Fleet, options: Options) -> int:
    # no other verb needs what provisioning imports
    from orchestrator.provision import walk

    fleet.prepare_connections()
    say(f"provision {fleet.settings.app}: {len(fleet.nodes)} nodes, {len(fleet.balancers)} balancers", bold=True)
    walk.place(fleet, say)
    # the lock is the deploy user's, and the store exists once everything is placed
    session = Session(_store(fleet, user=fleet.settings.user), owner("provision"), say)
    session.take()
    try:
        walk.activate(fleet, say)
    finally:
        signals.no_more_interrupts()
        session.give_back()
    say("done: provisioned", fg="green", bold=True)
    return 0


VERBS: dict[str, Callable[[Fleet, Options], int]] = {
    "release": _release,
    "rollback": _rollback,
    "status": _status,
    "provision": _provision,
}


def _change(fleet: Fleet, verb: str, options: Options) -> int:
    """A run that changes the fleet: lock, settle what an earlier one left, look, plan, walk, end. Its exit status."""
    fleet.prepare_connections()
    session = Session(_store(fleet), owner(verb), say)
    session.take()
    try:
        _settle(fleet, session)
        i = _inputs(fleet, verb, options)
        return _walk(fleet, session, i, ReportFile(options.report))
    finally:
        signals.no_more_interrupts()
        session.give_back()


def _inputs(fleet: Fleet, verb: str, options: Options) -> Inputs:
    """Look at the fleet and decide what to do. Raises Refused or UsageError; changes nothing."""
    if verb == "rollback":
        return preflight.rollback(look(fleet), fleet.settings)
    ref = options.ref or fleet.settings.source.ref
    seen = look(fleet)
    preflight.live_color(seen)
    return preflight.release(seen, fleet.settings, ref, revision(fleet, ref), datetime.now(UTC), options.color)


def _walk(fleet: Fleet, session: Session, i: Inputs, file: ReportFile) -> int:
    me = owner(i.verb)
    session.append([{"record": "begin", "verb": i.verb, "owner": me.who}, {"record": "inputs", "inputs": i.to_json()}])
    say(heading(i), bold=True)
    executor = Executor(fleet, session.fence)
    terminal = Terminal()

    def tell(event: Event) -> None:
        file.event(event)
        terminal.event(event)

    walk = Walk(plan(i), executor, session.append, tell, signals)
    try:
        ended = walk.go()
    finally:
        executor.close()
    _end(session, i, ended, executor)
    file.write(i, ended, executor.report)
    return ended.status


def _settle(fleet: Fleet, session: Session) -> None:
    """A run that stopped without a word is undone first, or carried forward if it was committed."""
    found = open_run(_store(fleet).read().runs, fleet.settings.token)
    if found is None:
        return
    tale, _, whole = found
    say(f"{tale.verb} by {tale.owner} of {tale.at} stopped without a word: settling it first", fg="yellow")
    executor = Executor(fleet, session.fence)
    ended = settle(tale, whole, Walk(whole, executor, session.append, Terminal().event, signals))
    if any(not result.lost for result in ended.left):
        raise NotUndone("; ".join(f"{result.place}: {result.error}" for result in ended.left))
    session.append([{"record": "settled", "how": "forward" if ended.committed else "undone"}])


def _end(session: Session, i: Inputs, ended: Ended, executor: Executor) -> None:
    report = executor.report
    how = "done" if ended.committed else "undone" if not ended.left else "left"
    session.append(
        [
            {
                "record": "end",
                "how": how,
                "detail": str(ended.reason or ""),
                "probe": report.to_json() if report else None,
            }
        ]
    )
    for line in probe_lines(report) if report else ():
        say(line)
    for line, style in ending(i, ended):
        say(line, **style)


def _store(fleet: Fleet, user: str | None = None) -> HostStore:
    """The store: on the first balancer.

    + user: whose it is, if we are somebody else (an administrator)
    """
    first = fleet.host(next(iter(fleet.balancers)))
    if not first.connected:
        raise Refused(f"{first.name}, which holds lock and journal, cannot be reached")

    def shell(command: StringCommand, text: str) -> list[str]:
        if user is not None:
            command = StringCommand("runuser", "-u", user, "--", command)
        reply = fleet.one(first.name, lambda host: fleet.shell(host, command, text), fleet.settings.deadlines.look + 5)
        if reply.error is not None or reply.value is None:
            raise Refused(f"{first.name}, which holds lock and journal: {reply.error}")
        return reply.value

    return HostStore(shell, fleet.settings.balancer.journal)


def _only_ours(state: State) -> Callable[[logging.LogRecord], bool]:
    """pyinfra's line a host and operation says less than ours; with -v all are shown."""
    return lambda record: bool(state.print_noop_info)


def _refuse(refusal: OrchestratorError) -> None:
    """One line, the status of its class; pyinfra's own way would add its file and line and always exit with 1."""
    say(str(refusal), fg="red", bold=True)
    sys.exit(refusal.status)
