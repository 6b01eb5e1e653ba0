"""Reads the arguments of ``orchestrator db ...`` and runs the command. ``--help`` lists the arguments."""

from __future__ import annotations

import argparse
import getpass
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import Interrupted, OrchestratorError, UsageError
from orchestrator.migrate.stop import Stop

if TYPE_CHECKING:
    from orchestrator.database.files import Change
    from orchestrator.engines.backfill import Ways
    from orchestrator.engines.base import Connection

_EPILOG = """
The files are named NNNN_name.PHASE.sql. Exit status: 0 done, 1 a statement failed, 2 wrong arguments or files, 3
refused before anything ran, 128 + n stopped by signal n between two steps.
"""
_COMMANDS = {
    "status": "show what has run of each file",
    "plan": "show what expand would run, and check these files",
    "expand": "check and run the expand files that have not run",
    "backfill": "run the backfill files in batches, or continue after a pause, a signal or a crash",
    "pause": "stop a backfill that runs after its present batch. db backfill continues it",
    "verify": "run the check queries, and show which changes are not ready for their contract",
    "contract": "check and run the contract files that have not run, if no process of the old code is left",
    "resolve": "show what the catalog says about a step that was started and has no result, or note the result; or note"
    " that the schema is right after a run (--run)",
    "unlock": "show which session changes the schema or runs a backfill, and end this session with --yes",
}


def main(argv: Sequence[str]) -> int:
    """Run a command, and return the exit status (docs/exit-codes.md).

    + argv: arguments after ``orchestrator db``, such as ``expand --url env:DATABASE_URL db/``
    """
    try:
        given = _parser().parse_args(argv)
    except SystemExit as done:  # --help, or wrong arguments
        return int(done.code or 0)
    try:
        return _run(given)
    except (OrchestratorError, Interrupted) as error:
        if isinstance(error, Interrupted):
            between = "batches" if given.command == "backfill" else "steps"
            error.args = (f"{error.name}: stopped between two {between}. The next command goes on",)
        for line in str(error).splitlines():
            print(f"orchestrator db {given.command}: {line}", file=sys.stderr)
        return error.status
    except BrokenPipeError:
        # the reader of the output, such as head, has ended: Python must not write to it once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(given: argparse.Namespace) -> int:
    from orchestrator.database.files import changes
    from orchestrator.engines import connect
    from orchestrator.engines.url import has_password, read
    from orchestrator.migrate import actions, backfills

    if any(map(has_password, (given.url, *getattr(given, "replica", ())))):
        raise UsageError(
            "other users of this machine see the password in the list of processes: put the URL into an environment"
            " variable, such as DATABASE_URL, and pass --url env:DATABASE_URL"
        )
    url = read(given.url, os.environ)
    found = changes(_contents(Path(given.directory))) if "directory" in given else []
    stop = Stop()
    with stop.listening(), connect(url) as connection:
        if given.command == "status":
            actions.status(connection, found, _tell)
        elif given.command == "verify":
            actions.verify(connection, found, _tell)
        elif given.command == "resolve" and given.run:
            actions.confirm(connection, given.run, _tell)
        elif given.command == "resolve":
            actions.resolve(connection, given.done if given.done or given.retry else None, _tell)
        elif given.command == "unlock":
            actions.unlock(connection, given.yes, _tell)
        elif given.command == "pause":
            backfills.pause(connection, _operator(), _tell)
        else:
            _run_files(connection, found, given, stop)
    return 0


def _run_files(connection: Connection, found: Sequence[Change], given: argparse.Namespace, stop: Stop) -> None:
    from orchestrator.migrate import actions, backfills
    from orchestrator.migrate.guard import Asked

    asked = Asked(
        release=getattr(given, "release", ""),
        defer=getattr(given, "defer", False),
        wait=getattr(given, "wait", 0),
        patience=getattr(given, "patience", 0),
    )
    if given.command == "backfill":
        with _ways(connection, given, stop) as ways:
            backfills.backfill(connection, found, asked, ways)
    elif given.command == "plan":
        actions.plan(connection, found, asked, _tell)
    elif given.command == "expand":
        actions.expand(connection, found, asked, _tell, stop.pause)
    else:
        actions.contract(connection, found, asked, _tell, stop.pause)


