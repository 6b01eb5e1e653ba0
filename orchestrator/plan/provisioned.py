"""Compare the present settings with the settings that provisioning has applied on the hosts.

Provisioning writes a digest of each setting on the host. This module compares these digests with digests of the present
settings. All functions are pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator import __version__
from orchestrator.config.applied import HEALTH_PAGE, UNFINISHED, VERSION, stays
from orchestrator.plan.fleet_state import FleetState

PROVISION = "run deploys/provision.py"


def differences(fleet: FleetState) -> list[str]:
    """Return one line for each difference between the present settings and the settings that provisioning has applied.

    Hosts with the same difference share a line. If another version of this tool provisioned some of the hosts in these
    lines, a further line names the version and its hosts. Hosts without digests of the applied settings are left out.
    """
    found: dict[str, list[str]] = {}
    known = _known(fleet)
    for host, applied in known.items():
        for line in _lines(fleet.wanted[host], applied):
            found.setdefault(line, []).append(host)
    differing = {host: known[host] for hosts in found.values() for host in hosts}
    return [*(f"{', '.join(hosts)}: {line}" for line, hosts in found.items()), *_versions(differing)]


def _lines(wanted: Mapping[str, str], applied: Mapping[str, str]) -> Iterable[str]:
    """Yield one line for each difference on one host.

    + wanted: key of the setting -> digest of the present value
    + applied: key of the setting -> digest of the value that provisioning has applied
    """
    if UNFINISHED in applied:
        yield f"the last provisioning did not end: {PROVISION}"
        return
    for key in dict.fromkeys([*wanted, *applied]):
        if key in (VERSION, HEALTH_PAGE) or wanted.get(key) == applied.get(key):
            continue
        if key not in applied:
            yield f"{key} was added since the last provisioning: {PROVISION}"
        elif key in wanted:
            yield f"{key} has changed since the last provisioning: {PROVISION}"
        elif not stays(key):
            yield f"{key} was removed since the last provisioning: {PROVISION}"


def _versions(applied: Mapping[str, Mapping[str, str]]) -> Iterable[str]:
    """Yield one line for each other version of this tool that provisioned hosts, with the names of these hosts.

    The versions may have different defaults, which may explain the differences between the settings.

    + applied: host -> key of the setting -> digest of the applied value, for the hosts with differences
    """
    hosts: dict[str, list[str]] = {}
    for host, found in applied.items():
        hosts.setdefault(found.get(VERSION, __version__), []).append(host)
    for version, names in hosts.items():
        if version != __version__:
            yield f"{', '.join(names)}: provisioned by orchestrator {version}: defaults of {__version__} may differ"


def outdated(fleet: FleetState) -> list[str]:
    """Return one line that names the hosts that an earlier version of this tool provisioned; [] if there are none.

    An outdated node has no separate nginx for each color. An outdated balancer does not know the health page of the
    colors.
    """
    hosts = [host for host, applied in _applied(fleet).items() if _is_outdated(fleet.wanted[host], applied)]
    return (
        [f"{', '.join(hosts)}: last provisioned by an earlier version of this tool: {PROVISION} first"] if hosts else []
    )


def _is_outdated(wanted: Mapping[str, str], applied: Mapping[str, str] | None) -> bool:
    if applied is None:
        return True
    return HEALTH_PAGE in wanted and HEALTH_PAGE not in applied and UNFINISHED not in applied


def _known(fleet: FleetState) -> dict[str, Mapping[str, str]]:
    return {host: applied for host, applied in _applied(fleet).items() if applied is not None}


def _applied(fleet: FleetState) -> dict[str, Mapping[str, str] | None]:
    """Return host -> key of the setting -> digest of the value that provisioning has applied on the host.

    The value of a host without digests is None. Nodes that were not provisioned, hosts whose state is unknown, and
    hosts that this tool does not provision are left out.
    """
    nodes = {name: state.digests for name, state in fleet.node_states.items() if state.provisioned}
    balancers = {name: seen.digests for name, seen in fleet.seen.items() if fleet.kinds[name][0] == "balancer"}
    return {host: applied for host, applied in {**nodes, **balancers}.items() if host in fleet.wanted}
