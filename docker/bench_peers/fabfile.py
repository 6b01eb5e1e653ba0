"""A plain Fabric script: ``fab release`` and ``fab rollback`` run shell commands on all nodes."""

from __future__ import annotations

import os
from collections.abc import Sequence

import steps
from fabric import Connection, ThreadingGroup, task
from invoke import Context


@task
def release(_context: Context) -> None:
    on_all(steps.release())


@task
def rollback(_context: Context) -> None:
    on_all(steps.rollback())


def on_all(commands: Sequence[str]) -> None:
    """Run the commands one after the other, each on all nodes at the same time."""
    login = {"key_filename": os.environ["PEER_KEY"], "allow_agent": False, "look_for_keys": False}
    addresses = [node.partition("=")[2] for node in os.environ["PEER_NODES"].split()]
    group = ThreadingGroup.from_connections(
        Connection(address, user="peer", connect_kwargs=login) for address in addresses
    )
    for command in commands:
        group.run(command, hide=True)
