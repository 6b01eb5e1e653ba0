"""All findings: what old code would suffer, and how to make the same change with expand and contract."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace

from orchestrator.database.model import Engine


@dataclass(frozen=True)
class Rule:
    """A kind of finding.

    + id: short name, such as ``drop-column``
    + harm: the harm to the code that runs now
    + instead: how to make the change without the harm
    + postgres: how to make the change in PostgreSQL; if empty, ``instead`` is used
    + mysql: how to make the change in MariaDB and MySQL; if empty, ``instead`` is used
    """

    id: str
    harm: str
    instead: str
    postgres: str = ""
    mysql: str = ""

    def advice(self, engine: Engine) -> str:
        """How to make the change on ``engine``."""
        return (self.postgres if engine is Engine.POSTGRES else self.mysql) or self.instead


@dataclass(frozen=True)
class Problem:
    """A problem of one part of a statement.

    + rule: id of a rule in RULES
    + object: the table, column or other thing that suffers, such as ``column orders.total``
    """

    rule: str
    object: str


@dataclass(frozen=True)
class Finding:
    """A problem of a statement in a file.

    + id: the rule's id and a checksum of the statement and the object. If the statement moves to another line, the id
      stays the same
    + rule: id of the rule
    + statement: the text of the statement
    + line: number of the line on which the statement begins, from 1; 0 if the statement is a command of the application
    + object: see Problem
    + harm, instead: see Rule
    + reason: why the author says that the statement is safe; empty if the author does not say so
    """

    id: str
    rule: str
    statement: str
    line: int
    object: str
    harm: str
    instead: str
    reason: str = ""

    def accepted(self, reason: str) -> Finding:
        """The same finding, overridden by the author's reason."""
        return replace(self, reason=reason)


def finding(problem: Problem, statement: str, line: int, engine: Engine) -> Finding:
    """Make the finding for a problem."""
    rule = RULES[problem.rule]
    said = f"{problem.rule}\n{problem.object}\n{' '.join(statement.split())}"
    checksum = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    where = (f"{rule.id}-{checksum}", rule.id, statement, line, problem.object)
    return Finding(*where, rule.harm, rule.advice(engine))


_MARK = re.compile(
    r"write `-- orchestrator: safe because REASON`(?: on the line before the statement| before the statement)?"
    r"|mark (?:the statement|both statements) as safe(?: with the reason)?"
)


def finding_of_command(problem: Problem, command: str, engine: Engine) -> Finding:
    """Make the finding for a problem that a command of the application causes, whose statements are not known.

    + command: the shell command
    """
    made = finding(problem, command, 0, engine)
    return replace(made, instead=_MARK.sub("accept the finding with --data accept and --data reason", made.instead))


_LATER = "Do this in the contract phase, after no process of the old code is left"

