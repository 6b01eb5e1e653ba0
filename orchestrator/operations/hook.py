"""Run a hook on a host.

A hook is a shell command from the settings. It runs before or after a stage, or after the undo of a run.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator, Mapping

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/hook.sh")


@operation(is_idempotent=False)
def hook(
    run: str,
    release: str,
    color: str,
    directory: str,
    as_web: str | None = None,
    facts: Mapping[str, str] | None = None,
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Run a shell command with the environment variables ``RELEASE`` and ``COLOR``, and with the variables in ``facts``.

    + run: shell command
    + release: id of the release, the value of ``RELEASE``
    + color: ``blue`` or ``green``, the value of ``COLOR``
    + directory: working directory of the command if the deploy user runs it. If there is no such directory, the
      command runs in the directory in which the operation starts
    + as_web: path of the program ``as-web``, with which the web user runs the command, always in the directory of the
      release. If a path is given, ``guard`` must not be None. None: the deploy user (the user who logs in) runs the
      command
    + facts: more environment variables, name -> value. The values are visible in the host's list of processes
    + guard: guard of the host, through which the command runs; None to run the command directly

    **Example:**

    .. code:: python

        hook(run="./console cache:clear", release="20260101T120000Z-5d0f0c1", color="green",
             directory="/srv/shop/releases/20260101T120000Z-5d0f0c1")
    """
    variables = {"RELEASE": release, "COLOR": color, **(facts or {})}
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    yield guarded(SCRIPT, [run, release, color, directory, as_web or "", exports], guard, alone=True)
