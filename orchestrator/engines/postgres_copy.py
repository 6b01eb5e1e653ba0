"""Copies the schema of a database of PostgreSQL, by pg_dump: no query gives the statements that create a schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from orchestrator.database.model import Engine
from orchestrator.database.split import split
from orchestrator.engines.base import Connection, Through
from orchestrator.engines.trouble import flat
from orchestrator.errors import Refused, StatementFailed

if TYPE_CHECKING:
    from orchestrator.engines.url import DatabaseUrl

_PASSWORD = 'IFS= read -r PGPASSWORD && export PGPASSWORD && exec "$@"'  # noqa: S105 (shell code)
"""Shell code that reads the password from standard input, so that the list of processes does not show the password."""
_OPTIONS = (
    *("--schema-only", "--no-owner", "--no-tablespaces", "--no-publications", "--no-subscriptions", "--no-comments"),
    *("--no-security-labels", "--no-password", "--lock-wait-timeout=5000"),
)
_META = re.compile(r"^\\(?:un)?restrict \w+$", re.MULTILINE)
"""Lines for psql that newer versions of pg_dump write."""
_NEVER = re.compile(r"CREATE\s+(?:USER\s+MAPPING|SUBSCRIPTION)\b|SELECT\s+pg_catalog\.set_config\b", re.IGNORECASE)
_OPTIONAL = re.compile(
    r"(?:GRANT|REVOKE|ALTER\s+DEFAULT\s+PRIVILEGES|COMMENT|CREATE\s+EVENT\s+TRIGGER|CREATE\s+EXTENSION)\b",
    re.IGNORECASE,
)
"""Statements that only some users may run. Of these, the shadow needs only extensions that other objects need."""

Run = Callable[[Sequence[str], bytes], bytes]


def fill(inside: Connection, live: Connection, run: Run, tunnel: bool) -> None:
    """Copy the schema of ``live`` into the empty database ``inside``.

    The owner of all objects is the user of ``inside``. Passwords for foreign servers are not copied.

    Raises Refused if pg_dump fails, or if the user may not create an object, such as an extension.
    """
    text = run(command(live.url, live.through if tunnel else None), f"{live.url.password}\n".encode()).decode()
    inside.execute("SET synchronous_commit = off")
    inside.execute("SET check_function_bodies = off")
    inside.execute("SET search_path = ''")
    missing: list[str] = []
    for statement in statements(text):
        try:
            inside.execute(statement)
        except StatementFailed as error:
            if _OPTIONAL.match(statement):
                missing += [flat(statement)] if statement.upper().startswith("CREATE EXTENSION") else []
                continue
            because = f"; without {', '.join(missing)}" if missing else ""
            raise Refused(
                f"the shadow cannot have the schema of {live.url} ({error}{because}): let an administrator give the"
                " user of the shadow this right, or name another server with --shadow-server"
            ) from None
    inside.execute("RESET check_function_bodies")
    [[path]] = live.query("SELECT current_setting('search_path')")
    inside.query("SELECT set_config('search_path', %s, false)", (path,))


def statements(text: str) -> Iterator[str]:
    """Yield the statements of a dump, without those that must not run on the shadow (the empty copy of a schema)."""
    for one in split(_META.sub("", text), Engine.POSTGRES):
        if one.text and not _NEVER.match(one.text):
            yield one.text


def command(url: DatabaseUrl, through: Through) -> tuple[str, ...]:
    """The command that writes the dump. The first line of its standard input is the password.

    + through: the local end of a tunnel; None without a tunnel
    """
    host, port, address = url.socket or url.host, url.port, ""
    if isinstance(through, str):
        host = through
    elif through is not None:
        address, port = through
    given = {
        "host": host,
        "hostaddr": address,
        "port": port,
        "user": url.user,
        "dbname": url.database,
        "sslmode": url.sslmode,
        "sslrootcert": url.ca,
        "sslcert": url.cert,
        "sslkey": url.key,
        "connect_timeout": 10,
    }
    said = " ".join(f"{key}={_quoted(str(value))}" for key, value in given.items() if value != "")
    return ("sh", "-c", _PASSWORD, "sh", "pg_dump", *_OPTIONS, f"--dbname={said}")


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
