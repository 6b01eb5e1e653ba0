"""The mark of a drain: a file on a node, which names the balancers at which provisioning keeps the node out.

Provisioning writes the mark before it bars the node, and removes the mark after it has let the node in again. While the
mark exists, nginx on the node ends each connection after its next answer. A mark that is left belongs to a provisioning
that was killed: the next provisioning lets the node in again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pyinfra.api.command import QuoteString, StringCommand

from orchestrator.fleet import Fleet
from orchestrator.provision.members import Members
from orchestrator.provision.replies import Say, sure, values
from orchestrator.switches import balancer

TIME = 120.0
"""Seconds after which a command on one host counts as failed."""

NOWHERE = "-"
"""The text of a mark that names no balancer."""


def write(fleet: Fleet, name: str, balancers: Sequence[str]) -> None:
    """Write the mark of a node.

    + balancers: names of the balancers at which the node will be barred
    """
    text = "\n".join(balancers or [NOWHERE]) + "\n"
    path = _path(fleet)
    command = StringCommand(
        "cat", ">", QuoteString(f"{path}.new"), "&& mv -fT", QuoteString(f"{path}.new"), QuoteString(path)
    )
    sure(fleet.one(name, lambda host: fleet.shell(host, command, stdin=text), TIME))


def remove(fleet: Fleet, name: str) -> None:
    """Remove the mark of a node. Does nothing if the node has no mark."""
    command = StringCommand("rm -f --", QuoteString(_path(fleet)))
    sure(fleet.one(name, lambda host: fleet.shell(host, command), TIME))


def at_balancer(fleet: Fleet, balancer_name: str, name: str, verb: str) -> list[str]:
    """Keep a node out of both colors at a balancer, or let the node in. Return the lines that the balancer printed.

    + name: name of the node
    + verb: ``on`` to keep the node out, ``off`` to let the node in
    """
    script = balancer(fleet.balancers[balancer_name], fleet.settings.balancer).bar
    command = StringCommand("sh", "-c", QuoteString(script.strip()), "bar", name, fleet.address(name), verb)
    return sure(fleet.one(balancer_name, lambda host: fleet.shell(host, command), TIME))


def settle(fleet: Fleet, members: Members, say: Say) -> bool:
    """End the drains of a provisioning that was killed. Return whether a node was let in again.

    A node that lacks the live release stays out.

    + members: which nodes may get traffic
    + say: prints a line for the operator
    """
    left = [name for name in members.draining if name not in members.lacking]
    command = StringCommand("cat", QuoteString(_path(fleet)))
    marks = values(fleet.each(left, lambda host: fleet.shell(host, command), TIME))
    for name in left:
        for balancer_name in named(marks[name], fleet.balancers):
            at_balancer(fleet, balancer_name, name, "off")
        remove(fleet, name)
        say(f"    {name}: let in again, because an earlier provisioning stopped while it drained the node")
    return bool(left)


def named(lines: Sequence[str], balancers: Collection[str]) -> list[str]:
    """Return the balancers that a mark names. The empty mark of an older version stands for all balancers.

    + lines: the lines of the mark
    + balancers: names of the balancers in the inventory
    """
    return [name for name in balancers if not lines or name in lines]


def _path(fleet: Fleet) -> str:
    return f"{fleet.settings.node.guard_dir}/drain"
