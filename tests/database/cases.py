"""The labelled statements: ``statements/ENGINE.sql`` has the cases, and ``labels.tsv`` has what the server did."""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from orchestrator.database.model import Engine

HERE = Path(__file__).parent
LABELS = HERE / "labels.tsv"


@dataclass(frozen=True)
class Case:
    """One or several statements that are judged and run together.

    + setup, new: see ``statements/postgres.sql``
    + hold: the locks last until another statement ends them
    """

    engine: Engine
    name: str
    sql: str
    setup: str
    new: str
    hold: bool

    @property
    def digest(self) -> str:
        said = "\n".join((self.sql, self.setup, self.new, str(self.hold)))
        return hashlib.sha256(said.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Label:
    """What the server did: ``breaks``, ``blocks`` or ``safe``, and how this was seen."""

    digest: str
    label: str
    how: str


def cases(engine: Engine) -> list[Case]:
    text = (HERE / "statements" / f"{engine}.sql").read_text()
    found = []
    for part in re.split(r"^-- case: ", text, flags=re.MULTILINE)[1:]:
        name, _, body = part.partition("\n")
        said = {key: " ".join(re.findall(rf"^-- {key}: (.*)$", body, re.MULTILINE)) for key in ("setup", "new")}
        hold = re.search(r"^-- hold$", body, re.MULTILINE) is not None
        sql = re.sub(r"^-- (?:setup: .*|new: .*|hold)\n", "", body, flags=re.MULTILINE).strip()
        found.append(Case(engine, name.strip(), sql + "\n", said["setup"], said["new"], hold))
    return found


def labels(engine: Engine) -> dict[str, Label]:
    """The labels by the names of the cases."""
    with LABELS.open(newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["engine"] == engine]
    return {row["case"]: Label(row["digest"], row["label"], row["how"]) for row in rows}


PASSES = {
    Engine.POSTGRES: {"set default of a column with a check that fails"},
    Engine.MARIADB: {
        "set default of a column with a check that fails",
        "set default of a column from which another is computed",
    },
}
"""Harmful cases that the lint accepts, because only the schema shows the harm. The shadow refuses them."""
