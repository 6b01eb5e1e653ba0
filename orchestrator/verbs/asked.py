"""Read what the operator asks for: settings, options and inventory. No host is contacted, and nothing is changed.

Each mistake that can be found without the hosts is found here, so that no mistake is found only in the middle of a run.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence

from pyinfra.api.state import State

from orchestrator.config import Settings, load
from orchestrator.config.form import nearest, shown
from orchestrator.config.switch import BalancerSwitch
from orchestrator.errors import UsageError
from orchestrator.fleet import Fleet
from orchestrator.options import Options, read
from orchestrator.report.file import require_writable
from orchestrator.stages import KINDS
from orchestrator.stages.hooks import check_points


def asked(state: State, verb: str) -> tuple[Fleet, Options]:
    """Return the fleet with its settings, and the options from ``--data``.

    Raises UsageError if the settings, the options or the inventory are wrong, or if the hosts have different settings.

    + verb: ``release``, ``rollback``, ``status``, ... (verbs/)
    """
    options = read(verb, state.inventory.override_data)
    if options.report:
        require_writable(options.report)
    settings = _settings(state)
    check_points(KINDS, settings)
    fleet = Fleet(state, settings)
    _check_hosts(fleet)
    _check_options(fleet, verb, options)
    return fleet, options


def _settings(state: State) -> Settings:
    raw = [(host.name, host.data.get("settings")) for host in state.inventory]
    different = [name for name, settings in raw if settings != raw[0][1]]
    if different:
        raise UsageError(
            f"settings differ between {raw[0][0]} and {', '.join(different)}: all hosts must have the same settings"
        )
    return load(raw[0][1])


def _check_hosts(fleet: Fleet) -> None:
    """Raise UsageError if names, groups or addresses of the inventory are wrong.

    Names and addresses are inserted into configuration files, sudo rules and the header X-Node.
    """
    settings = fleet.settings
    for name in fleet.nodes:
        if name in fleet.balancers:
            raise UsageError(
                f"the host {name} is in the group {settings.nodes} and in the group of a switch: a host is a node or a "
                "balancer, not both"
            )
    _check_groups(fleet)
    allowed, characters = (
        (r"[A-Za-z0-9._:-]+", ". _ : -") if fleet.balancers else (r"[A-Za-z0-9._:@/-]+", ". _ : @ / -")
    )
    for name in (*fleet.nodes, *fleet.balancers):
        if not re.fullmatch(allowed, name):
            raise UsageError(
                f"the inventory name {shown(name)} has a character that configuration files do not allow: use letters, "
                f"digits and {characters}"
            )
    if fleet.balancers:
        _check_addresses({name: fleet.address(name) for name in fleet.nodes})
    host = settings.journal.host
    if host and not fleet.has(host):
        raise UsageError(
            f"settings: journal.host: the inventory has no host {host}{_hint(host, fleet.state.inventory.hosts)}"
        )


def _check_groups(fleet: Fleet) -> None:
    """Raise UsageError if the group of a switch is empty, or if a host is in the groups of two switches."""
    members: dict[str, str] = {}
    for switch in fleet.settings.switches:
        if not isinstance(switch, BalancerSwitch):
            continue
        names = fleet.group(switch.group)
        if not names:
            raise UsageError(f"inventory group {switch.group} has no hosts: add the balancers to this group")
        for name in names:
            if name in members:
                raise UsageError(
                    f"the host {name} is in the groups {members[name]} and {switch.group}: remove the host from one of "
                    "these groups"
                )
            members[name] = switch.group


def _check_addresses(nodes: Mapping[str, str]) -> None:
    """Raise UsageError if an address is wrong, or if two nodes have the same address.

    + nodes: name of each node -> its address, as balancers reach the node
    """
    known: dict[str, str] = {}
    for name, address in nodes.items():
        if not (_is_ip(address) or re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", address)):
            raise UsageError(
                f"{name}: the address {shown(address)} is not an IP address or a host name: correct the address"
            )
        if address in known:
            raise UsageError(
                f"the nodes {known[address]} and {name} have the same address {address}: correct one of the addresses"
            )
        known[address] = name


def _is_ip(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _check_options(fleet: Fleet, verb: str, options: Options) -> None:
    """Raise UsageError if options do not fit the inventory or the settings."""
    if options.node:
        _check_nodes(fleet, "node", [options.node])
    _check_nodes(fleet, "allow_missing", sorted(options.allow_missing))
    everybody = options.allow_missing and options.allow_missing >= set(fleet.nodes)
    if everybody:
        raise UsageError("--data allow_missing= names all nodes, so no node is left for the run: leave out fewer nodes")
    if verb == "remove" and options.remove and options.remove != {fleet.settings.name}:
        named = ",".join(sorted(options.remove))
        hint = _hint(named, [fleet.settings.name])
        raise UsageError(
            f"--data remove={named}: the application of this inventory is {fleet.settings.name}{hint}: name this "
            "application, or use the inventory of the other application"
        )
    if verb == "provision":
        for name in sorted(options.remove):
            if fleet.has(name):
                raise UsageError(
                    f"--data remove={name}: {name} is in the inventory: first remove {name} from the inventory"
                )
    if verb in ("release", "code") and options.until:
        known = ["preview", *(str(step.weight) for step in fleet.settings.cutover[:-1])]
        if options.until not in known:
            raise UsageError(
                f"--data until={options.until}: the run cannot stop at {options.until}; the run can stop at "
                f"{', '.join(known)}{_hint(options.until, known)}"
            )


def _check_nodes(fleet: Fleet, key: str, names: Sequence[str]) -> None:
    for name in names:
        if name not in fleet.nodes:
            hint = _hint(name, fleet.nodes) or f" (nodes: {', '.join(fleet.nodes)})"
            raise UsageError(f"--data {key}={name}: there is no node {name}{hint}")


def _hint(word: str, known: Iterable[str]) -> str:
    near = nearest(word, known)
    return f" (did you mean {near}?)" if near else ""
