"""The verb `remove`: remove the application from all hosts of the inventory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from orchestrator.errors import Refused, UsageError
from orchestrator.fleet import Fleet
from orchestrator.journal.session import Session, owner
from orchestrator.options import Options
from orchestrator.plan.identity import foreign
from orchestrator.report.terminal import say
from orchestrator.signals import signals
from orchestrator.survey import survey
from orchestrator.verbs.pause import refuse_open
from orchestrator.verbs.session import open_store, read_runs

if TYPE_CHECKING:
    from orchestrator.provision.removal.left import Left


def remove(fleet: Fleet, options: Options) -> int:
    """Remove the application from all hosts, with all its releases and its shared data. Return the exit status, 0.

    The operator confirms the removal with the name of the application: in ``--data remove=``, or by typing the name.
    With ``-y``, the name must be in ``--data remove=``. If nothing of the application is left on any host, only print a
    message.

    Raises UsageError if the name is missing or wrong. Raises Refused if a host cannot be reached, another run holds the
    lock, an earlier run has not ended, or a file system is mounted below the application's root. Then no host is
    changed.
    """
    # imported here because no other verb needs these modules
    from orchestrator.provision.removal import walk

    asks = fleet.state.check_for_changes
    app = fleet.settings.name
    # if the operator was asked, `show_removal` has already shown the plan and refused hosts of other inventories
    found = walk.look(fleet, _keeps(options)) if asks else show_removal(fleet, options)
    found = {name: left for name, left in found.items() if not _is_clean(fleet, left)}
    if not found:
        if asks:
            say(f"nothing of {app} is left")
        return 0
    if asks:
        # check again, because the fleet may have changed while the operator read the plan
        _check_found(fleet, found, _keeps(options))
    _confirm(fleet, options, found, asks)
    last = [name for name in found if name == _journal_host(fleet)]
    session = None
    if _has_journal(fleet, found):
        session = Session(open_store(fleet, user=fleet.settings.user), owner("remove"), say)
    try:
        if session is not None:
            session.take()
            refuse_open(read_runs(open_store(fleet, user=fleet.settings.user)).runs)
        walk.stop_serving(fleet, found, say)
        walk.remove_files(fleet, found, _keeps(options), say)
        walk.remove_state(fleet, [name for name in found if name not in last], say)
    finally:
        signals.no_more_interrupts()
        if session is not None:
            session.give_back()
    walk.remove_state(fleet, last, say)
    say(f"done: {app} is removed from {', '.join(found)}", fg="green", bold=True)
    for line in _stays(fleet):
        say(f"    {line}")
    return 0


def show_removal(fleet: Fleet, options: Options) -> Mapping[str, Left]:
    """Print the plan of a removal. Return host -> the files, units and data that the application has there.

    Changes nothing. Raises UsageError or Refused in the same cases as ``remove``, but does not require the
    application's name.
    """
    from orchestrator.provision.removal import plan, walk

    _check_name(fleet, options)
    settings, keep = fleet.settings, _keeps(options)
    found, state = walk.look(fleet, keep), survey(fleet, group=False)
    if all(_is_clean(fleet, left) for left in found.values()):
        say(f"nothing of {settings.name} is left on {', '.join(found)}")
        return found
    _check_found(fleet, found, keep, foreign(state, options.replaces))
    say(f"remove {settings.name}: {len(fleet.nodes)} nodes, {len(fleet.balancers)} balancers", bold=True)
    for line in plan.traffic(state, found):
        say(f"    {line}", fg="yellow")
    for line in plan.lines(settings, found, keep):
        say(f"    {line}")
    if data := plan.shared_data(found):
        say(f"    the shared data is removed as well ({data}); --data keep=shared keeps it", fg="yellow")
    return found


def _check_found(fleet: Fleet, found: Mapping[str, Left], keep: bool, others: Sequence[str] = ()) -> None:
    """Raise Refused if the application cannot be removed, or if a run is paused or stopped before its end.

    + found: host -> the files, units and data that the application has there
    + keep: whether the operator keeps the shared data
    + others: problems that another check has found before, one line each
    """
    from orchestrator.provision.removal import plan

    if problems := [*others, *plan.problems(found, keep)]:
        raise Refused("\n    ".join(["nothing was changed on any host:", *problems]))
    if _has_journal(fleet, found):
        refuse_open(read_runs(open_store(fleet, user=fleet.settings.user)).runs)


def _keeps(options: Options) -> bool:
    return "shared" in options.keep


def _is_clean(fleet: Fleet, left: Left) -> bool:
    from orchestrator.provision.removal.plan import is_clean

    return is_clean(left, fleet.settings.user)


def _check_name(fleet: Fleet, options: Options) -> None:
    """If ``--data remove=`` does not name the application of the inventory, raise UsageError.

    If there is no ``--data remove=``, do nothing.
    """
    app = fleet.settings.name
    if options.remove and options.remove != {app}:
        raise UsageError(
            f"--data remove={','.join(sorted(options.remove))}: the application of this inventory is {app}: name "
            "this application, or use the inventory of the other application"
        )


def _confirm(fleet: Fleet, options: Options, found: Mapping[str, Left], asks: bool) -> None:
    """Make the operator confirm the removal with the name of the application, so that no wrong application is removed.

    + found: host -> the files, units and data that the application has there
    + asks: whether the operator can be asked, because ``-y`` is missing

    Raises UsageError or Refused if the name is missing or wrong.
    """
    from orchestrator.provision.removal.plan import shared_data

    app = fleet.settings.name
    _check_name(fleet, options)
    if options.remove:
        return
    if not asks:
        raise UsageError(f"with -y, remove needs the name of the application: --data remove={app}")
    data = shared_data(found)
    what = f" and its shared data ({data})" if data else ""
    answer = click.prompt(
        f"Type {app} to remove {app}{what} for good", default="", show_default=False, err=True, prompt_suffix=": "
    )
    if answer.strip() != app:
        raise Refused(f"the answer was not {app}, so nothing was changed")


def _journal_host(fleet: Fleet) -> str | None:
    """Return the host that holds lock and journal; None if they are on S3."""
    return None if fleet.settings.journal.kind == "s3" else fleet.journal_host


def _has_journal(fleet: Fleet, found: Mapping[str, Left]) -> bool:
    """Return whether the lock and the journal exist. An earlier removal that was killed may have removed them already.

    + found: host -> the files, units and data that the application has there
    """
    from orchestrator.provision.removal.paths import state

    name = _journal_host(fleet)
    return name is None or (name in found and state(fleet.settings) in found[name].paths)


def _stays(fleet: Fleet) -> list[str]:
    """Return one line for each part of the application that this tool does not remove."""
    settings = fleet.settings
    lines = [f"the user {settings.user}, the installed packages and HAProxy's options stay"]
    if settings.journal.kind == "s3":
        lines.append(f"the journal in the bucket {settings.journal.bucket} stays")
    if fleet.apis:
        lines.append(f"{', '.join(fleet.apis)}: target groups and rules at AWS stay")
    if settings.scaling:
        lines.append(f"the Auto Scaling group {settings.scaling.group} stays")
    return lines
