"""pyinfra in this process, which a signal meets at one point of a run: ``dying.py POINT SIGNAL FILE pyinfra-words...``

A point is a write to the journal (right before it, right after it) or a stage's steps (a moment after they began). With
deploys/provision.py, each call of hosts is a point, too (a moment after the call began), but for calls of the journal.
POINT is its number from 1, or a pattern of its name. FILE gets the name of the point that was met, or of every point
if POINT is 0.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pyinfra_cli.main import main  # first: it patches the process for gevent

import gevent  # isort: skip

from orchestrator.fleet import Fleet
from orchestrator.journal.records import RunRecord
from orchestrator.journal.session import Session
from orchestrator.plan.steps import Step
from orchestrator.run.executor import Executor
from orchestrator.run.walk import Result, StageEnded

INSIDE = 0.03
"""Seconds after the beginning of a stage's steps."""


class Points:
    def __init__(self, at: str, number: signal.Signals, file: Path) -> None:
        self._at, self._number, self._file = at, number, file
        self._count = 0
        self._done = False

    def met(self, name: str, later: float = 0.0) -> None:
        self._count += 1
        if self._at == "0":
            with self._file.open("a") as file:
                file.write(name + "\n")
        elif not self._done and (str(self._count) == self._at or fnmatchcase(name, self._at)):
            self._done = True
            self._file.write_text(name)
            if later:
                gevent.spawn_later(later, os.kill, os.getpid(), self._number)
            else:
                os.kill(os.getpid(), self._number)


def patch(points: Points) -> None:
    append, perform, chain, one = Session.append, Executor.perform, Executor.chain, Executor._one
    waiting: list[tuple[set[int], str]] = []
    """The stages of the present call that no place has begun: the ids of their steps, and the name of the point."""

    def dying_append(self: Session, records: Sequence[RunRecord], last: bool = False) -> None:
        names = ", ".join(f"{record.kind} {getattr(record, 'stage', '')}".strip() for record in records)
        points.met(f"before {names}")
        append(self, records, last)
        points.met(f"after {names}")

    def wait_for(*stages: Sequence[Step]) -> None:
        waiting[:] = [({id(step) for step in steps}, f"inside {steps[0].action.name}") for steps in stages]

    def dying_perform(self: Executor, steps: Sequence[Step], undoing: bool) -> tuple[Result, ...]:
        wait_for(steps)
        return perform(self, steps, undoing)

    def dying_chain(self: Executor, stages: Sequence[Sequence[Step]], goes_on: bool, ended: StageEnded) -> None:
        wait_for(*stages)
        chain(self, stages, goes_on, ended)

    def dying_one(self: Executor, step: Step, undoing: bool) -> Result:
        for stage in [stage for stage in waiting if id(step) in stage[0]]:
            waiting.remove(stage)
            points.met(stage[1], INSIDE)
        return one(self, step, undoing)

    Session.append = dying_append  # type: ignore[method-assign]
    Executor.perform = dying_perform  # type: ignore[method-assign]
    Executor.chain = dying_chain  # type: ignore[method-assign]
    Executor._one = dying_one  # type: ignore[method-assign]


def is_journal(act: Any) -> bool:
    """Whether a call reads or writes lock and journal. The owner of the lock does so at any time."""
    return str(act.__qualname__).startswith("open_store.")


def patch_calls(points: Points) -> None:
    each, one = Fleet.each, Fleet.one
    calls = 0

    def dying_each(self: Fleet, names: Iterable[str], act: Any, deadline: float) -> Any:
        nonlocal calls
        listed = list(names)
        if listed and not calls and not is_journal(act):
            points.met(f"call {', '.join(listed)}: {act.__qualname__}", INSIDE)
        calls += 1
        try:
            return each(self, listed, act, deadline)
        finally:
            calls -= 1

    def dying_one(self: Fleet, name: str, act: Any, deadline: float, title: str = "") -> Any:
        # a call of several hosts calls this method for each host
        if not calls and not is_journal(act):
            points.met(f"call {name}: {act.__qualname__}", INSIDE)
        return one(self, name, act, deadline, title)

    Fleet.each = dying_each  # type: ignore[method-assign]
    Fleet.one = dying_one  # type: ignore[method-assign]


if __name__ == "__main__":
    points = Points(sys.argv[1], signal.Signals[sys.argv[2]], Path(sys.argv[3]))
    patch(points)
    if "deploys/provision.py" in sys.argv:
        patch_calls(points)
    sys.argv = ["pyinfra", *sys.argv[4:]]
    main()
