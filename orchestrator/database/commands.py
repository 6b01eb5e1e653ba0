"""Judges statements that sqlglot does not parse. A few are safe by their exact text; all others are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.database.findings import Problem
from orchestrator.database.state import State

_PG_NAME = r'(?:"[^"]+"|[^\W\d][\w$]*)'
_PG = rf"{_PG_NAME}(?:\.{_PG_NAME})?"
_VALIDATE = re.compile(rf"ALTER TABLE (?:ONLY )?({_PG}) VALIDATE CONSTRAINT ({_PG_NAME})", re.IGNORECASE)
_EXTENSIONS = ("btree_gin", "btree_gist", "citext", "hstore", "pg_trgm", "pgcrypto", "unaccent", "uuid-ossp")
_SAFE_POSTGRES = (
    rf"ALTER TYPE {_PG} ADD VALUE (?:IF NOT EXISTS )?'[^'\\]*'(?: (?:BEFORE|AFTER) '[^'\\]*')?",
    rf"ALTER TABLE (?:ONLY )?{_PG} ALTER (?:COLUMN )?{_PG_NAME} SET (?:STATISTICS \d+|STORAGE \w+)",
    rf"VACUUM (?:\(?ANALYZE\)? )?{_PG}",
    rf'CREATE EXTENSION (?:IF NOT EXISTS )?"?(?:{"|".join(_EXTENSIONS)})"?',
)
_UNIQUE = rf"ALTER TABLE (?:ONLY )?{_PG} ADD CONSTRAINT {_PG_NAME} UNIQUE USING INDEX {_PG_NAME}"
_WHO = r"[\w`'@%.]+"
_GRANT = rf"GRANT [A-Z, ]+ ON (?:TABLE )?[\w`.*]+ TO {_WHO}(?:, ?{_WHO})*"
_REINDEX = rf"REINDEX (?:INDEX|TABLE) CONCURRENTLY {_PG}"

_KNOWN = (
    (r"(?:ALTER TABLE|RENAME TABLE)\b.*\bRENAME (?:TO|AS)\b|RENAME TABLES?\b", "rename-table"),
    (r"ALTER TYPE\b.*\b(?:RENAME VALUE|RENAME ATTRIBUTE|DROP ATTRIBUTE|RENAME TO)\b", "enum-value"),
    (r"ALTER TABLE\b.*\b(?:ATTACH|DETACH|PARTITION)\b", "partition"),
    (r"ALTER TABLE\b.*\bCONVERT TO\b", "maintenance"),
    (r"ALTER TABLE\b.*\bADD\b.*\b(?:UNIQUE|PRIMARY KEY)\b", "unique"),
    (r"ALTER TABLE\b.*\bDROP COLUMN\b", "drop-column"),
    (r"(?:CREATE|DROP|ALTER)\b.*\b(?:RULE|EVENT)\b", "hidden-code"),
    (r"CREATE (?:OR REPLACE )?(?:DEFINER\s*=\s*\S+ )?(?:CONSTRAINT )?(?:EVENT )?TRIGGER\b", "trigger"),
    (r"CREATE (?:OR REPLACE )?(?:DEFINER\s*=\s*\S+ )?(?:AGGREGATE )?(?:FUNCTION|PROCEDURE)\b", "hidden-code"),
    (r"CREATE (?:FULLTEXT|SPATIAL) INDEX\b", "index-lock"),
    (r"(?:DO|CALL|EXECUTE|PREPARE|DEALLOCATE|BEGIN NOT ATOMIC|WITH|EXPLAIN)\b", "hidden-code"),
    (r"SET\b", "setting"),
    (r"(?:VACUUM|REINDEX|CLUSTER|OPTIMIZE|REPAIR|REFRESH|CHECK TABLE|ALTER TABLE\b.*\bSET)\b", "maintenance"),
    (r"(?:LOCK|UNLOCK|FLUSH)\b", "lock"),
    (r"(?:REPLACE|MERGE|COPY|LOAD)\b", "bulk-write"),
    (r"DROP\b", "drop-object"),
)


LOOKED_AT = 2_000
"""Characters of a refused statement from which its rule is guessed. On longer texts, the patterns are slow."""


def flat(text: str) -> str:
    """The text on one line, with single spaces."""
    return " ".join(text.split())


def judge(text: str, state: State) -> Iterator[Problem]:
    """Judge the text of a statement that sqlglot does not parse. The text has no comments."""
    text = flat(text)
    validated = _VALIDATE.fullmatch(text) if state.postgres else None
    if validated:
        yield from _validate(validated[1], validated[2], state)
        return
    if not any(re.fullmatch(one, text, re.IGNORECASE) for one in _safe(state)):
        yield Problem(refused_as(text, state), text[:60])


def _safe(state: State) -> Iterator[str]:
    """Regular expressions for the texts that are safe."""
    if not state.postgres:
        yield _GRANT
        return
    yield from _SAFE_POSTGRES
    if state.contract:
        yield _UNIQUE
    if not state.in_transaction:
        yield _REINDEX


def refused_as(text: str, state: State) -> str:
    """Return the rule that explains best why a statement is refused.

    The rule decides the id and the texts of the finding, but not whether the statement is refused.
    """
    text = text[:LOOKED_AT]
    cut = not state.postgres and re.search(r"\bBEGIN\b", text, re.IGNORECASE) and not re.search(r"(?i)\bEND\s*$", text)
    if cut or re.match(r"(?i)END(?: IF| LOOP| WHILE| CASE)?$", text):
        return "delimiter"
    for pattern, rule in _KNOWN:
        if re.match(pattern, text, re.IGNORECASE | re.DOTALL):
            return rule
    return "not-recognised"


def _validate(table: str, constraint: str, state: State) -> Iterator[Problem]:
    """Judge VALIDATE CONSTRAINT, which reads all rows. A lock of an earlier ALTER TABLE must not last so long."""
    table, constraint = (one if '"' in one else one.lower() for one in (table, constraint))
    table, constraint = table.replace('"', ""), constraint.replace('"', "")
    if state.in_transaction or (table in state.altered and not state.contract):
        yield Problem("transaction", f"table {table}")
    elif (table, constraint) in state.checked:
        state.validated.add((table, state.checked[table, constraint]))