@contextmanager
def _ways(connection: Connection, given: argparse.Namespace, stop: Stop) -> Iterator[Ways]:
    """How a backfill runs, from the arguments, with sessions at the replicas during the ``with`` block."""
    from orchestrator.database.backfill import Pace
    from orchestrator.engines import connect
    from orchestrator.engines.backfill import Ways
    from orchestrator.engines.throttle import Throttle
    from orchestrator.engines.url import read
    from orchestrator.migrate.progress import Display

    display = Display(sys.stdout)
    with ExitStack() as stack:
        stack.callback(display.end)
        replicas = [stack.enter_context(connect(read(one, os.environ))) for one in given.replica]
        yield Ways(
            Pace(given.batch, given.batch_time, given.sleep),
            Throttle(connection, given.throttle, given.max_lag, replicas),
            display.tell,
            display.show,
            given.patience,
            stop.pause,
        )


def _operator() -> str:
    """The operator in messages of other operators, such as ``alice@desk``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for its user
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _tell(line: str) -> None:
    print(line, flush=True)


def _contents(directory: Path) -> dict[str, bytes]:
    """Content of the SQL files of a directory by their names. Raises UsageError."""
    try:
        return {path.name: path.read_bytes() for path in directory.iterdir() if path.suffix == ".sql"}
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}: name the directory with the SQL files") from None


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 86400:
        raise ValueError
    return value


def _rows(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1_000_000:
        raise ValueError
    return value


def _pace(one: argparse.ArgumentParser) -> None:
    """Add the options that say how fast a backfill runs."""
    for name, kind, default, metavar, text in (
        ("--batch", _rows, 5000, "ROWS", "rows of the largest batch (default 5000)"),
        ("--batch-time", _seconds, 0.05, "SECONDS", "how long a batch should take (default 0.05)"),
        ("--sleep", _seconds, 0.05, "SECONDS", "time between two batches (default 0.05)"),
        ("--max-lag", _seconds, 5, "SECONDS", "the backfill waits while a replica is later than this (default 5)"),
        ("--throttle", str, "", "QUERY", "the backfill waits while this query does not return 0"),
    ):
        one.add_argument(name, type=kind, default=default, metavar=metavar, help=text)
    one.add_argument(
        "--replica",
        action="append",
        default=[],
        metavar="URL",
        help="URL of a replica of MariaDB or MySQL, whose lag is to be watched; may be given several times",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="orchestrator db", description="Commands for the database of an application.", allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser("lint", help="check SQL files, without a database (lint --help)")
    made = {
        name: commands.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=_EPILOG, allow_abbrev=False
        )
        for name, text in _COMMANDS.items()
    }
    for name, one in made.items():
        one.add_argument(
            "--url",
            default="env:DATABASE_URL",
            help="URL of the database, or env:NAME for the value of an environment variable (default env:DATABASE_URL)",
        )
        if name not in ("resolve", "unlock", "pause"):
            one.add_argument("directory", metavar="DIRECTORY", help="the directory with the SQL files")
        if name in ("plan", "expand", "contract"):
            one.add_argument("--release", default="", help="name of the release for which the schema changes")
        if name in ("plan", "expand"):
            one.add_argument(
                "--defer",
                action="store_true",
                help="run the files although an earlier contract is pending; they must not change its tables",
            )
        if name in ("expand", "contract", "backfill"):
            one.add_argument(
                "--wait", type=_seconds, default=0, metavar="SECONDS", help="time to wait for another run (default 0)"
            )
            one.add_argument(
                "--patience",
                type=_seconds,
                default=300,
                metavar="SECONDS",
                help="time for which a statement waits for locks of other sessions (default 300)",
            )
    _pace(made["backfill"])
    answer = made["resolve"].add_mutually_exclusive_group()
    answer.add_argument("--done", action="store_true", help="the server has carried out the statement")
    answer.add_argument(
        "--run", default="", metavar="RUN", help="the schema is right after this run, although it was changed by hand"
    )
    answer.add_argument("--retry", action="store_true", help="the server has not: the next command runs the statement")
    made["unlock"].add_argument("--yes", action="store_true", help="end the session")
    return parser
