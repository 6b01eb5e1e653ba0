"""Puts both judges together: the lint, which reads the text, and the shadow, on which each statement has run.

A statement is accepted only if both judges accept the statement, except for the rules of ``DECIDED``. For such a rule,
the lint refuses a text because the text may be harmful with another schema, and the shadow knows the schema.

The shadow has no rows. Therefore the shadow never decides about the rows of a table, or about the time for which a lock
lasts on PostgreSQL.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.database.commands import flat
from orchestrator.database.findings import Problem
from orchestrator.database.model import Engine, Phase


@dataclass(frozen=True)
class Seen:
    """What happened when a statement ran on the shadow.

    + problems: the problems of the old code with the new schema, and the locks that last as long as the server copies a
      table
    + ran: whether the server carried out the statement
    + online: whether the server says that the statement copies no table with rows, and blocks writes only for a moment.
      In PostgreSQL: whether no table was copied, and no index was built under a lock
    + why: the error of the server, or why the statement was not tried; empty if the statement ran
    + tried: whether the statement was sent to the server
    """

    problems: tuple[Problem, ...] = ()
    ran: bool = True
    online: bool = True
    why: str = ""
    tried: bool = True


@dataclass(frozen=True)
class Decision:
    """A rule of the lint that the shadow may overrule.

    + why: what the shadow knows, so that the statement cannot do the harm that the lint fears
    + engines: the engines on which the shadow may overrule the rule
    + text: regular expression. The shadow may overrule the rule only for statements whose text begins with a match
    + online: whether the shadow may overrule the rule only if `Seen.online` is true
    """

    why: str
    engines: tuple[Engine, ...] = (Engine.POSTGRES, Engine.MARIADB)
    text: str = ""
    online: bool = True


_MARIADB = (Engine.MARIADB,)
_POSTGRES = (Engine.POSTGRES,)
_ASKED = "MariaDB itself says whether it would copy the table or block writes, with ALGORITHM and LOCK=NONE"
_TABLE = r"ALTER\s+TABLE\b(?!.*\b(?:DISCARD|IMPORT|EXCHANGE|TRUNCATE|PARTITION)\b)"

DECIDED: dict[str, tuple[Decision, ...]] = {
    "modify": (Decision(f"the comparison sees each difference of the old and the new definition; {_ASKED}", _MARIADB),),
    "set-default": (
        Decision("the shadow has stored the default in a column of the same type; the comparison sees keys and checks"),
    ),
    "drop-default": (Decision("the comparison sees whether the default has changed at all"),),
    "unknown-type": (
        Decision("the shadow has stored NULL or the default in the column, and no table was copied", _POSTGRES),
    ),
    "view": (Decision("the comparison sees that the query is the same, with more plain columns"),),
    "rewrite": (Decision(f"{_ASKED}; the comparison judges generated columns", _MARIADB, _TABLE),),
    "unique": (
        Decision(f"the comparison accepts only new columns that the old code leaves NULL; {_ASKED}", _MARIADB, _TABLE),
    ),
    "maintenance": (
        Decision(f"the comparison sees that no data changes; {_ASKED}", _MARIADB, rf"{_TABLE}|OPTIMIZE\s+TABLE\b"),
    ),
    "not-recognised": (
        Decision(
            f"the statement only writes the table anew; {_ASKED}",
            _MARIADB,
            r"ALTER\s+TABLE\s+[\w$`]+\s+(?:FORCE|(?:DIS|EN)ABLE\s+KEYS)\s*$",
        ),
        Decision(
            "the statement can only create a table, and the comparison sees the table",
            _MARIADB,
            r"CREATE\s+TABLE\b(?!.*\b(?:SELECT|LIKE|REPLACE|IGNORE|DIRECTORY|CONNECTION)\b)",
        ),
        Decision(
            "the statement can only create or replace a view, and the comparison sees the view",
            _MARIADB,
            r"CREATE\s+(?:ALGORITHM\s*=\s*\w+\s+)?(?:DEFINER\s*=\s*[\w`@'.%()]+\s+)?(?:SQL\s+SECURITY\s+\w+\s+)?VIEW\b"
            r"(?!.*\b(?:INTO|UPDATE|SHARE)\b)",
        ),
        Decision(
            "the statement can only change the owner, and the comparison sees the owner",
            _POSTGRES,
            r'ALTER\s+(?:TABLE|VIEW|SEQUENCE)\s+[\w."]+\s+OWNER\s+TO\s+[\w"]+\s*$',
        ),
    ),
}
"""The rules of the lint that the shadow may overrule, with the reasons. All other rules always stand."""

_NO_TABLE = re.compile(r"(?:GRANT|CREATE\s+(?:DATABASE|SCHEMA))\b", re.IGNORECASE)
"""Statements that change no table of the database. The lint alone decides about these statements."""


def together(problems: Sequence[Problem], seen: Seen, clean: str, engine: Engine, phase: Phase) -> list[Problem]:
    """Return the problems of a statement that are left after both judges.

    In the phase contract, no old code is left. Therefore the comparison of the schemas does not count, and the shadow
    overrules nothing. In this phase, the shadow only finds out whether the statement runs.

    + problems: what the lint says
    + seen: what the shadow saw
    + clean: text of the statement without comments
    """
    left = list(problems)
    if not seen.tried:
        return left or ([] if _NO_TABLE.match(clean) else [Problem("not-tried", seen.why)])
    if not seen.ran:
        return [*left, Problem("fails", seen.why)]
    if phase is Phase.CONTRACT:
        return left
    left = [one for one in left if not _decided(one, seen, clean, engine)]
    # if both judges name a rule, only the problem of the lint counts: the lint names the object as the statement does
    known = {one.rule for one in left}
    return [*left, *(one for one in seen.problems if one.rule not in known)]


def _decided(problem: Problem, seen: Seen, clean: str, engine: Engine) -> bool:
    return any(_fits(one, seen, clean, engine) for one in DECIDED.get(problem.rule, ()))


def _fits(decision: Decision, seen: Seen, clean: str, engine: Engine) -> bool:
    text = re.match(decision.text, flat(clean), re.IGNORECASE)
    return engine in decision.engines and text is not None and (seen.online or not decision.online)
