"""Keep the former files of all hosts until the new files are loaded, so that the former files can be put back.

The copies are in a directory on each host, from the moment when all files of all hosts are checked. If a file cannot be
put into place or loaded on a host, the former files are put back on all hosts. If provisioning is killed, the next
provisioning first puts the former files back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from pyinfra.api.host import Host

from orchestrator.errors import OrchestratorError, StepFailed
from orchestrator.fleet import Fleet
from orchestrator.provision import render, walk
from orchestrator.provision.facts import Entries
from orchestrator.provision.planned import Planned
from orchestrator.provision.replies import Say, values
from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import guarded

TIME = 120.0
"""Seconds after which a command on one host counts as failed."""


def keep(readings: walk.Readings) -> list[str]:
    """Copy all files that provisioning is about to change, on all hosts. Return the hosts on which files will change.

    Raises StepFailed if a host fails. Then this function removes the copies on all hosts that answer.

    + readings: the answers of the hosts
    """
    fleet = readings.fleet

    def copy(host: Host) -> list[str]:
        work = Planned(readings.of(host))
        readings.place(work, host)
        paths = [*work.replaced, *_also(fleet)]
        fleet.shell(host, guarded(read("provision/keep.sh"), [_directory(fleet), *paths], None))
        return work.changed

    try:
        return [name for name, changed in _on_all_hosts(fleet, copy).items() if changed]
    except BaseException:
        # if copies are left on a host, they are equal to the files, so putting them back later changes nothing
        with suppress(OrchestratorError):
            forget(fleet)
        raise


def put_back(fleet: Fleet, names: Collection[str] | None = None) -> None:
    """Put the former files back on the hosts that have copies, and remove the copies.

    Raises StepFailed if a host fails. This host keeps its copies, so that the next provisioning puts the files back.

    + names: names of the hosts; None for all hosts
    """
    _run(fleet, "provision/put_back.sh", names)


def forget(fleet: Fleet) -> None:
    """Remove the copies on all hosts, because the new files stay. Raises StepFailed if a host fails."""
    _run(fleet, "provision/forget.sh")


def provisioned_before(fleet: Fleet) -> list[str]:
    """Return the hosts that an earlier provisioning has completed. Only these hosts have former files.

    Call this before `applied.end` runs. Raises StepFailed if a host fails.
    """
    path = fleet.settings.node.provisioned

    def look(host: Host) -> list[str]:
        return [host.name] if fleet.look(host, Entries, paths=[path]).get(path) is not None else []

    return [name for name, found in _on_all_hosts(fleet, look).items() if found]


def left(fleet: Fleet) -> list[str]:
    """Return the names of the hosts on which a killed provisioning has left copies of former files.

    Raises StepFailed if a host fails.
    """
    path = f"{_directory(fleet)}/list"

    def look(host: Host) -> list[str]:
        found = fleet.look(host, Entries, paths=[path])
        if not found:
            raise StepFailed("does not say whether an earlier provisioning has left files")
        return [host.name] if found[path] is not None else []

    return [name for name, found in _on_all_hosts(fleet, look).items() if found]


def settle(fleet: Fleet, say: Say) -> bool:
    """If a killed provisioning has left copies of former files, put the files back. Return whether it left copies.

    + say: prints a line for the operator
    """
    names = left(fleet)
    if names:
        put_back(fleet)
        say(f"    {', '.join(names)}: the former files are back, because an earlier provisioning stopped half-way")
    return bool(names)


def _also(fleet: Fleet) -> list[str]:
    """Return the paths of two more files that `keep` copies, because provisioning also changes these files.

    The first file has the digests of the applied settings. The second file lists the barred nodes.
    """
    return [fleet.settings.node.provisioned, f"{render.nodes_file(fleet.settings)}.barred"]


def _directory(fleet: Fleet) -> str:
    return f"{fleet.settings.node.etc}/kept"


def _hosts(fleet: Fleet) -> list[str]:
    return list(dict.fromkeys([*fleet.nodes, *fleet.balancers]))


def _run(fleet: Fleet, script: str, names: Collection[str] | None = None) -> None:
    command = guarded(read(script), [_directory(fleet)], None)
    _on_all_hosts(fleet, lambda host: fleet.shell(host, command), names)


def _on_all_hosts(
    fleet: Fleet, act: Callable[[Host], list[str]], names: Collection[str] | None = None
) -> Mapping[str, list[str]]:
    hosts = [name for name in _hosts(fleet) if names is None or name in names]
    return values(fleet.each(hosts, act, TIME))
