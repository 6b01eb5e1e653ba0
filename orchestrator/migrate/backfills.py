"""The commands ``orchestrator db backfill`` and ``pause``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.database.backfill import Progress, edited
from orchestrator.database.files import Change, File
from orchestrator.database.ledger import complete, work
from orchestrator.database.model import Phase
from orchestrator.database.ranges import Ranged, read
from orchestrator.engines.backfill import Ways, begin, run_backfill
from orchestrator.engines.base import BACKFILL_LOCK, Connection
from orchestrator.engines.keys import Keys, keys
from orchestrator.engines.ledger import Ledger
from orchestrator.engines.phase import Tell, unchecked
from orchestrator.engines.trouble import flat
from orchestrator.errors import Refused, StatementFailed
from orchestrator.migrate.guard import Asked, exclusive, gate, locked


@dataclass(frozen=True)
class _Todo:
    """A backfill that is to run.

    + known: how far earlier runs have come; None if there were none
    """

    change: Change
    file: File
    ranged: Ranged
    keys: Keys
    known: Progress | None


def planned(connection: Connection, changes: Sequence[Change], tell: Tell) -> None:
    """Print which backfills are not done. Raises Refused if a file cannot run in batches."""
    ledger = Ledger(connection, "")
    rows, progress = ledger.rows(), ledger.backfills()
    for change in changes:
        file, known = change.files.get(Phase.BACKFILL), progress.get(change.name)
        if file is None or (known is not None and known.done):
            continue
        if Phase.CONTRACT in change.files and complete(change, Phase.CONTRACT, rows, connection.engine):
            continue
        ranged = read(file, connection.engine)
        [statement] = file.statements(connection.engine)
        where = f"table {'.'.join(ranged.table)} by {ranged.key}"
        tell(f"backfill, later: {file.name}: {where}: {flat(statement.text)}")


def backfill(connection: Connection, changes: Sequence[Change], asked: Asked, ways: Ways) -> None:
    """Run the backfills of all changes whose expand is done, one after the other.

    Raises StatementFailed if a batch fails, or if a check query does not return 0 after the last row. Raises
    BackfillPaused if an operator pauses the backfill.
    """
    passed: set[str] = set()
    with locked(connection, BACKFILL_LOCK, "runs a backfill", asked, ways.tell):
        while True:
            with exclusive(connection, asked, ways.tell) as ledger:
                todo = list(_todo(connection, changes, ledger, passed, ways.tell))
                if not todo:
                    break
                one = todo[0]
                now = begin(ledger, one.file, one.keys, one.known)
            ways.tell(f"{one.file.name}: {f'continues, {now.counts}' if now.rows else f'begins, {now.total:,} rows'}")
            now = run_backfill(ledger, one.file, one.ranged, one.keys, now, ways)
            ways.tell(f"{one.file.name}: done, {now.counts}")
            passed.add(one.change.name)
            left = unchecked(connection, one.change)
            if left:
                raise StatementFailed(
                    f"{one.file.name} has passed all rows, but {left}: the old code has written rows meanwhile that"
                    " nothing fills. Let the expand file create a trigger, or wait until no old code runs. Then run"
                    " orchestrator db backfill again"
                )
    if not passed:
        ways.tell("backfill: nothing to do")


def _todo(
    connection: Connection, changes: Sequence[Change], ledger: Ledger, passed: set[str], tell: Tell
) -> Iterator[_Todo]:
    """Yield the backfills that are to run. Raises Refused if one of them cannot run.

    + passed: names of changes whose backfill this command has completed
    """
    engine, rows, progress = connection.engine, ledger.rows(), ledger.backfills()
    waiting = {one.file.change: one.file.name for one in work(changes, rows, Phase.EXPAND, engine)}
    for change in (one for one in changes if Phase.BACKFILL in one.files and one.name not in passed):
        file, known = change.files[Phase.BACKFILL], progress.get(change.name)
        if Phase.CONTRACT in change.files and complete(change, Phase.CONTRACT, rows, engine):
            continue
        if change.name in waiting:
            if not passed:
                tell(f"{file.name} waits until {waiting[change.name]} is done: run orchestrator db expand first")
            continue
        if known is not None and edited(change, known, engine):
            if known.done:
                raise Refused(f"{file.name} was edited after it ran: undo the edit, and add a new file")
            tell(f"{file.name} was edited, and begins again at the first row")
        if known is not None and known.done:
            left = unchecked(connection, change)
            if not left:
                continue
            tell(f"{left}: {file.name} begins again at the first row")
        ranged = read(file, engine)
        gate([file], engine)
        yield _Todo(change, file, ranged, keys(connection, ranged, file.name), known)


def check_files(changes: Sequence[Change], ledger: Ledger) -> None:
    """Raise Refused if a backfill file that is not done has no range of keys, or if the lint has a finding."""
    engine, progress = ledger.connection.engine, ledger.backfills()
    for change in changes:
        file, known = change.files.get(Phase.BACKFILL), progress.get(change.name)
        if file is not None and not (known and known.done):
            read(file, engine)
            gate([file], engine)


def pause(connection: Connection, who: str, tell: Tell) -> None:
    """Write into the ledger that all backfills that have begun and are not done are paused. A running backfill stops.

    + who: the operator
    """
    ledger = Ledger(connection, "")
    begun = [one for one in ledger.backfills().values() if not one.done]
    for one in begun:
        connection.retry(lambda name=one.change: ledger.pause(name, who), f"the pause of {one.change}")  # type: ignore[misc]
        tell(f"{one.change}.backfill.sql: paused at {one.counts}. A backfill that runs stops after the present batch")
    if not begun:
        tell("no backfill to pause: none has begun, or all are done")
