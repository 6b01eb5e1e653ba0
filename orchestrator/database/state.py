"""The knowledge of the lint about a file, while the lint judges the file's statements in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator.database.findings import Problem
from orchestrator.database.model import Engine, Phase


class Step(NamedTuple):
    """A part of a contract. The order of the parts matters.

    + kind: ``relax`` (the column no longer needs a value), ``trigger`` (a trigger is dropped) or ``column`` (a column
      is dropped)
    + table: name of the table; empty if the statement does not name the table
    + column: name of the column; empty for a trigger
    + number: number of the statement in its file
    + transaction: number of the transaction of the statement; 0 outside of a transaction
    """

    kind: str
    table: str
    column: str
    number: int
    transaction: int


@dataclass
class State:
    """The effects of the statements that the lint has judged so far.

    + created: tables that the file has created, so that no old code uses them
    + cascading: created tables in which a delete of the old code may delete rows, because of ON DELETE CASCADE
    + types: enums that the file has created
    + added: the types of the columns that the file has added, by table and column
    + altered: tables that a statement of the file has locked for a moment, and perhaps locks until the next COMMIT
    + in_transaction: whether a transaction has begun and not ended yet
    + checked: tables and columns with a CHECK (column IS NOT NULL) of the file, by the name of the constraint
    + steps: the parts of a contract up to now
    + number: number of the present statement
    + transactions: number of transactions that have begun
    + own: whether the present statement changes only a table that the file has created, or creates something
    + validated: the tables and columns of ``checked`` whose check the file has validated
    """

    engine: Engine
    phase: Phase
    created: set[str] = field(default_factory=set)
    cascading: set[str] = field(default_factory=set)
    types: set[str] = field(default_factory=set)
    added: dict[tuple[str, str], object] = field(default_factory=dict)
    altered: set[str] = field(default_factory=set)
    in_transaction: bool = False
    checked: dict[tuple[str, str], str] = field(default_factory=dict)
    validated: set[tuple[str, str]] = field(default_factory=set)
    steps: list[Step] = field(default_factory=list)
    number: int = 0
    transactions: int = 0
    own: bool = False

    @property
    def postgres(self) -> bool:
        return self.engine is Engine.POSTGRES

    @property
    def contract(self) -> bool:
        return self.phase is Phase.CONTRACT

    def note(self, kind: str, table: str, column: str = "") -> None:
        """Note a part of a contract."""
        transaction = self.transactions if self.in_transaction else 0
        self.steps.append(Step(kind, table, column, self.number, transaction))

    def forget(self) -> None:
        """Forget the created tables and types, after a statement that may have changed what a name means."""
        self.created.clear()
        self.types.clear()
        self.added.clear()


def unless_contract(state: State, rule: str, name: str) -> list[Problem]:
    """A problem for the old code. In the contract phase, no old code is left, so there is no problem."""
    return [] if state.contract else [Problem(rule, name)]
