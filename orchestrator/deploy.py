"""The entry point of deploy files: one driver operation, on the first reachable host, which does the whole run.

pyinfra runs a deploy file once per host. The driver is declared for only one of the hosts, so that it always runs, and
decides itself what a missing host means.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from pyinfra import logger
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import ctx_host, ctx_state
from pyinfra.operations import python

from orchestrator.config import Settings, load
from orchestrator.errors import Interrupted, OrchestratorError, UsageError
from orchestrator.fleet import Fleet
from orchestrator.options import Options, read
from orchestrator.report.terminal import say
from orchestrator.signals import signals
from orchestrator.verbs import PLANNED, VERBS, Approved, show_for_approval, show_lock, show_plan


def run(verb: str) -> None:
    """Declare the driver of a verb: ``release``, ``rollback``, ``status``, ... (verbs/).

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
        # plan and run share the fleet, because the run sends the files from which the plan was made
        fleet = Fleet(state, settings)
        approved = _ask_first(fleet, verb, options)
    except OrchestratorError as refusal:
        _refuse(refusal)
    python.call(
        name=f"{verb} {settings.app}",
        function=_drive,
        verb=verb,
        fleet=fleet,
        options=options,
        approved=approved,
    )


def _asked(state: State, verb: str) -> tuple[Settings, Options]:
    """Read the settings and ``--data``. Raises UsageError."""
    options = read(verb, state.inventory.override_data)
    raw = [(host.name, host.data.get("settings")) for host in state.inventory]
    different = [name for name, settings in raw if settings != raw[0][1]]
    if different:
        raise UsageError(
            f"settings differ between {raw[0][0]} and {', '.join(different)}: all hosts must have the same settings"
        )
    return load(raw[0][1]), options


def _ask_first(fleet: Fleet, verb: str, options: Options) -> Approved | None:
    """Without ``-y``, show the plan before pyinfra's question, and return it. The run is bound to this plan.

    Raises UsageError if there is no terminal to answer the question.
    """
    # click's own context belongs to the main greenlet and cannot be read here
    state = fleet.state
    yes, dry, as_json = not state.check_for_changes, "--dry" in sys.argv, "--json" in sys.argv
    verbose = state.print_noop_info
    if verb == "status":
        # status changes nothing, so there is no question
        sys.exit(VERBS[verb](fleet, options))
    if options.plan:
        show_plan(fleet, verb, options, verbose, as_json)
        sys.exit(0)
    if yes:
        return None
    if not dry and not sys.stdin.isatty():
        raise UsageError(f"{verb} asks before it acts and there is no terminal: add -y to go on without a question")
    if verb == "unlock":
        show_lock(fleet)
    if verb in PLANNED:
        return show_for_approval(fleet, verb, options, verbose)
    return None


def _drive(state: State, host: Host, verb: str, fleet: Fleet, options: Options, approved: Approved | None) -> None:
    """Run the verb as the driver operation."""
    # without this, pyinfra gives nested operations of this package colliding hashes; a test covers it
    state.current_deploy_filename = __file__
    # the output of commands may hold secrets, and pyinfra would show it unmasked
    state.print_output = False
    quiet = _only_ours(state)
    logger.addFilter(quiet)
    logger.addFilter(fleet.mask)
    signals.drive()
    try:
        code = PLANNED[verb](fleet, options, approved) if verb in PLANNED else VERBS[verb](fleet, options)
    except OrchestratorError as error:
        say(fleet.mask.hide(f"{verb}: {error}"), fg="red", bold=True)
        code = error.status
    except Interrupted as interrupted:
        code = interrupted.status
    finally:
        signals.no_more_interrupts()
        logger.removeFilter(quiet)
        logger.removeFilter(fleet.mask)
    sys.exit(code)


def _only_ours(state: State) -> Callable[[logging.LogRecord], bool]:
    """Make a log filter that drops pyinfra's own lines, which say less than ours. With ``-v`` it shows all lines."""
    return lambda record: bool(state.print_noop_info)


def _refuse(refusal: OrchestratorError) -> None:
    """Print one line and exit with the status of the error's class.

    pyinfra itself would add file and line, and always exit with 1.
    """
    say(str(refusal), fg="red", bold=True)
    sys.exit(refusal.status)
