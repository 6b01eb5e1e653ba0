"""Start a command of the application that changes the schema of its database."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/migrate.sh")
RUN = read("operations/migrate_run.sh")


@operation(is_idempotent=False)
def migrate(
    root: str,
    key: str,
    release: str,
    color: str,
    run: str,
    as_web: str | None = None,
    retry: bool = False,
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Start a command that changes the schema, and end without waiting for the command.

    The command continues if the connection is lost or the operator's machine stops. The fact ``Migration`` tells
    whether the command still runs and how it ended. The operation never starts a second command while another one runs.
    If the operation is repeated with the same key, it does nothing.

    + root: directory of the application
    + key: name of the command in this run, unique for each run
    + release: id of the release in whose directory the command runs
    + color: ``blue`` or ``green``, the value of ``COLOR``
    + run: shell command
    + as_web: path of the program ``as-web``, with which the web user runs the command. None: the deploy user (the user
      who logs in) runs the command
    + retry: whether to start the command even if it is unknown how a command of an earlier run ended
    + guard: guard of the node, through which the command is started; None to start the command directly

    **Example:**

    .. code:: python

        migrate(root="/srv/shop", key="expand-20260101T120000Z-5d0f0c1", release="20260101T120000Z-5d0f0c1",
                color="green", run="php artisan migrate --force")
    """
    yield guarded(
        SCRIPT, [root, key, release, color, run, as_web or "", "retry" if retry else "", RUN], guard, alone=True
    )
