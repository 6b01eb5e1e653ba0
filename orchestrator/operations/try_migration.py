"""Try a command of the application that changes the schema of its database, at another database."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Mapping

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/try_migration.sh")


def assignments(variables: Mapping[str, str]) -> str:
    """Return the shell commands that set environment variables, for the standard input of ``try_migration``."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


@operation(is_idempotent=False)
def try_migration(
    root: str,
    release: str,
    color: str,
    run: str,
    as_web: str | None = None,
    web_user: str = "",
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Run a command in the directory of a release, with environment variables that let the command use another database.

    The caller passes the variables in pyinfra's argument ``_stdin``, as ``assignments`` returns them: the list of
    processes does not show them. The operation prints ``code=`` and the exit status of the command, and then ``line=``
    and each of the last lines of its output, at most 20.

    + root: directory of the application
    + release: id of the release in whose directory the command runs
    + color: ``blue`` or ``green``, the value of ``COLOR``
    + run: shell command
    + as_web: path of the program ``as-web``, with which the web user runs the command. If a path is given, ``guard``
      must not be None. None: the deploy user (the user who logs in) runs the command
    + web_user: name of the web user; not used if ``as_web`` is None
    + guard: guard of the node, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        try_migration(root="/srv/shop", release="20260101T120000Z-5d0f0c1", color="green",
                      run="php artisan migrate --force", _stdin=assignments({"DB_DATABASE": "shop_copy"}))
    """
    yield guarded(SCRIPT, [root, release, color, run, as_web or "", web_user], guard, alone=True)
