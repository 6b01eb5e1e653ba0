"""The identity of an inventory. Provisioning writes the identity on each host, to recognise other inventories. Pure.

Two inventories must not provision or release the same deployment on the same host. Their nodes and balancers differ, so
each inventory would take the nodes of the other inventory out of the traffic.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from orchestrator.config.settings import Settings

UNNAMED = "unnamed"
"""The name of an inventory that was not read from a file, such as a list of hosts on the command line."""

KEYS = ("app", "deployment", "inventory", "journal", "address")
"""The first words of the lines in the identity file, in the order of the lines."""


@dataclass(frozen=True)
class Identity:
    """The identity of an inventory.

    + app: name of the application
    + deployment: name of the deployment (setting ``deployment``); empty if the application has only one deployment
    + inventory: name of the inventory: the name of its file without ``.py``
    + journal: the place of the lock and the journal: the URL ``s3://bucket/prefix``, or the inventory name of a host
    + address: address of the host that holds the lock and the journal; empty if they are in S3
    """

    app: str
    deployment: str
    inventory: str
    journal: str
    address: str = ""

    @property
    def text(self) -> str:
        """The text of the identity file, which provisioning writes on each host."""
        lines = [f"{key} {value}" for key in KEYS if (value := getattr(self, key))]
        return "\n".join(["# Written by provisioning: the inventory that provisioned this deployment.", *lines, ""])

    @property
    def what(self) -> str:
        """The application and its deployment, in words for the operator."""
        return f"the deployment {self.deployment} of {self.app}" if self.deployment else f"the application {self.app}"

    @property
    def who(self) -> str:
        """The inventory and the place of its journal, in words for the operator."""
        return f"{self.inventory} (lock and journal: {self.journal})"

    def is_same_deployment(self, other: Identity) -> bool:
        return (self.app, self.deployment) == (other.app, other.deployment)

    def is_same_inventory(self, other: Identity, hosts: Collection[str]) -> bool:
        """Return whether this identity, which a host has, is the identity of the operator's inventory.

        The result is False if both inventories have different names. The result is also False if the lock and the
        journal of this identity are in another bucket, or on a host that the operator's inventory does not have: then
        two operators could hold two locks for the same servers.

        + other: the identity of the operator's inventory
        + hosts: names and addresses of all hosts of the operator's inventory
        """
        if UNNAMED not in (self.inventory, other.inventory) and self.inventory != other.inventory:
            return False
        return self.journal == other.journal or self.journal in hosts or self.address in hosts


def identity(settings: Settings, inventory: str, journal_host: str, address: str) -> Identity:
    """Return the identity of the operator's inventory.

    + inventory: name of the inventory; empty if unknown
    + journal_host: inventory name of the host that holds the lock and the journal, if they are not in S3
    + address: address of this host
    """
    names = settings.app, settings.deployment or "", inventory or UNNAMED
    if settings.journal.kind == "s3":
        return Identity(*names, f"s3://{settings.journal.bucket}/{settings.journal_prefix}")
    return Identity(*names, journal_host, address)


def name_of(groups: Mapping[str, Collection[str]], hosts: Collection[str]) -> str:
    """Return the name of an inventory: the name of its file without ``.py``; empty if this name is unknown.

    pyinfra reads an inventory file, and makes a group that has the name of the file and contains all hosts. If several
    groups contain all hosts, the last of these groups has the name of the file.

    + groups: group of the inventory -> names of its hosts, in pyinfra's order
    + hosts: names of all hosts of the inventory
    """
    full = [
        name
        for name, members in groups.items()
        if set(members) == set(hosts) and re.fullmatch(r"[A-Za-z0-9_.-]+", name) and name != "all"
    ]
    return full[-1] if full else ""


def parse(said: Mapping[str, str]) -> Identity | None:
    """Return the identity that a host has; None if the host has no identity file.

    Earlier versions of this tool wrote no identity file.

    + said: the ``key=value`` lines that the script ``provisioned.sh`` printed. The keys of the lines of the identity
      file begin with ``of.``
    """
    found = {key: said.get(f"of.{key}", "") for key in KEYS}
    return Identity(**found) if found["app"] and found["inventory"] else None
