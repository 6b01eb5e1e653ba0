"""Remove an application: first at the balancers, then on the nodes, and the state with the journal last.

Each step may be repeated. If the command is killed, the next removal looks again and does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host

from orchestrator.errors import CommandFailed, NotYet, Refused
from orchestrator.facts.idle import KeptConnections
from orchestrator.fleet import Fleet
from orchestrator.provision import balancer, common, node
from orchestrator.provision.facts import Account, Accounts
from orchestrator.provision.removal import paths
from orchestrator.provision.removal.left import Left, WhatIsLeft
from orchestrator.provision.removal.plan import order, removes_keys
from orchestrator.provision.replies import Say, sure, values
from orchestrator.provision.walk import INTERVAL, KEPT
from orchestrator.provision.work import Work
from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import guarded
from orchestrator.waiting import until

LOOK = 150.0
"""Seconds after which looking at one host counts as failed."""

ACT = 300.0
"""Seconds after which removing files, or stopping units, on one host counts as failed."""


def look(fleet: Fleet, keep_shared: bool) -> dict[str, Left]:
    """Return host -> what the application has there, in the order of the removal. Changes nothing.

    Raises Refused if a host cannot be reached, UsageError if a file of public keys cannot be read, and StepFailed if a
    host does not say what the application has there.

    + keep_shared: whether the shared data stays
    """
    missing = [host.name for host in fleet.state.inventory if not host.connected]
    if missing:
        raise Refused(
            f"{', '.join(missing)} cannot be reached, so nothing was changed: a removal needs all hosts. Take a server "
            "that no longer exists out of the inventory"
        )
    settings, keys = fleet.settings, _keys(fleet)
    known = [*paths.system(settings), paths.state(settings)]

    def at(host: Host) -> list[Left]:
        found = fleet.look(
            host,
            WhatIsLeft,
            stdin=keys,
            app=settings.app,
            user=settings.user,
            root=settings.node.root,
            entries=paths.entries(keep_shared),
            ports=_ports(fleet, host.name),
            paths=known,
        )
        if not isinstance(found, Left):
            raise Refused("does not say what the application has there")
        return [found]

    hosts = order(fleet.nodes, list(fleet.balancers))
    return {name: left[0] for name, left in values(fleet.each(hosts, at, LOOK)).items()}


def stop_serving(fleet: Fleet, found: Mapping[str, Left], say: Say) -> None:
    """Make HAProxy and nginx forget the application, one host after another. Balancers come first.

    If nginx also serves other applications, wait first until it has no idle connections, because a reload of nginx
    loses a request that arrives on an idle connection. Raises StepFailed if a program does not load its configuration
    without the application. Then this program goes on as before, and the later hosts are unchanged.

    + found: host -> what the application has there
    + say: prints a line for the operator
    """
    files = paths.serving(fleet.settings)
    for name, left in found.items():
        for program, file in files.items():
            if file in left.paths or f"{file}.removed" in left.paths:
                _unserve(fleet, name, left, program, say)


def remove_files(fleet: Fleet, found: Mapping[str, Left], keep_shared: bool, say: Say) -> None:
    """Stop the application's units on all hosts at once, and remove all its files except the state.

    Raises StepFailed if this fails on a host.

    + found: host -> what the application has there
    + keep_shared: whether the shared data stays
    + say: prints a line for the operator
    """
    settings, keys = fleet.settings, _keys(fleet)
    entries = " ".join(paths.entries(keep_shared))
    system = paths.system(settings)

    def act(host: Host) -> list[str]:
        _script(fleet, host, "units_away", settings.app)
        account = host.get_fact(Accounts, users=[settings.user]).get(settings.user)
        if account and host.name in fleet.nodes and settings.node.library in found[host.name].paths:
            node.forget_former_origin(Work(), settings, account)
        if account and removes_keys(found[host.name], settings.user):
            _remove_keys(fleet, host, account, keys)
        _script(fleet, host, "files_away", settings.app, settings.node.root, entries, "", *system)
        return []

    values(fleet.each(found, act, ACT))
    say(f"    {', '.join(found)}: units stopped, files removed")


def remove_state(fleet: Fleet, names: Sequence[str], say: Say) -> None:
    """Remove the state on some hosts, and the directories that all applications shared, if they are empty now.

    + names: names of the hosts
    + say: prints a line for the operator
    """
    settings = fleet.settings
    about = [settings.app, settings.node.root, "", " ".join(paths.PARENTS), paths.state(settings)]
    values(fleet.each(names, lambda host: _script(fleet, host, "files_away", *about), ACT))
    if names:
        say(f"    {', '.join(names)}: state removed")


def _unserve(fleet: Fleet, name: str, left: Left, program: str, say: Say) -> None:
    """Make HAProxy or nginx on a host forget the application."""
    about = [program, paths.serving(fleet.settings)[program], *(str(port) for port in _ports(fleet, name))]
    gentle = program == "nginx" and left.listens
    try:
        if gentle:
            say(f"    {name}: nginx serves other applications, so their idle connections end first")
            _mark(fleet, name, "on")
            _until_let_go(fleet, name, left.listens)
        sure(fleet.one(name, lambda host: _script(fleet, host, "unserve", *about), ACT))
    finally:
        if gentle:
            _mark(fleet, name, "off")
    say(f"    {name}: {program} no longer serves {fleet.settings.app}")


def _mark(fleet: Fleet, name: str, verb: str) -> None:
    """Make each answer of the other applications on a host the last on its connection, or no longer.

    + verb: ``on`` or ``off``
    """
    sure(fleet.one(name, lambda host: _script(fleet, host, "last", verb, fleet.settings.app), ACT))


def _until_let_go(fleet: Fleet, name: str, ports: Sequence[int]) -> None:
    """Wait until nginx on a host has no idle connections, but at most `KEPT` seconds.

    + ports: ports on which nginx listens
    """

    def ask(host: Host) -> None:
        if any(fleet.look(host, KeptConnections, port=port) for port in ports):
            raise NotYet("connections are kept")

    def act(host: Host) -> list[str]:
        with suppress(CommandFailed):
            until(lambda: ask(host), KEPT, INTERVAL)
        return []

    sure(fleet.one(name, act, KEPT + LOOK))


def _remove_keys(fleet: Fleet, host: Host, account: Account, keys: str) -> None:
    """Remove the public keys of the settings, as the deploy user, who may have made links in the home directory."""
    command = guarded(read("provision/removal/keys_away.sh"), [], None)
    as_user = ["runuser -u", QuoteString(fleet.settings.user), "--", "env", QuoteString(f"HOME={account.home}")]
    fleet.shell(host, StringCommand(*as_user, command), stdin=keys)


def _script(fleet: Fleet, host: Host, name: str, *words: str) -> list[str]:
    return fleet.shell(host, guarded(read(f"provision/removal/{name}.sh"), list(words), None))


def _keys(fleet: Fleet) -> str:
    """Return the public keys of the settings, one on each line."""
    keys = [key for path in fleet.settings.authorized_keys for key in common.public_keys(path)]
    return "".join(f"{key}\n" for key in keys)


def _ports(fleet: Fleet, name: str) -> list[int]:
    """Return the ports on which HAProxy and nginx on a host listen for the application."""
    settings, found = fleet.settings, []
    if name in fleet.nodes:
        # nginx of the distribution has the live port alone: the colors' own nginx ends with the colors
        found.append(settings.ports.live)
    if name in fleet.balancers:
        found += balancer.ports(settings, fleet.switch_of(name))
    return found
