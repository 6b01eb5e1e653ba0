"""Verbs that begin a run: release, code, rollback, join."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.errors import Interrupted, Refused, UsageError
from orchestrator.fleet import Fleet
from orchestrator.journal.history import history_of
from orchestrator.journal.records import End, RunInputs
from orchestrator.options import Options
from orchestrator.plan import preflight
from orchestrator.plan.fleet_state import FleetState
from orchestrator.plan.inputs import Inputs
from orchestrator.report import plan as report_plan
from orchestrator.report.terminal import heading, say
from orchestrator.signals import signals
from orchestrator.source.version import revision, version
from orchestrator.stages import plan
from orchestrator.survey import survey
from orchestrator.verbs.session import begin_record, begin_session, open_store
from orchestrator.verbs.settle import settle_first
from orchestrator.verbs.walk import announce_busy, announce_end, check_pause, know_values, walk


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


def _change(fleet: Fleet, verb: str, options: Options) -> int:
    with begin_session(fleet, verb) as session:
        owed = settle_first(fleet, session, verb)
        _, i = inputs(fleet, verb, options)
        _is_as_planned(i, options)
        i = replace(i, scaling=owed) if owed else i
        whole = plan(i)
        check_pause(whole, options.until)
        know_values(fleet, i, whole.stages)
        session.append([begin_record(verb), RunInputs(i.to_json())])
        try:
            announce_busy(fleet, session, i)
        except (Refused, Interrupted) as reason:
            signals.no_more_interrupts()
            announce_end(fleet, session, i, committed=False)
            session.append([End("left" if owed else "undone", str(reason))])
            raise
        say(heading(i), bold=True)
        stages = whole.until(options.until) if options.until else whole.until_commit
        return walk(fleet, session, i, whole, options, lambda walk: walk.go(stages, pause=options.until))


def inputs(fleet: Fleet, verb: str, options: Options) -> tuple[FleetState, Inputs]:
    """Look at the fleet and decide what a release or rollback would do; changes nothing.

    Raises Refused or UsageError.
    """
    # back is the way of an emergency, and needs no word of a group that it leaves alone
    started = options.to is not None or fleet.settings.shrinks
    seen = survey(fleet, group=verb != "rollback" or started)
    return seen, _decide(fleet, seen, verb, options)


def _decide(fleet: Fleet, seen: FleetState, verb: str, options: Options) -> Inputs:
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


def _revision_of(fleet: Fleet, release: str) -> str:
    """The commit of a release: as the journal has it, else as a node's mirror completes the id's short one."""
    for run in reversed(open_store(fleet).read(50).runs):
        known = history_of(run).inputs or {}
        if known.get("release") == release:
            return str(known["revision"])
    short = release.rpartition("-")[2]
    return revision(fleet, short) if fleet.settings.source.kind == "git" else short
