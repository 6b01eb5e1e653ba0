"""What each verb costs: commands to each host, programs that the commands start there, and records in the journal.

Times differ from machine to machine, but these numbers do not. Whoever saves a command changes this table.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator import verbs
from orchestrator.journal import session
from orchestrator.journal.records import RunRecord
from orchestrator.journal.session import Session
from orchestrator.options import Options
from tests.fakes import world as fakes
from tests.fakes.world import World

NODES = ("node1", "node2", "node3")


@dataclass(frozen=True)
class Cost:
    """What a verb costs.

    + commands: host -> number of commands that the host gets. Each command is one round trip
    + programs: host -> number of programs that the commands start. Each command starts at least a shell. The
      programs that git starts, and programs with an empty environment, do not count
    + writes, records: number of writes to the journal, and number of records that they add
    """

    commands: dict[str, int]
    programs: dict[str, int]
    writes: int = 0
    records: int = 0


# haproxy holds the lock and the journal; the first node asks the origin for the revision
COSTS: dict[str, Cost] = {
    "release": Cost(
        {"node1": 12, "node2": 11, "node3": 11, "haproxy": 16, "nginx": 6},
        {"node1": 112, "node2": 107, "node3": 107, "haproxy": 131, "nginx": 45},
        writes=9,
        records=26,
    ),
    "rollback": Cost(
        {**dict.fromkeys(NODES, 2), "haproxy": 13, "nginx": 5},
        {**dict.fromkeys(NODES, 18), "haproxy": 108, "nginx": 38},
        writes=7,
        records=12,
    ),
    "abort": Cost(
        {**dict.fromkeys(NODES, 5), "haproxy": 7, "nginx": 3},
        {**dict.fromkeys(NODES, 44), "haproxy": 57, "nginx": 19},
        writes=3,
        records=7,
    ),
    "status": Cost(
        {**dict.fromkeys(NODES, 1), "haproxy": 2, "nginx": 1},
        {**dict.fromkeys(NODES, 8), "haproxy": 14, "nginx": 8},
    ),
}


def pause(world: World) -> None:
    assert verbs.release(world.fleet(), Options(ref="v1", until="preview")) == 0


BEFORE: dict[str, Callable[[World], None]] = {"abort": pause}
"""Verb -> what happens before."""


def counting(directory: Path) -> Path:
    """Make a program for each program of this machine and of a fake host. It notes its start, and starts the other.

    The stand-ins of a fake host start programs that a real host does not start. These do not count, nor do git's.
    """
    log, made = directory / "log", directory / "bin"
    made.mkdir()
    plain = f"{fakes.BIN}:{os.environ['PATH']}"
    uncounted = {path.name for path in fakes.BIN.iterdir()} | {"git"}
    names = {path.name for folder in (fakes.BIN, *map(Path, ("/usr/bin", "/bin"))) for path in folder.iterdir()}
    for name in names:
        if (target := shutil.which(name, path=plain)) is None:
            continue
        path = f"PATH='{plain}' " if name in uncounted else ""
        (made / name).write_text(f"#!/bin/sh\necho \"$HOST_NAME {name}\" >>'{log}'\n{path}exec '{target}' \"$@\"\n")
        (made / name).chmod(0o755)
    return made


@pytest.mark.exhaustive
@pytest.mark.parametrize("verb", COSTS)
def test_what_a_verb_costs(released: World, verb: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # a run renews its lock, with one command more for each five seconds
    monkeypatch.setattr(session, "RENEW", 600.0)
    written: list[int] = []
    append = Session.append

    def noticed(this: Session, records: Sequence[RunRecord], last: bool = False) -> None:
        written.append(len(records))
        append(this, records, last)

    if verb in BEFORE:
        BEFORE[verb](released)
    monkeypatch.setattr(Session, "append", noticed)
    monkeypatch.setattr(fakes, "BIN", counting(tmp_path))
    released.commands.clear()
    assert verbs.VERBS[verb](released.fleet(), Options(ref="v1" if verb == "release" else None)) == 0
    commands = Counter(host for host, _ in released.commands)
    started = [line.partition(" ")[0] for line in (tmp_path / "log").read_text().splitlines()]
    # a command with an empty environment does not know its host
    programs = Counter(host for host in started if host)
    found = Cost(dict(commands), dict(programs), len(written), sum(written))
    assert found == COSTS[verb], found
