"""The console command ``orchestrator`` starts the probe, checks or runs SQL files, or starts pyinfra to run a verb.

A verb is a command for the fleet, such as ``release`` or ``status``. To run a verb, the console command starts
``pyinfra INVENTORY deploys/VERB.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import __version__

if TYPE_CHECKING:
    from orchestrator.database.command import Judge

VERBS = (
    *("plan", "release", "code", "promote", "rollback", "resume", "abort", "join", "contract", "status", "unlock"),
    *("provision", "remove", "task", "tasks", "schedule", "exec", "maintenance"),
)


PROD = "inventory/prod.py"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the console command.

    If the first argument is ``probe`` or ``db``, this function runs the probe, or checks or runs SQL files. It then
    returns the exit status (docs/exit-codes.md). For a verb, this function does not return, because pyinfra replaces
    this process.

    + argv: the arguments, without the name of the program; None for the arguments of this process
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["probe"]:
        from orchestrator.probe.__main__ import main as probe

        return probe(arguments[1:])
    if arguments[:1] == ["db"]:
        if arguments[1:2] == ["lint"]:
            from orchestrator.database.command import main as lint

            return lint(arguments[1:], _shadow)
        from orchestrator.migrate.command import main as database

        return database(arguments[1:])
    command = pyinfra_command(arguments)
    sys.stdout.flush()
    # replace this process by pyinfra, so that pyinfra gets the signals and the terminal
    os.execv(command[0], command)  # noqa: S606 (no shell is wanted)


def _shadow(url: str, server: str) -> AbstractContextManager[Judge]:
    from orchestrator.engines.judge import on_shadow

    return on_shadow(url, server)


def pyinfra_command(arguments: Sequence[str]) -> list[str]:
    """Return the pyinfra command that runs a verb, as a list of words.

    If the arguments are wrong, or the deploy file of the verb does not exist, this function prints the reason and ends
    the process with status 2.

    + arguments: the arguments of the console command, such as ``release inventory/prod.py --ref main``
    """
    before, command = _divided(arguments)
    given = _parser().parse_args(before)
    verb, data = given.verb, list(given.data)
    if verb == "exec":
        if not command:
            _parser().error(
                "exec needs -- and a command, such as orchestrator exec inventory/prod.py -- php artisan about"
            )
        # as JSON, because pyinfra would read the word 1 as a number
        data.append(f"command={json.dumps(command)}")
    elif command is not None:
        _parser().error(f"{verb} takes no command after --")
    data += [f"{key}={value}" for key in ("color", "user") if (value := getattr(given, key)) is not None]
    data += ["all=true"] if given.all else []
    data += _named(given)
    if verb == "plan":
        verb = "rollback" if given.rollback else "release"
        data.append("plan=true")
    if given.ref is not None:
        # the quotes keep pyinfra from reading 1.10 as the number 1.1
        data.append(f'ref="{given.ref}"')
    if given.node is not None:
        data.append(f"node={given.node}")
    file = Path("deploys") / f"{verb}.py"
    if not file.exists():
        _parser().error(
            f"there is no {file} in {Path.cwd()}: change to the directory that has your deploys/ and inventory/"
        )
    pyinfra = str(Path(sys.executable).with_name("pyinfra"))
    # without -y, pyinfra asks a question if a host does not answer, and reads the answer from standard input, which is
    # the input of the command of exec
    yes = given.yes or verb == "exec"
    flags = [*(["--json"] if given.json else []), *(["-y"] if yes else []), *["-v"] * given.verbose]
    words = [word for one in data for word in ("--data", one)]
    return [pyinfra, *flags, given.inventory, str(file), *words]


def _named(given: argparse.Namespace) -> list[str]:
    """Return the data that the verbs ``task`` and ``maintenance`` get from a task's name, or from ``on`` or ``off``.

    The parser has put this word in the place of the inventory or of the node. Correct both in ``given``.
    """
    if given.verb == "task":
        # the name of the task comes before the inventory
        name, given.inventory, given.node = given.inventory, given.node or PROD, None
        return [f"task={name}"]
    if given.verb == "maintenance":
        if given.inventory in ("on", "off"):
            given.inventory, given.node = PROD, given.inventory
        page, given.node = given.node, None
        return [f"page={page}"] if page else []
    return []


def _divided(arguments: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """Return the arguments before the first ``--``, and those after it; None if there is no ``--``."""
    words = list(arguments)
    if "--" not in words:
        return words, None
    at = words.index("--")
    return words[:at], words[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="orchestrator",
        description="Blue-green releases on plain servers.",
        epilog="orchestrator probe URL [...] sends requests and counts each kind of failure (probe --help). "
        "orchestrator db lint FILE [...] checks SQL files before a release (db lint --help). "
        "orchestrator exec INVENTORY -- COMMAND runs a command in the live release. "
        "orchestrator db expand DIRECTORY runs the SQL files of a directory (db --help).",
    )
    parser.add_argument("--version", action="version", version=f"orchestrator {__version__}")
    parser.add_argument("verb", choices=VERBS, metavar="VERB", help=", ".join(VERBS))
    parser.add_argument("inventory", nargs="?", default=PROD, help=f"default {PROD}")
    parser.add_argument(
        "node",
        nargs="?",
        help="join: the node that joins again; schedule: the node that runs them; exec: the node that runs the command "
        "(default: the first node); maintenance: on or off",
    )
    parser.add_argument("--ref", help="branch, tag or commit")
    parser.add_argument("--rollback", action="store_true", help="plan: show the plan of a rollback")
    parser.add_argument(
        "--data", action="append", default=[], metavar="KEY=VALUE", help="passed to pyinfra's --data; may be repeated"
    )
    parser.add_argument("--all", action="store_true", help="exec: run the command on each node")
    parser.add_argument("--color", metavar="live|idle", help="exec: the color whose release runs the command")
    parser.add_argument("--user", metavar="web|deploy", help="exec: the user who runs the command")
    parser.add_argument("--json", action="store_true", help="plan: print JSON")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask before the run")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="plan: also show the commands")
    return parser


if __name__ == "__main__":
    sys.exit(main())
