"""The verbs that begin a run: `release`, `code`, `rollback`, `join`, `contract`.

If an earlier run stopped before its end, each of these verbs first undoes or completes that run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import gevent

from orchestrator.config.hook import ENDS
from orchestrator.errors import Interrupted, Refused
from orchestrator.fleet import Fleet
from orchestrator.journal.history import history_of
from orchestrator.journal.records import End, Json, PassedOver, RunInputs
from orchestrator.journal.session import Session
from orchestrator.options import Options
from orchestrator.plan import preflight
from orchestrator.plan.fleet_state import FleetState
from orchestrator.plan.inputs import DatabaseAsked, DatabaseInput, Inputs
from orchestrator.plan.known import last_change
from orchestrator.plan.maintenance import closes
from orchestrator.plan.provisioned import differences
from orchestrator.probe.tls import context
from orchestrator.report.terminal import heading, say
from orchestrator.run.run_probe import RunProbe
from orchestrator.signals import signals
from orchestrator.stages import plan
from orchestrator.stages.hooks import at_end
from orchestrator.survey import NO_LOOKS, Looks, survey
from orchestrator.verbs.announcement import announce_begin, announce_end
from orchestrator.verbs.bound import Approved, as_saved, check_approved, check_saved
from orchestrator.verbs.masking import learn_values
from orchestrator.verbs.notifying import notifying
from orchestrator.verbs.pause import check_pause
from orchestrator.verbs.session import (
    begin_record,
    begin_session,
    begin_unjournaled,
    emergency,
    journal_of,
    open_store,
)
from orchestrator.verbs.settle import check_target, earlier_run, settle_first
from orchestrator.verbs.walk import walk_plan

if TYPE_CHECKING:
    from orchestrator.source.kind import Version


def release(fleet: Fleet, options: Options, approved: Approved | None = None) -> int:
    """Release a new version. Return the exit status.

    If a contract of the live release is pending, the setting ``database.pending`` may say that the contract comes
    first, as a run of its own. If the contract fails, nothing is released.

    + approved: the plan that was shown to the operator before the run; None with ``-y``
    """
    # a plan that the operator has approved, or has saved, is the plan of the release alone
    if approved is None and options.bound is None and (names := _contracts_first(fleet)):
        say(f"the contract comes first (database.pending): {', '.join(names)}", bold=True)
        status = contract(fleet, Options())
        if status:
            say("nothing was released, because the contract has failed", fg="red", bold=True)
            return status
        signals.drive()  # the contract has ended, and the release can be interrupted again
    return _change(fleet, "release", options, approved)


def _contracts_first(fleet: Fleet) -> list[str]:
    """Return the contract files that must run before a release; empty if the settings do not say so."""
    first = [name for name, database in fleet.settings.all_databases.items() if database.pending == "contract"]
    if not first:
        return []
    from orchestrator.run.pending import pending_contracts

    seen = survey(fleet, group=False)
    color = preflight.live_color(seen)
    live = {name: release for name, state in seen.node_states.items() if (release := state.release[color])}
    return [one for name in first for one in pending_contracts(fleet, *next(iter(live.items())), name)] if live else []


def code(fleet: Fleet, options: Options, approved: Approved | None = None) -> int:
    """Release a new version that changes only code. Return the exit status.

    If there is no live release, the run is refused. If the version changes more than code, the run fails and is undone.

    + approved: the plan that was shown to the operator before the run; None with ``-y``
    """
    return _change(fleet, "code", options, approved)


def rollback(fleet: Fleet, options: Options, approved: Approved | None = None) -> int:
    """Roll back to the release in the idle color, or to the older release ``--data to=``. Return the exit status.

    + approved: the plan that was shown to the operator before the run; None with ``-y``
    """
    return _change(fleet, "rollback", options, approved)


def join(fleet: Fleet, options: Options, approved: Approved | None = None) -> int:
    """Bring a barred node back: install and check the releases of both colors, and let the node get traffic again.

    Return the exit status.

    + approved: the plan that was shown to the operator before the run; None with ``-y``
    """
    return _change(fleet, "join", options, approved)


def contract(fleet: Fleet, options: Options, approved: Approved | None = None) -> int:
    """Remove the parts of the schema that only older releases use. Return the exit status.

    + approved: the plan that was shown to the operator before the run; None with ``-y``
    """
    return _change(fleet, "contract", options, approved)


def _change(fleet: Fleet, verb: str, options: Options, approved: Approved | None) -> int:
    """Settle an earlier run that stopped, then make the plan of the verb and perform the plan. Return the exit status.

    + verb: ``release``, ``code``, ``rollback``, ``join`` or ``contract``
    + approved: the plan that was shown to the operator before the run; None with ``-y``
    """
    with (
        notifying(fleet) as notifier,
        _asked_meanwhile(fleet, verb, options) as asked,
        _probe_meanwhile(fleet, verb) as probe,
        _session(fleet, verb, options) as session,
    ):
        contents = journal_of(fleet, session, verb)
        earlier, passed = earlier_run(fleet, verb, contents)
        owed = settle_first(fleet, session, verb, earlier, notifier) if earlier else ()
        # settling an earlier run has changed the hosts since the session read their states
        seen, i = inputs(fleet, verb, options) if earlier else inputs(fleet, verb, options, session.looks, asked)
        if passed is not None:
            check_target(i, passed)
        settled = earlier.history.name if earlier else ""
        if approved is not None:
            check_approved(as_saved(i), approved, settled)
        else:
            # no plan was shown, so the operator has not seen these lines
            for line in differences(seen):
                say(f"    warning: {line}", fg="yellow")
        if options.bound is not None:
            check_saved(as_saved(i), options.bound, settled)
        i = replace(i, scaling=replace(i.scaling, suspended=owed)) if owed else i
        if i.database:
            i = replace(i, database=_with_changes(i.database, contents.runs))
        whole = plan(i)
        check_pause(whole, options.until)
        learn_values(fleet, i, [*whole.stages, *at_end(i, ENDS)])
        if i.database:
            from orchestrator.run.schema_lock import check_databases

            check_databases(fleet)
        over = [PassedOver(passed.run)] if passed is not None else []
        with emergency(verb):
            session.begin([begin_record(verb), RunInputs(i.to_json()), *over])
        try:
            announce_begin(fleet, session, i)
        except (Refused, Interrupted) as reason:
            signals.no_more_interrupts()
            announce_end(fleet, session, i, committed=False)
            session.end(End("left" if owed else "undone", str(reason)))
            raise
        say(heading(i), bold=True)
        notifier.begin(i)
        stages = whole.until(options.until) if options.until else whole.until_commit
        return walk_plan(
            fleet,
            session,
            i,
            whole,
            options,
            notifier,
            lambda walk: walk.go(stages, pause=options.until),
            surveyed=True,
            probe=probe,
        )


def _with_changes(database: DatabaseInput, runs: Sequence[Sequence[Json]]) -> DatabaseInput:
    """Return the facts about the databases, completed from the journal.

    For each database into which this run writes a mark, the result also has the last run that has changed the schema.

    + database: the facts without these runs
    + runs: the records of each run in the journal, oldest run first
    """
    found = {name: last_change(runs, name) for name in (*([""] if database.marks else []), *database.marked)}
    others = {name: known for name, known in found.items() if name and known}
    return replace(database, known=found.get(""), others=others)


def _session(fleet: Fleet, verb: str, options: Options) -> AbstractContextManager[Session]:
    return begin_unjournaled(fleet) if options.unjournaled else begin_session(fleet, verb, looks=True)


@contextmanager
def _asked_meanwhile(fleet: Fleet, verb: str, options: Options) -> Iterator[Callable[[], Version] | None]:
    """Ask the origin for the version of a release, while the run takes the lock and reads the hosts.

    Yield a function that waits for the version and returns it, or raises the error. Yield None if the verb releases no
    new version, or if the source is not git: other sources read files of the operator's machine, which takes no time.
    """
    if verb not in ("release", "code") or fleet.settings.source.kind != "git":
        yield None
        return

    def ask() -> Version | Exception:
        try:
            return _version(fleet, options)
        except Exception as error:  # noqa: BLE001 (raised by `answer`)
            return error

    asking = gevent.spawn(ask)

    def answer() -> Version:
        found: Version | Exception = asking.get()
        if isinstance(found, Exception):
            raise found
        return found

    try:
        yield answer
    finally:
        asking.kill()


@contextmanager
def _probe_meanwhile(fleet: Fleet, verb: str) -> Iterator[RunProbe]:
    """Yield the probe of the run. The process of a rollback's probe starts while the run takes the lock.

    Every other run has enough time to start this process beside a stage that is not as urgent as a rollback.
    """
    with closing(RunProbe(fleet.settings)) as probe:
        if verb == "rollback" and fleet.settings.probe.enabled:
            probe.prepare()
        yield probe


def inputs(
    fleet: Fleet,
    verb: str,
    options: Options,
    looks: Looks = NO_LOOKS,
    asked: Callable[[], Version] | None = None,
) -> tuple[FleetState, Inputs]:
    """Read the state of the fleet, and return the state together with the Inputs of the run. The fleet is not changed.

    + looks: states of hosts that this command has read right before
    + asked: returns the version of a release; None to ask the origin now

    Raises Refused if the run may not begin, and UsageError if an option is wrong or the file ``probe.ca`` is unusable.
    """
    if ca := fleet.settings.probe.ca:
        context(ca)
    # A rollback to a warm release does not read the Auto Scaling group, so that it works even if AWS does not answer.
    started = options.to is not None or fleet.settings.shrinks
    seen = survey(fleet, group=verb != "rollback" or started, looks=looks)
    if verb == "rollback" and not started and fleet.settings.scaling and preflight.cold_release(seen):
        seen = survey(fleet, group=True)
    i = _decide(fleet, seen, verb, options, asked)
    # a rollback closes the site only if the operator says so, because a rollback has to be quick
    closing = verb in ("release", "code") or (verb == "rollback" and options.maintenance is not None)
    return seen, replace(i, closes=closes(seen, fleet.settings, options.maintenance)) if closing else i


def _decide(
    fleet: Fleet, seen: FleetState, verb: str, options: Options, version_of: Callable[[], Version] | None
) -> Inputs:
    if verb == "rollback":
        return preflight.rollback(seen, fleet.settings, options.to, options.allow_missing)
    if verb == "join":
        return preflight.join(seen, fleet.settings, options.node, lambda release: _revision_of(fleet, release))
    database = DatabaseAsked(options.retry, options.accept, options.reason)
    if verb == "contract":
        return preflight.contract(seen, fleet.settings, datetime.now(UTC), database)
    preflight.live_color(seen)
    asked = version_of() if version_of else _version(fleet, options)
    i = preflight.release(
        seen,
        fleet.settings,
        asked.ref,
        asked.revision,
        datetime.now(UTC),
        options.color,
        options.allow_missing,
        database,
    )
    return preflight.code(i) if verb == "code" else i


def _revision_of(fleet: Fleet, release: str) -> str:
    """Return the hash of a release's version: for git, the full commit hash.

    If one of the last 50 runs in the journal made the release, the journal has the hash. Otherwise, only the short hash
    at the end of the release id is known. For git, a node's mirror has the full hash. For other sources, return the
    short hash.

    For git, raises UsageError if the mirror does not have the commit, and Refused if the origin does not answer.

    + release: the release id
    """
    for run in reversed(open_store(fleet).read(50).runs):
        known = history_of(run).inputs or {}
        if known.get("release") == release and "revision" in known:
            return str(known["revision"])
    short = release.rpartition("-")[2]
    if fleet.settings.source.kind != "git":
        return short
    from orchestrator.source.version import revision

    return revision(fleet, short)


def _version(fleet: Fleet, options: Options) -> Version:
    from orchestrator.source.version import version

    return version(fleet, options)
