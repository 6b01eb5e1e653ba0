"""Inventory files call these functions to choose the SSH user and to install the signal handlers."""

from __future__ import annotations

import logging
import socket
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import gevent
from paramiko import Transport

from orchestrator.signals import signals, warn


def _without_delay(sock: Any, **options: Any) -> Transport:
    """Return paramiko's object for a connection, on a socket that sends each packet at once (TCP_NODELAY).

    Without this option, the system keeps back a small packet until the server has confirmed the packet before. During
    the login, the server confirms only after 40 ms.

    + sock: the socket; with a proxy, paramiko's object for the proxy
    + options: paramiko's options for the connection
    """
    # other connections have no such option, for example those to a program that serves as proxy
    if isinstance(sock, socket.socket) and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Transport(sock, **options)


PATIENCE: dict[str, Any] = {"banner_timeout": 3, "auth_timeout": 5, "transport_factory": _without_delay}
"""Arguments for pyinfra's host data ``ssh_paramiko_connect_kwargs``: timeouts in seconds, and `_without_delay`.

A frozen server accepts a connection, but then sends nothing. With these timeouts, pyinfra gives up such a server after
a few seconds.
"""


def login(admin: str, deploy: str) -> str:
    """Return the user to log in as: ``admin`` if pyinfra runs ``provision.py`` or ``remove.py``, otherwise ``deploy``.

    + admin: a user who may become root (root itself, or a user with sudo)
    + deploy: the unprivileged user that provisioning creates
    """
    context = click.get_current_context(silent=True)
    files = (context.params.get("operations") or ()) if context else ()
    return admin if any(Path(file).name in ("provision.py", "remove.py") for file in files) else deploy


def handle_signals() -> None:
    """Install the orchestrator's signal handlers, and refuse pyinfra's options ``--limit`` and ``--exclude``.

    If pyinfra is started with a deploy file of the orchestrator, this function also begins to import the modules that
    the deploy file needs (`AHEAD`), while pyinfra connects to the hosts.

    Call this function first in an inventory file. A run must cover the whole fleet. If pyinfra is started with a deploy
    file of the orchestrator and with ``--limit`` or ``--exclude``, this function prints one line and ends the process
    with status 2. pyinfra itself would end with status 0 if ``--limit`` matched no host.
    """
    signals.install()
    # without this, paramiko prints a traceback when a server closes the connection; pyinfra's own line is enough
    logging.getLogger("paramiko").addHandler(logging.NullHandler())
    context = click.get_current_context(silent=True)
    if context is None:
        return
    if not any(_is_ours(path) for path in context.params.get("operations") or ()):
        return
    given = [name for name in ("limit", "exclude") if context.params.get(name)]
    if given:
        warn(
            f"--{given[0]} would leave nodes out, but a run is for all nodes. Nothing was changed; remove --{given[0]}."
        )
        sys.exit(2)
    gevent.spawn(_import_ahead)


AHEAD = (
    *("pydantic.main", "pydantic.types", "orchestrator.config", "orchestrator.fleet", "orchestrator.plan.preflight"),
    *("orchestrator.stages", "orchestrator.survey", "orchestrator.report.terminal", "orchestrator.verbs.session"),
    *("orchestrator.verbs", "orchestrator.deploy"),
)
"""Modules that each verb needs. Each of these imports takes about the same time, if the imports before it are done."""


def _import_ahead() -> None:
    """Import the modules of `AHEAD`, and make the checks of the settings, while pyinfra connects to the hosts.

    Each import begins in a moment in which pyinfra only waits for answers of hosts. Between two imports, pyinfra reads
    these answers.
    """
    # if an import fails, the deploy file repeats the import, and pyinfra shows the error
    with suppress(Exception):
        for name in AHEAD:
            gevent.idle()
            import_module(name)
        gevent.idle()
        _make_checks()


def _make_checks() -> None:
    from orchestrator.config import Settings

    Settings.model_rebuild()


def _is_ours(path: str) -> bool:
    if not path.endswith(".py"):
        return False
    try:
        with Path(path).open(encoding="utf-8") as file:
            return "orchestrator.deploy" in file.read()
    except OSError:
        return False
