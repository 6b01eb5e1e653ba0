"""The verb `maintenance`: let the balancers send the page of maintenance, or the application's answers again."""

from __future__ import annotations

from contextlib import closing

from orchestrator.errors import Refused, UsageError
from orchestrator.fleet import Fleet
from orchestrator.options import Options
from orchestrator.plan.fleet_state import FleetState
from orchestrator.plan.identity import foreign
from orchestrator.plan.provisioned import PROVISION
from orchestrator.report.terminal import say
from orchestrator.run.executor import Executor
from orchestrator.run.settle import OpenRun
from orchestrator.stages.maintenance import pages
from orchestrator.survey import survey
from orchestrator.verbs.notifying import notifying
from orchestrator.verbs.session import begin_session, journal_of
from orchestrator.verbs.settle import earlier_run, settle_first

KEYS = ("maintenance.", "marker.token")
"""A balancer needs the settings whose keys begin with one of these texts, to show the page."""


def maintenance(fleet: Fleet, options: Options) -> int:
    """Show the page of maintenance at all balancers (``--data page=on``), or the site again (``--data page=off``).

    If an earlier run stopped before its end, settle this run first. If an earlier run is paused, leave it paused.

    Return the exit status: 0, or 1 if a balancer could not be changed.

    Raises UsageError or Refused if the settings have no maintenance, if a balancer was not provisioned with these
    settings, or if another inventory provisioned it.
    """
    if fleet.settings.maintenance is None:
        raise UsageError("the settings have no maintenance (docs/maintenance.md)")
    with notifying(fleet) as notifier, begin_session(fleet, "maintenance") as session:
        earlier, _ = earlier_run(fleet, "maintenance", journal_of(fleet, session, "maintenance"))
        if earlier and not earlier.history.paused:
            settle_first(fleet, session, "maintenance", earlier, notifier)
        elif earlier:
            _respect(earlier, options.page)
        check(survey(fleet, group=False), options.page)
        steps = pages(fleet.settings, fleet.balancers, options.page)
        with closing(Executor(fleet, session.fence)) as executor:
            results = executor.perform(steps, undoing=False)
    failed = [result for result in results if result.error]
    for result in failed:
        say(f"{result.place}: {result.error}", fg="yellow")
    if failed:
        say("maintenance: see the lines above, then repeat the command", fg="red", bold=True)
        return 1
    say(f"done: {', '.join(fleet.balancers)}: {'page' if options.page else 'site'}", fg="green", bold=True)
    return 0


def _respect(run: OpenRun, on: bool) -> None:
    """Raise Refused if a paused run needs the page that the balancers showed when the run began.

    If the run itself shows the page later, only print what the run does at its end.

    + on: whether the page is wanted
    """
    name, closes = run.history.name, run.inputs.closes
    if closes == "kept" and not on:
        raise Refused(
            f"{name} waits, and moves the traffic behind the page that was shown when the release began: first end the "
            "release with deploys/promote.py or deploys/abort.py"
        )
    if closes == "page" and on:
        say(f"warning: {name} waits, and shows the site again when all traffic has moved", fg="yellow")


def check(state: FleetState, on: bool) -> None:
    """Raise Refused if a balancer would not show the page of these settings, or belongs to another inventory.

    + on: whether the page is wanted. Without the page, the settings of the page do not matter
    """
    if problems := foreign(state):
        raise Refused("; ".join(problems))
    if on and (names := without_page(state)):
        raise Refused(f"{', '.join(names)}: maintenance has changed since the last provisioning: {PROVISION}")


def without_page(state: FleetState) -> list[str]:
    """Return the names of the balancers that were not provisioned with the present settings of the page."""
    found = []
    for name, seen in state.seen.items():
        wanted = {key: digest for key, digest in state.wanted.get(name, {}).items() if key.startswith(KEYS)}
        applied = seen.digests or {}
        if any(applied.get(key) != digest for key, digest in wanted.items()):
            found.append(name)
    return found
