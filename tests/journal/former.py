"""Journals that former versions of the orchestrator wrote (``data/README.md`` says how)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.journal.host import parse_contents
from orchestrator.journal.store import Contents

DATA = Path(__file__).parent / "data"

CASES = sorted(path.relative_to(DATA).as_posix() for path in DATA.glob("*/*") if path.is_dir())
"""``<version>/<case>``."""


@dataclass(frozen=True)
class Former:
    """A case: the files of a store's runs, by name, and the state of the fleet after the last run.

    + live, idle: releases of both colors before the newest run
    + snapshot: everything that ``World.snapshot`` shows
    """

    files: dict[str, str]
    live: str
    idle: str
    snapshot: dict[str, Any]

    @property
    def contents(self) -> Contents:
        """The files' contents, as a store reads them."""
        lines = ["free"]
        for name, text in self.files.items():
            lines += [f"run {name}", *(f" {line}" for line in text.splitlines()), ""]
        return parse_contents(lines)


def former(case: str) -> Former:
    """A case by its name in CASES."""
    world = json.loads((DATA / case / "world.json").read_text())
    return Former({path.name: path.read_text() for path in sorted((DATA / case).glob("*.jsonl"))}, **world)
