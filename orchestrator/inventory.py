"""Help for inventory files."""

from __future__ import annotations

from pathlib import Path

import click

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
