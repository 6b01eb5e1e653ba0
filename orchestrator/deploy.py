"""Deploy files call ``run``, which declares one pyinfra operation: the driver. The driver does the whole run.

pyinfra executes a deploy file once for each host, but ``run`` declares the driver only for the first connected host.
Therefore the driver runs even if other hosts are down. The verb then decides whether the run may continue without these
hosts.
"""

from __future__ import annotations

import atexit
import gc
import logging
import sys
from collections.abc import Callable
from typing import NoReturn

import click
from pyinfra import logger
from pyinfra.api.host import Host
from pyinfra.api.output import is_output_active, set_echo
from pyinfra.api.state import State
from pyinfra.context import ctx_host, ctx_state
from pyinfra.operations import python

from orchestrator.errors import Interrupted, OrchestratorError, UsageError
from orchestrator.fleet import Fleet
from orchestrator.mask import Mask
from orchestrator.options import Options
from orchestrator.report.terminal import say
from orchestrator.signals import signals
from orchestrator.verbs import (
    PLANNED,
    VERBS,
    Approved,
    asked,
    confirm,
    show_for_approval,
    show_lock,
    show_plan,
    show_removal,
    task_of,
)


def run(verb: str) -> None:
    """Declare the driver, which is the pyinfra operation that runs a verb for the whole fleet.

    A deploy file calls this function, and pyinfra executes a deploy file once for each host. For the first connected
    host, this function declares the driver. For every other host, this function only installs the signal handlers.

    The driver ends the process with the exit status of the run (docs/exit-codes.md). In two cases, there is no driver,
    and this function does not return. In the first case, the settings, the options or the plan are refused. In the
    second case, the verb is ``status``, ``tasks``, ``task`` or ``exec``, or the operator asks only for the plan
    (``--data plan=true``). Then this function itself runs the verb or prints the plan.

    + verb: ``release``, ``rollback``, ``status``, ... (verbs/)
    """
    signals.install()
    state = ctx_state.get()
    hosts = list(state.inventory)
    first = next(host.name for host in hosts if host in state.active_hosts)
    if ctx_host.get().name != first:
        return
    # Without this, Python searches all objects for garbage at the end of the process, which takes 0.1 s. Frozen objects
    # are left out of this search.
    atexit.register(gc.freeze)
    # the output of commands and facts may hold secrets, and with -vvv pyinfra would show it unmasked
    state.print_output = state.print_fact_output = False
    try:
        # the plan and the run share one Fleet, which keeps the copies of the files from which the plan was made
        fleet, options = asked(state, verb)
    except OrchestratorError as refusal:
        _refuse(str(refusal), refusal.status)
    _hide_in_logs(fleet.mask)
    try:
        approved = _ask_first(fleet, verb, options)
    except OrchestratorError as refusal:
        _refuse(fleet.mask.hide(str(refusal)), refusal.status)
    python.call(
        name=f"{verb} {fleet.settings.name}",
        function=_drive,
        verb=verb,
        fleet=fleet,
        options=options,
        approved=approved,
    )


def _ask_first(fleet: Fleet, verb: str, options: Options) -> Approved | None:
    """Show the plan of a verb to the operator, and return the plan. Afterwards, pyinfra asks whether to continue.

    The run is refused if its plan differs from the returned plan. The result is None if the verb has no plan, or if the
    operator gave ``-y``, because pyinfra then asks nothing.

    Instead of a plan, the verb ``unlock`` shows the holder of the lock, and the verb ``remove`` shows the files that
    will be removed. If the verb is ``status``, ``tasks``, ``task`` or ``exec``, this function runs the verb and does
    not return. If the operator asks only for the plan (``--data plan=true``), this function prints the plan and ends
    the process.

    Raises UsageError if pyinfra would ask, but there is no terminal on which the operator could answer. Raises
    UsageError or Refused if the plan cannot be made.
    """
    # click's context can be read only in the main greenlet, so this greenlet reads sys.argv
    state = fleet.state
    yes, dry, as_json = not state.check_for_changes, "--dry" in sys.argv, "--json" in sys.argv
    verbose = state.print_noop_info
    if verb in ("status", "tasks", "task", "exec"):
        sys.exit(_without_plan(fleet, verb, options, yes))
    if options.plan and verb == "remove":
        show_removal(fleet, options)
        sys.exit(0)
    if options.plan:
        show_plan(fleet, verb, options, verbose, as_json)
        sys.exit(0)
    if yes:
        return None
    if not dry and not sys.stdin.isatty():
        raise UsageError(f"{verb} asks before the run, but there is no terminal: add -y to run without the question")
    if verb == "unlock":
        show_lock(fleet)
    if verb == "remove":
        show_removal(fleet, options)
    if verb in PLANNED:
        return show_for_approval(fleet, verb, options, verbose)
    return None


def _without_plan(fleet: Fleet, verb: str, options: Options, yes: bool) -> int:
    """Run the verb ``status``, ``tasks``, ``task`` or ``exec``, which needs no driver. Return the exit status.

    + yes: whether the operator gave ``-y``, so that there is no question
    """
    if verb in ("status", "tasks"):
        # these verbs change nothing
        return VERBS[verb](fleet, options)
    if verb == "task":
        confirm(task_of(fleet, options.task), options.task, yes, sys.stdin.isatty())
    return _now(fleet, verb, options)


def _now(fleet: Fleet, verb: str, options: Options) -> int:
    """Run a verb at once, without pyinfra's question and output. Return the exit status."""
    signals.drive("stopping")
    try:
        return VERBS[verb](fleet, options)
    except Interrupted as interrupted:
        return interrupted.status
    finally:
        signals.no_more_interrupts()


def _drive(state: State, host: Host, verb: str, fleet: Fleet, options: Options, approved: Approved | None) -> None:
    """Run the verb, and end the process with the exit status of the run.

    pyinfra calls this function as the driver operation.

    + approved: the plan that was shown to the operator before the run; None if no plan was shown
    """
    # without this line, pyinfra gives nested operations of this package the same hash; a test covers this
    state.current_deploy_filename = __file__
    quiet = _only_ours(state)
    logger.addFilter(quiet)
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
    sys.exit(code)


def _only_ours(state: State) -> Callable[[logging.LogRecord], bool]:
    """Return a log filter that drops pyinfra's own lines, because the orchestrator prints its own lines about the run.

    If the operator gave ``-v``, the filter drops nothing.
    """
    return lambda record: bool(state.print_noop_info)


def _hide_in_logs(mask: Mask) -> None:
    """Hide secrets in all lines that pyinfra prints, and with ``--debug-all`` in the log lines of all other packages.

    The filter belongs to the handlers, because a filter of a logger does not see the lines of other loggers. With
    ``-vvv``, pyinfra also prints commands and their output, without its logger.
    """
    for handler in (*logger.handlers, *logging.getLogger().handlers):
        handler.addFilter(mask)
    if is_output_active():
        set_echo(
            lambda message=None, **style: click.echo(None if message is None else mask.hide(str(message)), **style)
        )


def _refuse(refusal: str, status: int) -> NoReturn:
    """Print the message of an error as one line, and end the process with the status of the error's class.

    If pyinfra printed the error, pyinfra would add a file name and a line number, and would always exit with status 1.
    """
    say(refusal, fg="red", bold=True)
    sys.exit(status)
