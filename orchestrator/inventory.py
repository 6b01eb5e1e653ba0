"""Help for inventory files."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from orchestrator.signals import signals, warn

PATIENCE = {"banner_timeout": 3, "auth_timeout": 5}
"""For ``ssh_paramiko_connect_kwargs``, in seconds: a frozen server accepts a connection and then says nothing."""


def login(admin: str, deploy: str) -> str:
    """The user to log in as: provisioning needs an administrator, everything else the deploy user.

    + admin: may become root (root itself, or with sudo)
    + deploy: the unprivileged user that provisioning makes
    """
    context = click.get_current_context(silent=True)
    files = (context.params.get("operations") or ()) if context else ()
    return admin if any(Path(file).name == "provision.py" for file in files) else deploy


def handle_signals() -> None:
    """Hand signals to the orchestrator, and refuse a ``--limit`` that would leave nodes out. Call it first in an
    inventory file.

    A run is for the whole fleet or does not begin: ``--limit`` and ``--exclude`` together with a deploy file of the
    orchestrator are refused with one line and status 2. (pyinfra ends with status 0 if ``--limit`` matches nothing.)
    """
    signals.install()
    # paramiko prints a traceback for a server that closes the connection; pyinfra has its own line for that
    logging.getLogger("paramiko").addHandler(logging.NullHandler())
    context = click.get_current_context(silent=True)
    if context is None:
        return
    given = [name for name in ("limit", "exclude") if context.params.get(name)]
    if given and any(_is_ours(path) for path in context.params.get("operations") or ()):
        warn(
            f"--{given[0]} would cut the fleet: a run is for all nodes or for none. Leave it out; nothing was changed."
        )
        sys.exit(2)


def _is_ours(path: str) -> bool:
    if not path.endswith(".py"):
        return False
    try:
        with open(path, encoding="utf-8") as file:
            return "orchestrator.deploy" in file.read()
    except OSError:
        return False
