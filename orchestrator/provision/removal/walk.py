"""Perform the steps of a removal, which removes an application from all hosts of the inventory.

The verb ``remove`` calls the functions in this order: `look`, `stop_serving`, `remove_files`, `remove_state`. Each
function may be repeated. If a removal is killed, the operator runs the command again, and the new removal removes the
parts that are left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host

from orchestrator.errors import Refused
from orchestrator.fleet import Fleet
from orchestrator.provision import balancer, common, neighbors, node
from orchestrator.provision.facts import Account, Accounts
from orchestrator.provision.neighbors import KEPT
from orchestrator.provision.removal import paths
from orchestrator.provision.removal.left import Left, WhatIsLeft
from orchestrator.provision.removal.plan import order, removes_keys
from orchestrator.provision.replies import Say, sure, values
from orchestrator.provision.web_user import Holding, Holds, asked
from orchestrator.provision.work import Work
from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import guarded

LOOK = 150.0
"""Seconds after which the search for the application's files and units on one host counts as failed."""

ACT = 300.0
"""Seconds after which a command that removes files or stops units on one host counts as failed."""


def look(fleet: Fleet, keep_shared: bool) -> dict[str, Left]:
    """Return the parts that the application has on each host: host -> parts. This function changes nothing on any host.

    The hosts are in the order of the removal: balancers first, and then nodes.

    Raises Refused if a host cannot be reached. Raises UsageError if a file of public keys cannot be read. Raises
    StepFailed if a host does not report the parts of the application.

    + keep_shared: whether the operator keeps the directory ``shared``
    """
    missing = [host.name for host in fleet.state.inventory if not host.connected]
    if missing:
        raise Refused(
            f"{', '.join(missing)} cannot be reached, so nothing was changed: a removal needs all hosts. Take a server "
            "that no longer exists out of the inventory"
        )
    settings, keys = fleet.settings, _keys(fleet)
    known = [*paths.system(settings, keep_shared), paths.state(settings)]

    def at(host: Host) -> list[Left]:
        found: Left = fleet.look(
            host,
            WhatIsLeft,
            stdin=keys,
            app=settings.name,
            user=settings.user,
            root=settings.node.root,
            entries=paths.entries(keep_shared),
            ports=_ports(fleet, host.name),
            paths=known,
        )
        return [found]

    hosts = order(fleet.nodes, list(fleet.balancers))
    return {name: left[0] for name, left in values(fleet.each(hosts, at, LOOK)).items()}


def stop_serving(fleet: Fleet, found: Mapping[str, Left], say: Say) -> None:
    """Remove the application from the configuration of HAProxy and nginx, on one host after another, balancers first.

    A reload of nginx loses a request that arrives on an idle connection. Therefore, if nginx on a host also serves
    other applications, this function waits before the reload until nginx has no idle connections. The wait takes at
    most `KEPT` seconds (80).

    Raises StepFailed if a program refuses its configuration without the application, or if the program still listens on
    the application's ports after the reload. Then the later hosts are unchanged. A program that refuses the new
    configuration continues to serve the application.

    + found: host -> the parts that the application has there, as `look` returns them
    + say: prints a line for the operator
    """
    files = paths.serving(fleet.settings)
    for name, left in found.items():
        for program, file in files.items():
            if file in left.paths or f"{file}.removed" in left.paths:
                _unserve(fleet, name, left, program, say)


def remove_files(fleet: Fleet, found: Mapping[str, Left], keep_shared: bool, say: Say) -> None:
    """Stop the application's systemd units, and remove its files except the state directory, on all hosts at once.

    This function also removes the firewall rules that bar the application's nodes. If `removes_keys` permits this, the
    function also removes the public keys of the setting ``authorized_keys`` from the deploy user's account.

    Raises StepFailed if a command fails on a host.

    + found: host -> the parts that the application has there, as `look` returns them
    + keep_shared: whether the directory ``shared`` stays
    + say: prints a line for the operator
    """
    settings, keys = fleet.settings, _keys(fleet)
    entries = " ".join(paths.entries(keep_shared))
    system = paths.system(settings, keep_shared)

    def act(host: Host) -> list[str]:
        if keep_shared and paths.SHARED in found[host.name].foreign:
            note_owners(fleet, host)
        _script(fleet, host, "units_away", settings.name)
        account = host.get_fact(Accounts, users=[settings.user]).get(settings.user)
        if account and host.name in fleet.nodes and settings.node.library in found[host.name].paths:
            node.forget_former_origin(Work(), settings, account)
        if account and removes_keys(found[host.name], settings.user):
            _remove_keys(fleet, host, account, keys)
        _script(fleet, host, "files_away", settings.name, settings.node.root, entries, "", *system)
        return []

    values(fleet.each(found, act, ACT))
    say(f"    {', '.join(found)}: units stopped, files removed")


