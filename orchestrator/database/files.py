"""The SQL files of a directory, as changes in the order of their numbers. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from orchestrator.database.model import Engine, Phase
from orchestrator.database.split import Statement, split
from orchestrator.errors import UsageError

_NAME = re.compile(r"(\d+)_(\w[\w-]*)\.(\w+)\.sql")
_LONGEST = 100
"""Characters of the longest name of a change, which the ledger stores."""


@dataclass(frozen=True)
class File:
    """A SQL file.

    + name: name of the file, such as ``0007_total.expand.sql``
    + change: the name of its change, such as ``0007_total``
    + text: content of the file
    """

    name: str
    change: str
    phase: Phase
    text: str

    def statements(self, engine: Engine) -> list[Statement]:
        """The statements of the file, without empty ones."""
        return [one for one in split(self.text, engine) if one.text]


@dataclass(frozen=True)
class Change:
    """A change of the schema: the files with the same number.

    + name: number and title, such as ``0007_total``
    + files: the file of each phase that the change has
    """

    number: int
    name: str
    files: Mapping[Phase, File] = field(default_factory=dict)


def checksum(statement: str) -> str:
    """The SHA-256 of a statement. The ledger stores the checksum, to notice an edited statement."""
    return hashlib.sha256(statement.encode()).hexdigest()


def in_order(names: Sequence[str]) -> list[str]:
    """Return the paths of files in the order in which the files run: by number, and of each number by phase.

    If a name is not of the form ``NNNN_name.PHASE.sql``, the files stay in the given order.

    + names: paths of the files
    """
    phases = [one.value for one in Phase]
    order: dict[str, tuple[int, int]] = {}
    for name in names:
        said = _NAME.fullmatch(PurePath(name).name)
        if said is None or said[3] not in phases:
            return list(names)
        order[name] = (int(said[1]), phases.index(said[3]))
    return sorted(order, key=order.__getitem__)


def changes(contents: Mapping[str, bytes]) -> list[Change]:
    """Return the changes of a directory in the order of their numbers.

    Files that do not end with ``.sql``, and hidden files, are ignored. Numbers may be missing between two changes.
    Raises UsageError, with a line for each file that is wrong.

    + contents: content of each file by its name
    """
    wrong: list[str] = []
    found: dict[int, dict[str, dict[Phase, File]]] = {}
    for name in sorted(one for one in contents if one.endswith(".sql") and not one.startswith(".")):
        said = _NAME.fullmatch(name)
        if said is None or said[3] not in {one.value for one in Phase}:
            wrong.append(
                f"{name}: name the file NNNN_name.PHASE.sql, where PHASE is expand, backfill, check or contract"
            )
            continue
        change, phase = f"{said[1]}_{said[2]}", Phase(said[3])
        try:
            text = contents[name].decode("utf-8-sig")
        except UnicodeDecodeError as error:
            wrong.append(f"{name}: byte {error.start + 1} is not UTF-8: save the file in UTF-8")
            continue
        if "\0" in text or len(change) > _LONGEST:
            wrong.append(f"{name}: the file has a NUL character, or a name of more than {_LONGEST} characters")
        found.setdefault(int(said[1]), {}).setdefault(change, {})[phase] = File(name, change, phase, text)
    for number, named in found.items():
        if len(named) > 1:
            wrong.append(
                f"{' and '.join(sorted(named))} have the same number {number}: give each change its own number"
            )
        for change, files in named.items():
            if Phase.BACKFILL in files and Phase.CHECK not in files:
                wrong.append(
                    f"{change} has a backfill, but no check: write a file {change}.check.sql with a query that counts"
                    " the rows that the backfill has not reached"
                )
    if wrong:
        raise UsageError("\n".join(wrong))
    return [Change(number, name, files) for number, named in sorted(found.items()) for name, files in named.items()]
