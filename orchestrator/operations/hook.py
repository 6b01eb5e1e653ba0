"""Run a hook on a host. A hook is a shell command from the settings that runs before or after a stage."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/hook.sh")


@operation(is_idempotent=False)
def hook(
    run: str, release: str, color: str, directory: str, as_web: str | None = None, guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Run a shell command with the environment variables ``RELEASE`` and ``COLOR``.

    + run: shell command
    + release: id of the release, the value of ``RELEASE``
    + color: ``blue`` or ``green``, the value of ``COLOR``
    + directory: working directory of the command. If there is no such directory, the command runs in the directory in
      which the operation starts
    + as_web: path of the program ``as-web``, with which the web user runs the command. If a path is given, ``guard``
      must not be None. None: the deploy user (the user who logs in) runs the command
    + guard: guard of the host, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        hook(run="./console cache:clear", release="20260101T120000Z-5d0f0c1", color="green",
             directory="/srv/shop/releases/20260101T120000Z-5d0f0c1")
    """
    yield guarded(SCRIPT, [run, release, color, directory, as_web or ""], guard)
