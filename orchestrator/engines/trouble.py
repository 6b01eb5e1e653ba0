"""One clear line for each error of a database server. Pure."""

from __future__ import annotations

from orchestrator.engines.url import DatabaseUrl
from orchestrator.errors import CannotConnect, ConnectionLost, LockBusy, StatementFailed

SHOWN = 100
"""Characters of a statement that a message shows."""

LOCK_CODES = {"55P03", "40P01", "1205", "1213", "3572"}
"""Error codes of a lock that is not free, and of a deadlock. The server has changed nothing, so the statement can be
tried again.
"""
ENDED_CODES = {"1317"}
"""Error codes of a statement that another session has ended. The server has undone the statement."""
DENIED_CODES = ("42501", "1142", "1143", "1044", "1227", "1370")
"""Error codes of a right that the user does not have."""
LOST_CODES = {
    "57P01",
    "57P02",
    "57P03",
    "08000",
    "08003",
    "08006",
    "2006",
    "2013",
    "2055",
    "1053",
    "1927",
    "1152",
    "1184",
}
_MEANING = {
    **dict.fromkeys(
        ("25006", "1290", "1836", "1792"),
        ("is read-only", "connect to the primary server, or let the server accept writes"),
    ),
    **dict.fromkeys(
        ("53100", "1021", "1114"), ("has no space left on its disk", "free space there, and run the command again")
    ),
    **dict.fromkeys(
        DENIED_CODES,
        ("does not allow this", "grant the user {user} the right, or use a URL with another user"),
    ),
    **dict.fromkeys(
        ("53300", "1040", "1203", "1226"), ("has too many sessions", "end some of them, or raise the limit")
    ),
}
"""By SQLSTATE (PostgreSQL) or error number (MariaDB and MySQL): the problem, and what to do."""
_NO_SPACE = ("no space left", "errno: 28", "disk full", "table is full", "temp file write failure")
"""Texts of an error for lack of space. MariaDB has the last text, for its directory of temporary files."""


def flat(statement: str) -> str:
    """A statement on one line, as a message shows it."""
    line = " ".join(statement.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 3]}..."


def statement_failed(url: DatabaseUrl, statement: str, code: str, said: str, lost: bool) -> StatementFailed | LockBusy:
    """The exception for a statement that failed.

    + code: SQLSTATE or error number; empty if the driver gives none
    + said: the text of the driver
    + lost: whether the connection can no longer be used
    """
    said = url.hide(" ".join(said.split()))
    if code in LOCK_CODES:
        return LockBusy(f"{flat(statement)}: {said}", code)
    full = any(text in said.lower() for text in _NO_SPACE)
    if lost or code in LOST_CODES:
        # PostgreSQL stops all sessions if there is no space for its log
        first = "free space on the disk of the server first; " if full else ""
        return ConnectionLost(
            f"the connection to {url} broke during {flat(statement)} ({said}): {first}the server may have carried out"
            " the statement, or may still do so",
            code,
        )
    what, do = _MEANING.get(code, ("", ""))
    if full:
        what, do = _MEANING["53100"]
    if what:
        user = url.user or "of this session"
        return StatementFailed(
            f"the database {url} {what} ({said}), at {flat(statement)}: {do.format(user=user)}", code
        )
    return StatementFailed(f"the database {url} refused {flat(statement)}: {said} ({code or 'no error code'})", code)


def cannot_connect(url: DatabaseUrl, code: str, said: str) -> CannotConnect:
    """The exception for a session that could not be opened.

    + code: error number; empty for PostgreSQL, whose client library gives none
    + said: the text of the driver. For PostgreSQL, only this text says what is wrong
    """
    said = url.hide(" ".join(said.split()))
    user = f"the user {url.user}" if url.user else "the user of this process"
    for codes, texts, line in (
        (
            {"1045", "1698", "1524"},
            ("password authentication failed", "no password supplied", "authentication failed"),
            f"{url.server} refused the password of {user}: correct user and password in {url.source}",
        ),
        (
            {"1049"},
            ('database "',),
            f"{url.server} has no database {url.database}: create the database, or correct the name in {url.source}",
        ),
        (
            {"1044", "1130", "1129"},
            ("no pg_hba.conf entry", "permission denied for database", "role "),
            f"{url.server} does not let {user} use the database {url.database} from here ({said}):"
            " allow this at the server",
        ),
        (
            {"1040", "1203", "1226"},
            ("too many clients", "too many connections", "remaining connection slots"),
            f"{url.server} has too many sessions: end some of them, or raise the limit",
        ),
        (
            set(),
            ("starting up", "shutting down", "recovery"),
            f"{url.server} does not accept sessions at present ({said}): wait, and run the command again",
        ),
        (
            {"2026"},
            ("ssl", "certificate"),
            f"{url.server}: TLS failed ({said}): correct the options for TLS in {url.source}",
        ),
    ):
        if code in codes or (not code and any(text in said.lower() for text in texts)):
            return CannotConnect(f"the database server {line}", code)
    return CannotConnect(
        f"the database server {url.server} does not answer ({said}): check that the server runs, that {url.source} has"
        " the right host and port, and that no firewall blocks the connection",
        code,
    )
