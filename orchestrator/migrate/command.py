"""Reads the arguments of ``orchestrator db ...`` and runs the command. ``--help`` lists the arguments."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from orchestrator.errors import Interrupted, OrchestratorError, UsageError
from orchestrator.migrate.stop import Stop

_EPILOG = """
The files are named NNNN_name.PHASE.sql. Exit status: 0 done, 1 a statement failed, 2 wrong arguments or files, 3
refused before anything ran, 128 + n stopped by signal n between two steps.
"""
_COMMANDS = {
    "status": "show what has run of each file",
    "plan": "show what expand would run, and check these files",
    "expand": "check and run the expand files that have not run",
    "contract": "check and run the contract files that have not run, if no process of the old code is left",
    "resolve": "say what became of a step that was started and has no result",
    "unlock": "show which session changes the schema, and end this session with --yes",
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
            error.args = (f"{error.name}: stopped between two steps. The next command goes on",)
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
    from orchestrator.migrate import actions

    if has_password(given.url):
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
        elif given.command == "resolve":
            actions.resolve(connection, given.done, _tell)
        elif given.command == "unlock":
            actions.unlock(connection, given.yes, _tell)
        else:
            asked = actions.Asked(
                release=given.release,
                defer=getattr(given, "defer", False),
                wait=getattr(given, "wait", 0),
                patience=getattr(given, "patience", 0),
            )
            if given.command == "plan":
                actions.plan(connection, found, asked, _tell)
            elif given.command == "expand":
                actions.expand(connection, found, asked, _tell, stop.pause)
            else:
                actions.contract(connection, found, asked, _tell, stop.pause)
    return 0


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
        if name not in ("resolve", "unlock"):
            one.add_argument("directory", metavar="DIRECTORY", help="the directory with the SQL files")
        if name in ("plan", "expand", "contract"):
            one.add_argument("--release", default="", help="name of the release for which the schema changes")
        if name in ("plan", "expand"):
            one.add_argument(
                "--defer",
                action="store_true",
                help="run the files although an earlier contract is pending; they must not change its tables",
            )
        if name in ("expand", "contract"):
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
    answer = made["resolve"].add_mutually_exclusive_group(required=True)
    answer.add_argument("--done", action="store_true", help="the server has carried out the statement")
    answer.add_argument("--retry", action="store_true", help="the server has not: the next command runs the statement")
    made["unlock"].add_argument("--yes", action="store_true", help="end the session")
    return parser
