"""Judges SQL files with a shadow, for the command ``orchestrator db lint --shadow``."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from orchestrator.database.command import Judge
from orchestrator.engines import connect
from orchestrator.engines.shadow import shadow
from orchestrator.engines.trial import Trial
from orchestrator.engines.url import has_password, read
from orchestrator.errors import Refused, UsageError

LONGEST = 600
"""Time limit, in seconds, of a program that copies the schema."""


@contextmanager
def on_shadow(url: str, server: str) -> Iterator[Judge]:
    """Copy the schema of a database into a shadow, and return the judge that runs statements on the shadow.

    Raises UsageError if a URL is wrong, and Refused if the shadow cannot be made.

    + url: URL of the database whose schema is copied, or ``env:NAME``
    + server: URL of a database at the server on which the shadow is made, or ``env:NAME``; empty for the same server
    """
    for one in (url, server):
        if has_password(one):
            raise UsageError(
                "other users of this machine see the arguments of a command: put the URL with the password into an"
                " environment variable, such as DATABASE_URL, and write env:DATABASE_URL"
            )
    with connect(read(url, os.environ)) as live:
        where = read(server, os.environ) if server else None
        with shadow(live, f"lint-{secrets.token_hex(6)}", run_here, where) as made:
            yield Judge(live.engine, Trial(made).run)


def run_here(command: Sequence[str], stdin: bytes) -> bytes:
    """Run a program on this machine, and return its output.

    Raises Refused if the program fails or is missing.
    """
    program = next((word for word in command if word.startswith("pg_")), command[0])
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        raise Refused(f"{program} took longer than {LONGEST} s: try again when no session locks the tables") from None
    if done.returncode == 127:
        raise Refused(f"{program} is not installed on this machine: install the client programs of PostgreSQL")
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Refused(f"{program} failed: {said[-1] if said else f'exit status {done.returncode}'}")
    return done.stdout
