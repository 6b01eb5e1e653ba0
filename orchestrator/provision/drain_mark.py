"""The mark of a drain: a file on a node, which names the balancers at which provisioning keeps the node out.

An nginx balancer has such a mark while provisioning waits for the end of its idle connections.

Provisioning writes the mark before it bars the node, and removes the mark after it has let the node in again. While the
mark exists, nginx on the node ends each connection after its next answer. A mark that is left belongs to a provisioning
that was killed: the next provisioning lets the node in again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host

from orchestrator.config.switch import NginxSwitch
from orchestrator.errors import NotYet
from orchestrator.facts.served import Served
from orchestrator.fleet import Fleet
from orchestrator.layout import HEALTH
from orchestrator.provision.members import Members
from orchestrator.provision.replies import Say, sure, values
from orchestrator.switches import balancer
from orchestrator.waiting import until

TIME = 120.0
"""Seconds after which a command on one host counts as failed."""

SERVED = 60.0
"""Seconds within which nginx must send a request to a node that was let in."""

INTERVAL = 0.25
"""Seconds between two looks at the nodes that answer through nginx."""

NOWHERE = "-"
"""The text of a mark that names no balancer."""


def write(fleet: Fleet, name: str, balancers: Sequence[str]) -> None:
    """Write the mark of a node or of an nginx balancer.

    + name: name of the host
    + balancers: names of the balancers at which the node will be barred
    """
    text = "\n".join(balancers or [NOWHERE]) + "\n"
    path = _path(fleet, name)
    command = StringCommand(
        "cat", ">", QuoteString(f"{path}.new"), "&& mv -fT", QuoteString(f"{path}.new"), QuoteString(path)
    )
    sure(fleet.one(name, lambda host: fleet.shell(host, command, stdin=text), TIME))


def remove(fleet: Fleet, name: str) -> None:
    """Remove the mark of a node or of an nginx balancer. Does nothing if the host has no mark."""
    command = StringCommand("rm -f --", QuoteString(_path(fleet, name)))
    sure(fleet.one(name, lambda host: fleet.shell(host, command), TIME))


def at_balancer(fleet: Fleet, balancer_name: str, name: str, verb: str) -> list[str]:
    """Keep a node out of both colors at a balancer, or let the node in. Return the lines that the balancer printed.

    + name: name of the node
    + verb: ``on`` to keep the node out, ``off`` to let the node in
    """
    script = balancer(fleet.balancers[balancer_name], fleet.settings.balancer).bar
    command = StringCommand("sh", "-c", QuoteString(script.strip()), "bar", name, fleet.address(name), verb)
    return sure(fleet.one(balancer_name, lambda host: fleet.shell(host, command), TIME))


def let_in(fleet: Fleet, balancer_name: str, name: str) -> None:
    """Let a node in at a balancer. At nginx, also wait until the node answers requests again.

    After three refused connections, nginx keeps a node out for two to three seconds. Then nginx sends a trial to the
    node: one request of any client, which may be a slow one. Until a trial is answered, the node gets no other request,
    only another trial every three seconds. If the next node was barred meanwhile, nginx would have no node left, and
    would answer with status 502. The processes of nginx share what they know of a node, so after one answer of the node
    all of them send requests to it.

    Raises StepFailed if only other nodes have answered after `SERVED` seconds.

    + name: name of the node
    """
    at_balancer(fleet, balancer_name, name, "off")
    switch = fleet.switch_of(balancer_name)
    if not isinstance(switch, NginxSwitch):
        return
    gate, listen = fleet.settings.gate, switch.listen

    def look(host: Host) -> None:
        answered = fleet.look(
            host,
            Served,
            stdin=fleet.settings.token + "\n",
            port=listen,
            path=HEALTH,
            hostname=gate.host,
            count=min(2 * len(fleet.nodes), 20),
            https=gate.https,
        )
        if problem := unserved(name, answered):
            raise NotYet(problem)

    def wait(host: Host) -> list[str]:
        until(lambda: look(host), SERVED, INTERVAL)
        return []

    sure(fleet.one(balancer_name, wait, TIME))


def unserved(name: str, answered: Collection[str]) -> str:
    """Return why a node does not count as served by a balancer; empty if it does.

    If no answer names a node, the balancer does not serve the application, and there is no reason to wait.

    + answered: the nodes that answered requests
    """
    if not answered or name in answered:
        return ""
    return (
        f"nginx sends no requests to {name}, although {name} was let in {SERVED:g} s ago, and only "
        f"{', '.join(sorted(answered))} answered: look for the reason on {name}, then run deploys/provision.py again"
    )


def settle(fleet: Fleet, members: Members, say: Say) -> bool:
    """End the drains of a provisioning that was killed. Return whether a node was let in again.

    A node that lacks the live release stays out.

    + members: which nodes may get traffic
    + say: prints a line for the operator
    """
    for name, kind in fleet.balancers.items():
        if kind == "nginx" and name not in fleet.nodes:
            remove(fleet, name)
    left = [name for name in members.draining if name not in members.lacking]

    def read(host: Host) -> list[str]:
        return fleet.shell(host, StringCommand("cat", QuoteString(_path(fleet, host.name))))

    marks = values(fleet.each(left, read, TIME))
    for name in left:
        for balancer_name in named(marks[name], fleet.balancers):
            let_in(fleet, balancer_name, name)
        remove(fleet, name)
        say(f"    {name}: let in again, because an earlier provisioning stopped while it drained the node")
    return bool(left)


def named(lines: Sequence[str], balancers: Collection[str]) -> list[str]:
    """Return the balancers that a mark names. The empty mark of an older version stands for all balancers.

    + lines: the lines of the mark
    + balancers: names of the balancers in the inventory
    """
    return [name for name in balancers if not lines or name in lines]


def _path(fleet: Fleet, name: str) -> str:
    layout = fleet.settings.node if name in fleet.nodes else fleet.settings.balancer
    return f"{layout.guard_dir}/drain"
