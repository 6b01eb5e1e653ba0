"""Store the lock and the journals of runs in a directory on a host, by default on the first balancer.

The host needs only a file system and flock, so nothing has to be installed on the host.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

from pyinfra.api.command import QuoteString, StringCommand

from orchestrator.errors import OrchestratorError
from orchestrator.journal.store import Contents, Held, Lost, Owner, Record
from orchestrator.scripts.files import read

SCRIPT = read("journal/store.sh")

Shell = Callable[[StringCommand, str], list[str]]
"""A function that runs a command on the host of the store, and returns the lines of the command's output.

The arguments of the function are the command and the text for the command's standard input. The function raises an
exception if the command fails.
"""


KEPT = 1000
"""Number of newest runs whose records the store keeps. The records of 1000 runs take about 20 MB."""


class HostStore:
    """A store that keeps the lock and the journals in a directory of a host.

    + shell: runs a command on the host
    + directory: path of the directory
    + kept: the number of newest runs whose journals are kept
    """

    def __init__(self, shell: Shell, directory: str, kept: int = KEPT) -> None:
        self._shell = shell
        self._directory = directory
        self._kept = kept

    def take(self, owner: Owner, lease: float, above: int = 0) -> int | Held:
        lines = self._run("take", owner.token, str(lease), _owner_line(owner), str(above))
        if lines and lines[0].startswith("taken "):
            return int(lines[0].split()[1])
        if len(lines) == 2 and lines[0].startswith("held "):
            return _held(lines)
        raise OrchestratorError(f"the journal's store answers {' '.join(lines) or 'nothing'}")

    def renew(self, owner: Owner) -> None:
        self._sure(self._run("renew", owner.token))

    def append(self, owner: Owner, fence: int, records: Sequence[Record]) -> None:
        text = "".join(json.dumps(record, separators=(",", ":"), sort_keys=True) + "\n" for record in records)
        self._sure(self._run("append", owner.token, str(fence), text=text))

    def give_back(self, owner: Owner) -> None:
        self._run("back", owner.token, str(self._kept))

    def break_lock(self, held: Held) -> None:
        self._run("break", _owner_line(held.owner))

    def read(self, runs: int = 20) -> Contents:
        return parse_contents(self._run("read", str(runs)))

    def _run(self, *arguments: str, text: str = "") -> list[str]:
        quoted = [QuoteString(argument) for argument in (arguments[0], self._directory, *arguments[1:])]
        command = StringCommand("timeout", "-s", "KILL", "10", "sh", "-c", QuoteString(SCRIPT), "journal", *quoted)
        return self._shell(command, text)

    @staticmethod
    def _sure(lines: list[str]) -> None:
        if lines[-1:] == ["lost"]:
            raise Lost("another run took the lock")
        if lines[-1:] != ["ok"]:
            raise OrchestratorError(f"the journal's store answers {' '.join(lines) or 'nothing'}")


def parse_contents(lines: Sequence[str]) -> Contents:
    """Return the contents of the store, parsed from the output of ``store.sh read``.

    A line that a crash cut short is left out.
    """
    held = _held(lines) if lines and lines[0].startswith("held ") else None
    runs: list[list[Record]] = []
    for line in lines[2 if held else 1 :]:
        if line.startswith("run "):
            runs.append([])
        elif runs and line.strip():
            try:
                runs[-1].append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return Contents(held, runs)


def _owner_line(owner: Owner) -> str:
    """Return the owner of the lock as JSON, without the token.

    Every command can read this line. A command that knew the token of another command could renew that command's lock
    or give the lock back.
    """
    return json.dumps(asdict(owner) | {"token": ""}, separators=(",", ":"))


def _held(lines: Sequence[str]) -> Held:
    return Held(Owner(**json.loads(lines[1])), float(lines[0].split()[1]))
