"""Copy a release from one node to another node, through the operator's machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pyinfra.api.host import Host

from orchestrator.config import Settings
from orchestrator.errors import CommandFailed
from orchestrator.fleet import Fleet
from orchestrator.operations.pack import pack
from orchestrator.operations.unpack import unpack
from orchestrator.scratch import Scratch
from orchestrator.scripts.command import understood
from orchestrator.scripts.guarded import Guard, guarded


def copy(fleet: Fleet, host: Host, release: str, names: Sequence[str], guard: Guard) -> str:
    """Copy a release from another node to a host, unchanged. Returns one line for the report: size and other node.

    + host: the node that gets the release
    + release: id of the release
    + names: the nodes that have the release. The release is copied from the first of these nodes that is connected.
    + guard: arguments for calling the guard, on both nodes

    Raises CommandFailed if none of the nodes in ``names`` is connected, or if a step of the copy fails.
    """
    giver = next((name for name in names if fleet.has(name) and fleet.host(name).connected), None)
    if giver is None:
        raise CommandFailed(f"no other node that has release {release} can be reached")
    root, remove = fleet.settings.node.root, f"{fleet.settings.node.library}/remove"
    there = f"{root}/releases/.{release}.tar"
    with Scratch() as directory:
        # only this user can read this directory, because the release's files may contain secrets
        here = directory / "release.tar"
        sent = fleet.one(giver, lambda other: _take(fleet, other, release, there, here, guard), guard.seconds)
        if sent.error is not None or sent.value is None:
            raise CommandFailed(f"{giver}: {sent.error}")
        # make an empty file that only this user can read, so that no other user can ever read its content
        fleet.shell(host, guarded('umask 077; : >"$1"', [there], None))
        host.put_file(str(here), there)
        size = here.stat().st_size
    fleet.operate(host, unpack, root=root, release=release, sha256=sent.value, remove=remove, guard=guard)
    return f"{size / 2**20:.1f} MiB from {giver}"


def _take(fleet: Fleet, host: Host, release: str, there: str, here: Path, guard: Guard) -> str:
    """Pack a release on a node into a tar file, and download this file. Returns the SHA-256 of the file.

    Afterwards the tar file is removed from the node. Raises CommandFailed if a command on the node fails.

    + there: path of the tar file on the node
    + here: path to which the file is downloaded on this machine
    """
    settings: Settings = fleet.settings
    helper = f"{settings.node.library}/pack"
    lines = fleet.operate(host, pack, root=settings.node.root, release=release, helper=helper, guard=guard)
    try:
        host.get_file(there, str(here))
    finally:
        fleet.shell(host, guarded('rm -f "$1"', [there], None))
    return understood(lambda said: said[-1], lines)
