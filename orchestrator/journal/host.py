"""Store the lock and the journal (the record of all runs) in a directory on a host, by default on the first balancer.

The host needs only a file system and flock, so nothing has to be installed on the host.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict

from pyinfra.api.command import QuoteString, StringCommand

from orchestrator.errors import OrchestratorError
from orchestrator.journal.channel import Channel, Line
from orchestrator.journal.lines import loaded, owner_of, records_of
from orchestrator.journal.store import NEWEST, Contents, Held, Lost, Owner, Record, Remark
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
    """A store that keeps the lock and the journal in a directory of a host.

    + shell: runs a command on the host
    + directory: path of the directory
    + kept: the number of newest runs whose records are kept
    + line: opens a channel to the host. From the first record on, all writes go through the channel. None if each write
      is a command of its own
    """

    def __init__(self, shell: Shell, directory: str, kept: int = KEPT, line: Line | None = None) -> None:
        self._shell = shell
        self._directory = directory
        self._kept = kept
        self._channel = Channel(line, directory) if line is not None else None
        self.seen: Contents | None = None

    def take(self, owner: Owner, lease: float, above: int = 0, unchanged: str = "") -> int | Held:
        runs = "0" if above else str(NEWEST)
        lines = self._run("take", owner.token, str(lease), _owner_line(owner), str(above), unchanged, runs)
        if lines and re.fullmatch(r"taken \d{1,18}", lines[0]):
            # the lock is taken: an answer that cannot be parsed is an error only for the caller who reads the journal
            with suppress(OrchestratorError):
                self.seen = parse_contents(lines[1:])
            return int(lines[0].split()[1])
        held, _ = _held(lines)
        if held is not None:
            return held
        raise OrchestratorError(_answers(lines))

    def renew(self, owner: Owner) -> None:
        self._sure(self._write("renew", owner))

    def append(self, owner: Owner, fence: int, records: Sequence[Record]) -> None:
        self._sure(self._write("append", owner, str(fence), records=records))

    def end(self, owner: Owner, fence: int, records: Sequence[Record]) -> bool:
        lines = self._write("end", owner, str(fence), str(self._kept), records=records)
        given_back = lines[-1:] == ["free"]
        self._sure(lines[:-1] if given_back else lines)
        if given_back:
            self._close()
        return given_back

    def give_back(self, owner: Owner) -> None:
        try:
            self._write("back", owner, str(self._kept))
        finally:
            self._close()

    def break_lock(self, held: Held) -> None:
        self._run("break", held.mark)

    def adopt(self, owner: Owner, number: int, records: Sequence[Record]) -> None:
        self.append(owner, number, records)

    def read(self, runs: int = NEWEST) -> Contents:
        return parse_contents(self._run("read", str(runs)))

    def _write(self, verb: str, owner: Owner, *arguments: str, records: Sequence[Record] = ()) -> list[str]:
        """Let the host perform a verb that only the holder of the lock may do. Return what the host printed.

        If no channel can be used, the request is a command of its own. A request that was sent is never sent again,
        because the host may have performed the request although the answer is missing.
        """
        lines = _lines(records)
        if self._channel is not None:
            said = self._channel.ask(verb, owner.token, arguments, lines)
            if said is not None:
                return said
        return self._run(verb, owner.token, *arguments, text="".join(f"{line}\n" for line in lines))

    def _close(self) -> None:
        if self._channel is not None:
            self._channel.close()

    def _run(self, *arguments: str, text: str = "") -> list[str]:
        quoted = [QuoteString(argument) for argument in (arguments[0], self._directory, *arguments[1:])]
        command = StringCommand("timeout", "-s", "KILL", "10", "sh", "-c", QuoteString(SCRIPT), "journal", *quoted)
        return self._shell(command, text)

    def _sure(self, lines: list[str]) -> None:
        if lines[-1:] == ["lost"]:
            self._close()
            raise Lost("another run took the lock")
        if lines[-1:] != ["ok"]:
            raise OrchestratorError(_answers(lines))


def parse_contents(lines: Sequence[str]) -> Contents:
    """Return the contents of the store, parsed from the output of ``store.sh read``.

    A line that a crash cut short or that is not a record is left out, with a remark. Raises OrchestratorError if the
    output does not say whether the lock is held, because otherwise a host that printed nothing would look like a host
    with an empty store.
    """
    held, remarks = _held(lines)
    if held is None and lines[:1] != ["free"]:
        raise OrchestratorError(_answers(lines))
    numbers: list[int] = []
    texts: list[list[str]] = []
    for line in lines[1:]:
        if match := re.fullmatch(r"run (\d{1,18})\.jsonl", line):
            numbers.append(int(match[1]))
            texts.append([])
        elif line == "garbled fence":
            remarks.append(Remark("fence: not a number, so the numbers of new runs follow the newest journal"))
        elif line == "unreadable" and numbers:
            remarks.append(Remark(f"{_file(numbers[-1])}: cannot be read", len(numbers) - 1))
        elif texts and line.startswith(" "):
            texts[-1].append(line[1:])
    runs: list[list[Record]] = []
    for index, (number, text) in enumerate(zip(numbers, texts, strict=True)):
        records, left_out = records_of(_file(number), text)
        runs.append(records)
        remarks += [Remark(line, index) for line in left_out]
    return Contents(held, runs, numbers, remarks)


def _lines(records: Sequence[Record]) -> list[str]:
    """Return the line of the journal for each record. A line has only printable characters of ASCII."""
    return [json.dumps(record, separators=(",", ":"), sort_keys=True) for record in records]


def _file(number: int) -> str:
    return f"runs/{number:010d}.jsonl"


def _answers(lines: Sequence[str]) -> str:
    return f"the journal's store on the host gave an unexpected answer: {' '.join(lines)[:80] or 'nothing'}"


def _owner_line(owner: Owner) -> str:
    """Return the owner of the lock as JSON, without the token.

    Every command can read this line. A command that knew the token of another command could renew that command's lock
    or give the lock back.
    """
    return json.dumps(asdict(owner) | {"token": ""}, separators=(",", ":"))


def _held(lines: Sequence[str]) -> tuple[Held | None, list[Remark]]:
    """Return the holder of the lock, and remarks about the file of the lock. The holder is None if none is named."""
    words = lines[0].split() if lines else []
    if len(words) != 3 or words[0] != "held":
        return None, []
    try:
        age = None if words[1] == "-" else float(words[1])
    except ValueError:
        return None, []
    owner, remarks = owner_of(loaded(lines[1].strip()) if len(lines) > 1 else None, "lock")
    return Held(owner, age, words[2]), remarks
