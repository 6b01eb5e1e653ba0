"""Check, before provisioning, that all hosts can be provisioned. The checks change nothing on any host.

Each check is a function that returns problems, one line for each problem. `problems` calls all checks, so that the
operator sees all problems at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from orchestrator.errors import Refused
from orchestrator.fleet import Fleet
from orchestrator.provision import ports
from orchestrator.provision.facts import LoginShells
from orchestrator.provision.in_use import PortsInUse

SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "ksh93", "mksh", "zsh", "busybox"})
"""Names of the login shells that run the commands of this tool as the standard shell ``sh`` does."""

LOOK = 90.0
"""Seconds after which the check of one host's ports counts as failed."""


def require(fleet: Fleet, others: Sequence[str] = ()) -> None:
    """Raise Refused if the fleet cannot be provisioned. The error has one line for each problem.

    This function changes nothing on any host. Raises UsageError if the setting ``preview.token`` is wrong.

    + others: problems that other checks have found before, one line each
    """
    if found := [*problems(fleet), *others]:
        raise Refused("\n    ".join(["nothing was changed on any host:", *found]))


def problems(fleet: Fleet) -> list[str]:
    """Return the reasons why the fleet cannot be provisioned, one line each; an empty list if there is none."""
    return [*_unreachable(fleet), *_shells(fleet), *_ports(fleet)]


def _unreachable(fleet: Fleet) -> list[str]:
    missing = [host.name for host in fleet.state.inventory if not host.connected]
    if not missing:
        return []
    return [
        f"{', '.join(missing)} cannot be reached, and provisioning needs all hosts: repair the connection, or remove a "
        "server that no longer exists from the inventory"
    ]


def _shells(fleet: Fleet) -> list[str]:
    """Return one line for each user whose login shell cannot run this tool's commands.

    The server of SSH gives each command to the login shell of the user. Hosts without a connection are left out.
    """
    user = fleet.settings.user
    hosts = dict.fromkeys([*fleet.nodes, *fleet.balancers])
    connected = [name for name in hosts if fleet.host(name).connected]
    replies = fleet.each(connected, lambda host: fleet.look(host, LoginShells, users=[user]), LOOK)
    return [
        (
            f"{reply.name}: the login shell of {user} is {shell}, which does not run commands as sh does: run usermod "
            f"--shell /bin/bash {user}"
        )
        for reply in replies
        for user, shell in (reply.value or {}).items()
        if PurePosixPath(shell or "/bin/sh").name not in SHELLS
    ]


def _ports(fleet: Fleet) -> list[str]:
    """Return one line for each port that the application needs and cannot have on a host.

    If this function cannot read which ports of a host are in use, the result has one line for the host instead. Hosts
    without a connection are left out. All hosts are read at once, each with one command.
    """
    settings = fleet.settings
    wants = {name: ports.on_node(settings) for name in fleet.nodes}
    for name in fleet.balancers:
        wants.setdefault(name, []).extend(ports.on_balancer(settings, fleet.switch_of(name)))
    programs = {
        name: sorted({want.owner.removesuffix(".service") for want in wanted if want.path})
        for name, wanted in wants.items()
    }
    connected = [name for name in wants if fleet.host(name).connected]
    replies = fleet.each(connected, lambda host: fleet.look(host, PortsInUse, used=programs[host.name]), LOOK)
    unknown = [
        f"{reply.name}: it is unknown which ports are in use: {reply.error or 'the command failed'}"
        for reply in replies
        if reply.value is None
    ]
    found = [
        problem
        for reply in replies
        if reply.value is not None
        for problem in ports.problems(settings, reply.name, wants[reply.name], reply.value)
    ]
    return [*unknown, *ports.lines(found)]
