"""The command ``orchestrator db lint``, which needs no inventory. ``--help`` lists the arguments."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.database.files import in_order
from orchestrator.database.model import Engine, Phase, phase_of
from orchestrator.errors import OrchestratorError, UsageError

if TYPE_CHECKING:
    from orchestrator.database.lint import TryOut

_ENGINES = {one.value: one for one in Engine} | {"postgresql": Engine.POSTGRES}
_EPILOG = """
The phase of a file is in its name, such as 0007_total.contract.sql (expand, backfill, check or contract). If a name
has no phase, --phase names the phase. A comment "-- orchestrator: safe because REASON" on the line before a statement
overrides the findings of this statement. Exit status: 0 no finding, 1 findings, 2 wrong arguments or unreadable files,
3 no shadow can be made.
"""


@dataclass(frozen=True)
class Judge:
    """The second judge: a shadow of a database.

    + engine: the kind of the server
    + try_out: runs the statements of a file on the shadow, after the statements of the earlier files
    """

    engine: Engine
    try_out: TryOut


Opener = Callable[[str, str], AbstractContextManager[Judge]]
"""Makes a shadow. The arguments are the URL of the database, and the URL of a server for shadows, or an empty text."""


def main(argv: Sequence[str], opener: Opener | None = None) -> int:
    """Run the command, and return the exit status.

    The exit status is

    * 0 if no finding is left;
    * 1 if a finding is left that no comment in the file overrides;
    * 2 if the arguments are wrong, or if a file cannot be read;
    * 3 if the shadow cannot be made.

    + argv: arguments after ``orchestrator db``, such as ``lint --engine postgres FILE``
    + opener: makes the shadow for ``--shadow``
    """
    try:
        given = _parser().parse_args(argv)
        files = _files(given)
        if given.shadow is None or opener is None:
            return _print(given, files, _engine(given), None)
        with opener(given.shadow, given.shadow_server or "") as judge:
            return _print(given, files, _engine(given, judge.engine), judge.try_out)
    except OrchestratorError as error:
        for line in str(error).splitlines():
            print(f"orchestrator db lint: {line}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 3
    except BrokenPipeError:
        # the reader of the output, such as head, has ended: Python must not write to it once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except SystemExit as done:  # --help, or wrong arguments
        return int(done.code or 0)


def _engine(given: argparse.Namespace, seen: Engine | None = None) -> Engine:
    """The kind of the server. Raises UsageError if no argument says the kind, or if two arguments contradict."""
    named = None if given.engine is None else _ENGINES[given.engine]
    if given.shadow_server is not None and given.shadow is None:
        raise UsageError("--shadow-server needs --shadow, the URL of the database whose schema is copied")
    if seen is not None and named not in (None, seen):
        raise UsageError(f"the server of --shadow is {seen}: leave out --engine {named}")
    found = seen or named
    if found is None:
        raise UsageError("name the database server: --engine postgres, --engine mariadb or --engine mysql")
    return found


def _print(
    given: argparse.Namespace, files: Sequence[tuple[str, Phase, str]], engine: Engine, try_out: TryOut | None
) -> int:
    from orchestrator.database.lint import lint
    from orchestrator.database.render import as_json, as_sarif, text

    judged = [lint(content, name, engine, phase, try_out) for name, phase, content in files]
    if given.json:
        said = as_json(judged, engine)
    elif given.sarif:
        said = as_sarif(judged, engine)
    else:
        said = text(judged)
    sys.stdout.write(said)
    sys.stdout.flush()
    return 1 if any(one.open for one in judged) else 0


def _files(given: argparse.Namespace) -> list[tuple[str, Phase, str]]:
    """Name, phase and content of all files. Raises UsageError with a line for each file that cannot be read."""
    files, wrong = [], []
    for name in in_order(list(dict.fromkeys(given.files))):
        try:
            files.append((name, _phase(name, given.phase), _read(name)))
        except UsageError as error:
            wrong.append(str(error))
    if wrong:
        raise UsageError("\n".join(wrong))
    return files


def _phase(name: str, given: str | None) -> Phase:
    """The phase of a file. The name of a file must not contradict ``--phase``."""
    named = phase_of(name)
    if given is not None and named is not None and named.value != given:
        raise UsageError(f"{name} is a file of the phase {named} by its name: leave out --phase {given}")
    return named or Phase(given or Phase.EXPAND)


def _read(name: str) -> str:
    """Read a file, or standard input for ``-``. Raises UsageError."""
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: byte {error.start + 1} is not UTF-8: save the file in UTF-8") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{name}: {getattr(error, 'strerror', None) or error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="orchestrator db", description="Commands for the database of an application.", allow_abbrev=False
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    lint = commands.add_parser(
        "lint",
        help="check SQL files: no statement may break or block the code that runs now",
        description="Check SQL files: no statement may break or block the code that runs now.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    lint.add_argument("files", nargs="+", metavar="FILE", help="a SQL file, or - for standard input")
    lint.add_argument(
        "--engine",
        choices=sorted(_ENGINES),
        help="the database server: postgres (or postgresql), mariadb or mysql",
        metavar="ENGINE",
    )
    lint.add_argument(
        "--phase",
        choices=[one.value for one in Phase],
        metavar="PHASE",
        help="phase of files whose names say no phase: expand (default), backfill, check or contract",
    )
    lint.add_argument(
        "--shadow",
        metavar="URL",
        help="also run the statements on an empty copy of the schema of this database, which is dropped at the end;"
        " env:NAME reads the URL from an environment variable",
    )
    lint.add_argument(
        "--shadow-server",
        metavar="URL",
        help="make the copy on the server of this database (default: on the server of --shadow)",
    )
    form = lint.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--sarif", action="store_true", help="print SARIF 2.1.0")
    return parser