_RULES = (
    Rule(
        "not-recognised",
        "unknown: the lint does not know what this statement does, and therefore refuses the statement",
        "Write the change with simpler statements, one change in each. If you have tested the statement beside the old"
        " code, write `-- orchestrator: safe because REASON` on the line before the statement",
    ),
    Rule(
        "hidden-code",
        "unknown: the server runs code here that the lint cannot read",
        "Write the statements of this code directly into the file, without DO, CALL, EXECUTE, functions or /*! */",
    ),
    Rule(
        "trigger",
        "each write of the old code runs the trigger: if the trigger fails, the write of the old code fails",
        "Test the trigger with the old code's writes, also with values that are NULL. Then write `-- orchestrator: safe"
        " because REASON` before the statement",
    ),
    Rule(
        "unfinished",
        "unknown: the file ends inside of a string, comment or bracket, so that the statements cannot be told apart",
        "Close the string, comment or bracket",
    ),
    Rule(
        "delimiter",
        "none, but the statement does not run: the body of a trigger or procedure is cut at its first semicolon",
        "Write the line `DELIMITER //` before the statement, end the statement with `//`, and then write `DELIMITER ;`",
    ),
    Rule(
        "marker",
        "none, but the comment `orchestrator:` has no effect",
        "Write `-- orchestrator: safe because REASON` on a line of its own, directly before the statement",
    ),
    Rule(
        "drop-column",
        "each query of the old code that names the column fails",
        f"Release code that does not use the column. {_LATER}",
    ),
    Rule(
        "rename-column",
        "each query of the old code that names the column fails",
        "Expand: add a column with the new name, and a trigger that copies writes between both columns. Backfill the"
        " new column. Release code that uses the new column. Contract: drop the trigger and the old column",
    ),
    Rule(
        "drop-table",
        "each query of the old code on this table fails",
        f"Release code that does not use the table. {_LATER}",
    ),
    Rule(
        "rename-table",
        "each query of the old code on this table fails",
        "Expand: create a table with the new name and keep both tables in step. Contract: drop the old table",
        postgres="Rename the table, and create a view with the old name, both in one transaction that you have tested"
        " with the old code. Then mark both statements as safe. Contract: drop the view",
    ),
    Rule(
        "drop-object",
        "a query of the old code that uses this object fails",
        f"Release code that does not use the object. {_LATER}",
    ),
    Rule(
        "drop-index",
        "queries of the old code become slow. If the index is unique, upserts that rely on the index fail",
        _LATER,
        postgres=f"{_LATER}, with DROP INDEX CONCURRENTLY",
    ),
    Rule(
        "rename-index",
        "a query of the old code that names the index or the constraint fails",
        "Keep the name, or create a second index",
    ),
    Rule(
        "drop-constraint",
        "if the old code relies on the constraint (upserts, cascades, error handling), the old code fails or stores"
        " wrong rows",
        _LATER,
    ),
    Rule(
        "drop-default",
        "if the old code inserts rows without this column, its inserts fail or store NULL",
        f"Release code that always writes the column. {_LATER}",
    ),
    Rule(
        "set-default",
        "the server may not check whether the value fits the column: if the value does not fit, inserts of the old "
        "code fail",
        "Insert a row with the value on a copy of the schema. Then write `-- orchestrator: safe because REASON`",
    ),
    Rule(
        "required-column",
        "the old code does not know the column: each insert of the old code fails",
        "Add the column with NULL or with a constant DEFAULT. Contract: set NOT NULL",
    ),
    Rule(
        "set-not-null",
        "inserts and updates of the old code that write NULL fail, and the check of all rows blocks the table",
        f"Backfill the column. {_LATER}",
        postgres="Backfill the column. Contract: ADD CONSTRAINT c CHECK (col IS NOT NULL) NOT VALID, then VALIDATE"
        " CONSTRAINT c, then SET NOT NULL, then drop the constraint",
    ),
    Rule(
        "type-change",
        "the server copies the table and blocks writes for this time, or the old code's values no longer fit",
        "Expand: add a column with the new type and a trigger that copies writes. Backfill. Release code that uses the"
        " new column. Contract: drop the trigger and the old column",
    ),
    Rule(
        "modify",
        "unknown: MODIFY and CHANGE replace the whole definition, and the lint does not know the present definition."
        " The server may copy the table and block writes, or refuse the old code's values",
        "If only the default changes, use ALTER COLUMN SET DEFAULT. Otherwise add a new column. If the old definition"
        " only becomes wider, add `, ALGORITHM=INPLACE, LOCK=NONE` and mark the statement as safe with the reason",
    ),
    Rule(
        "rewrite",
        "the server copies the whole table and blocks the old code's queries for this time",
        "Add the column without the default, then use ALTER COLUMN SET DEFAULT, and backfill the old rows in batches",
    ),
    Rule(
        "unknown-type",
        "if the type is a domain with a check, the server copies the whole table and blocks the old code's queries",
        "Use a type of the server. If the type is an enum or comes from an extension, mark the statement as safe",
    ),
    Rule(
        "index-lock",
        "the server blocks writes of the old code until the index is built",
        "Build the index so that writes go on",
        postgres="Use CREATE INDEX CONCURRENTLY, outside of a transaction",
        mysql="Use an ordinary index (no FULLTEXT or SPATIAL). For these two, add the index to a new table",
    ),
    Rule(
        "index-expression",
        "each write of the old code computes the expression: if the expression fails, the write fails",
        "Index plain columns, or test the expression with the values of the old code and mark the statement as safe",
    ),
    Rule(
        "lock",
        "queries of the old code wait until the lock is free",
        "Leave the lock out. Use ALGORITHM=INPLACE or INSTANT and LOCK=NONE in MariaDB and MySQL",
    ),
    Rule(
        "unique",
        "inserts and updates of the old code with a value that exists already fail",
        f"Release code that writes unique values. {_LATER}",
        postgres=f"Release code that writes unique values. {_LATER}, with CREATE UNIQUE INDEX CONCURRENTLY",
    ),
    Rule(
        "foreign-key",
        "the old code does not know the key: inserts with unknown values fail, or deletes of rows to which new code"
        " refers fail",
        f"{_LATER}. A new table may have the key now, with ON DELETE CASCADE or SET NULL",
        postgres=f"{_LATER}: ADD CONSTRAINT ... NOT VALID, then VALIDATE CONSTRAINT. A new table may have the key now,"
        " with ON DELETE CASCADE or SET NULL",
    ),
    Rule(
        "check",
        "inserts and updates of the old code that do not satisfy the check fail",
        _LATER,
        postgres=f"{_LATER}: ADD CONSTRAINT ... NOT VALID, then VALIDATE CONSTRAINT",
    ),
    Rule(
        "enum-value",
        "old code that reads or writes the old value fails",
        "Add the new value. Backfill. Leave the old value in the type",
    ),
    Rule(
        "partition",
        "queries of the old code wait while the server checks the rows, or rows of the old code are refused",
        "Test on a copy how long the lock is held, then mark the statement as safe",
    ),
    Rule(
        "bulk-write",
        "queries of the old code that write the same rows wait until the statement ends, and the old code may rely on"
        " the former values",
        "Put the change into a file NNNN_name.backfill.sql, which runs in batches",
    ),
    Rule(
        "row-change",
        "the old code may rely on the former values of these rows",
        "Insert new rows only, or change rows in the contract phase",
    ),
    Rule(
        "data-loss",
        "the old code misses the rows, and nothing brings the rows back",
        f"Release code that does not read the rows. {_LATER}, in batches",
    ),
    Rule(
        "maintenance",
        "the server copies or locks the whole table for as long as the statement runs",
        "Do this in a maintenance window, or with a tool such as pt-online-schema-change, gh-ost or pg_repack",
    ),
    Rule(
        "view",
        "unknown: the lint does not know the present view, on which the old code may rely",
        "Create a view with a new name. Contract: drop the old view",
    ),
    Rule(
        "setting",
        "unknown: the setting may change what the following statements do, or turn off a guard",
        "Leave the setting out. Short time limits for locks (at most 5 seconds) are allowed",
    ),
    Rule(
        "transaction",
        "a lock of the transaction lasts until COMMIT: queries of the old code wait, or the statement fails",
        "Put only quick statements between BEGIN and COMMIT. Put VALIDATE CONSTRAINT and CREATE INDEX CONCURRENTLY into"
        " files of their own",
    ),
    Rule(
        "query",
        "unknown: a query that locks rows, writes or calls unknown functions may block the old code",
        "Leave the query out",
    ),
    Rule(
        "contract-order",
        "between these two statements, inserts of the new code fail: the column still exists but is no longer filled,"
        " or the trigger still writes a column that is gone",
        "First relax the column, then drop the trigger, then drop the column",
        postgres="Drop the trigger and the column in one transaction: BEGIN; DROP TRIGGER ...; ALTER TABLE ... DROP"
        " COLUMN ...; COMMIT",
        mysql="First ALTER TABLE t ALTER COLUMN c SET DEFAULT ... (or MODIFY c ... NULL, ALGORITHM=INPLACE, LOCK=NONE),"
        " then DROP TRIGGER, then DROP COLUMN",
    ),
    Rule(
        "cascade",
        "CASCADE also drops objects that the statement does not name, on which the code may rely",
        "Name each object that has to go in a DROP statement of its own",
    ),
    Rule(
        "backfill",
        "the statement may write rows again that are done already, or more rows than the new column needs",
        "Write one UPDATE of one table with the condition that the new column IS NULL: UPDATE t SET new = old WHERE id"
        " BETWEEN :first AND :last AND new IS NULL",
    ),
    Rule(
        "backfill-range",
        "none, but orchestrator db backfill cannot divide the statement into batches, and runs nothing",
        "Write one statement for the rows of a range of primary keys: UPDATE t SET new = old WHERE id BETWEEN :first"
        " AND :last AND new IS NULL, or INSERT INTO u (...) SELECT ... FROM t WHERE id BETWEEN :first AND :last ON"
        " CONFLICT DO NOTHING",
        mysql="Write one statement for the rows of a range of primary keys: UPDATE t SET new = old WHERE id BETWEEN"
        " :first AND :last AND new IS NULL, or INSERT INTO u (a, ...) SELECT ... FROM t WHERE id BETWEEN :first AND"
        " :last ON DUPLICATE KEY UPDATE u.a = u.a",
    ),
    Rule(
        "fails",
        "none to the old code, but the release stops: the statement fails on an empty copy of the schema",
        "Correct the statement. If the statement needs rows that the copy does not have, mark the statement as safe",
    ),
    Rule(
        "not-tried",
        "unknown: the statement may change another database, so that the statement was not tried on the shadow",
        "Leave out the name of the database, or, with --shadow-server, name a server that has no live database",
    ),
    Rule(
        "generated-column",
        "writes of the old code fail if they name the column, or if the server cannot compute the column",
        "Add a plain column that may be NULL, and let the new code fill the column",
    ),
    Rule(
        "invalid-index",
        "the index costs time at each write, and no query uses the index",
        "Drop the index, and create the index again",
        postgres="DROP INDEX CONCURRENTLY, then CREATE INDEX CONCURRENTLY again, without IF NOT EXISTS",
    ),
    Rule(
        "permission",
        "the old code loses a privilege, so that its queries fail",
        f"Leave the privilege and the owner as they are. {_LATER}",
    ),
    Rule(
        "row-security",
        "the old code no longer finds all rows, and its writes may fail",
        f"Release code that works with the policies. {_LATER}",
    ),
    Rule(
        "check-query",
        "none, but a file of the phase check may only read",
        "Write one SELECT that counts the rows that are not done yet",
    ),
)

RULES = {rule.id: rule for rule in _RULES}
"""All rules by their id."""