def note_owners(fleet: Fleet, host: Host) -> None:
    """Note on a node to whom the kept shared data belongs. A later provisioning gives the data to its own web user.

    If the node no longer says to whom the data belongs, a former note stays.
    """
    settings = fleet.settings
    arguments: dict[str, Any] = asked(settings)
    holding: Holding = fleet.look(host, Holds, **arguments)
    if holding.owners:
        text = 'printf "%s\\n" "$2" >"$1.new" && mv -fT "$1.new" "$1"'
        fleet.shell(host, guarded(text, [settings.node.kept_web_user, " ".join(holding.owners)], None))


def remove_state(fleet: Fleet, names: Sequence[str], say: Say) -> None:
    """Remove the state directory of the application on some hosts.

    The state directory holds the lock, the journal and the weights. Afterwards, this function also removes the
    directories that all applications share, such as ``/etc/orchestrator``, if they are empty.

    Raises StepFailed if a command fails on a host.

    + names: names of the hosts
    + say: prints a line for the operator
    """
    settings = fleet.settings
    about = [settings.name, settings.node.root, "", " ".join(paths.PARENTS), paths.state(settings)]
    values(fleet.each(names, lambda host: _script(fleet, host, "files_away", *about), ACT))
    if names:
        say(f"    {', '.join(names)}: state removed")


def _unserve(fleet: Fleet, name: str, left: Left, program: str, say: Say) -> None:
    """Remove the application from the configuration of HAProxy or nginx on one host.

    + name: name of the host
    + left: the parts that the application has on the host
    + program: ``haproxy`` or ``nginx``
    """
    about = [program, paths.serving(fleet.settings)[program], *(str(port) for port in _ports(fleet, name))]
    gentle = program == "nginx" and left.listens

    def act(host: Host) -> list[str]:
        with neighbors.let_go(fleet, host, left.listens if gentle else ()):
            return _script(fleet, host, "unserve", *about)

    if gentle:
        say(f"    {name}: nginx serves other applications, so their idle connections end first")
    sure(fleet.one(name, act, KEPT + ACT))
    say(f"    {name}: {program} no longer serves {fleet.settings.name}")


def _remove_keys(fleet: Fleet, host: Host, account: Account, keys: str) -> None:
    """Remove the public keys of the setting ``authorized_keys`` from the deploy user's account on a host.

    The command runs as the deploy user, because root would follow symlinks that this user may have made in the home
    directory.

    + account: the account of the deploy user
    + keys: the public keys, one on each line
    """
    command = guarded(read("provision/removal/keys_away.sh"), [], None)
    as_user = ["runuser -u", QuoteString(fleet.settings.user), "--", "env", QuoteString(f"HOME={account.home}")]
    fleet.shell(host, StringCommand(*as_user, command), stdin=keys)


def _script(fleet: Fleet, host: Host, name: str, *words: str) -> list[str]:
    return fleet.shell(host, guarded(read(f"provision/removal/{name}.sh"), list(words), None))


def _keys(fleet: Fleet) -> str:
    """Return the public keys from the files that the setting ``authorized_keys`` names, one key on each line."""
    keys = [key for path in fleet.settings.authorized_keys for key in common.public_keys(path)]
    return "".join(f"{key}\n" for key in keys)


def _ports(fleet: Fleet, name: str) -> list[int]:
    """Return the ports on which HAProxy and nginx on a host listen for the application.

    + name: name of the host
    """
    settings, found = fleet.settings, []
    if name in fleet.nodes:
        # nginx of the distribution listens only on the live port; `remove_files` stops the units of the colors' nginx
        found.append(settings.ports.live)
    if name in fleet.balancers:
        found += balancer.ports(settings, fleet.switch_of(name))
    return found
