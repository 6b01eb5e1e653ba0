"""Write, read and remove the drain mark: a file that exists on a node while provisioning drains the node.

While the file exists, nginx on the node ends each connection after its next answer. The file names the balancers that
send no new requests to the node during the drain. Provisioning writes the file at the beginning of the drain, and
removes the file when the balancers send requests to the node again.

If provisioning was killed, the file stays on the node. The next provisioning reads the file, and makes these balancers
send requests to the node again.

A join also writes the drain mark of its node, with the content ``a join``, and removes this mark at its end
(`operations/drain.py`).

An nginx balancer also has a drain mark. The mark exists while provisioning waits until the idle connections of this
balancer have ended, and names no balancers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host

from orchestrator.config.switch import NginxSwitch
from orchestrator.errors import NotYet
from orchestrator.fleet import Fleet
from orchestrator.provision.live_gate import Answering, served
from orchestrator.provision.members import Members
from orchestrator.provision.replies import Say, sure, values
from orchestrator.scripts.guarded import as_user, guarded, removed_by
from orchestrator.switches import balancer
from orchestrator.waiting import until

TIME = 120.0
"""Seconds after which a command on one host counts as failed."""

SERVED = 60.0
"""Seconds within which a node must answer a request through nginx after the node was let in again.

To let a node in again means that nginx may send requests to the node.
"""

INTERVAL = 0.25
"""Seconds between two checks of which nodes answer requests through nginx."""

NOWHERE = "-"
"""The content of a drain mark that names no balancer. A drain mark is a file that exists while a host drains."""


def write(fleet: Fleet, name: str, balancers: Sequence[str]) -> None:
    """Write the drain mark of a node or of an nginx balancer.

    While this file exists, nginx on the host ends each connection after its next answer. The file names the balancers
    that send no new requests to the node during its drain. The drain mark of a balancer names no balancers.

    + name: name of the host
    + balancers: names of the balancers that the file names
    """
    text = "\n".join(balancers or [NOWHERE]) + "\n"
    path = _path(fleet, name)
    command = guarded('cat >"$1.new" && mv -fT "$1.new" "$1"', [path], None)
    sure(fleet.one(name, lambda host: _shell(fleet, host, command, text), TIME))


def remove(fleet: Fleet, name: str) -> None:
    """Remove the drain mark of a host. If there is no drain mark, this function does nothing.

    + name: name of a node or of an nginx balancer
    """
    command = removed_by(fleet.settings.user, _path(fleet, name))
    sure(fleet.one(name, lambda host: fleet.shell(host, command), TIME))


def at_balancer(fleet: Fleet, balancer_name: str, name: str, verb: str) -> list[str]:
    """Make a balancer send no new requests to a node, or send requests to the node again.

    Return the lines that the command printed.

    + balancer_name: name of the balancer
    + name: name of the node
    + verb: ``on`` to send no new requests to the node, ``off`` to send requests again
    """
    return bar(fleet, balancer_name, name, fleet.address(name), verb)


def bar(fleet: Fleet, balancer_name: str, name: str, address: str, verb: str) -> list[str]:
    """Make a balancer send no requests to either color of a node, or send requests to the node again.

    + name, address: name and address of the node. A node that leaves the fleet is no longer in the inventory, so both
      are given.
    + verb: ``on`` to send no requests, ``off`` to send requests again

    Returns the lines that the balancer printed.
    """
    script = balancer(fleet.balancers[balancer_name], fleet.settings.balancer).bar
    command = StringCommand("sh", "-c", QuoteString(script.strip()), "bar", name, address, verb)
    return sure(fleet.one(balancer_name, lambda host: fleet.shell(host, command), TIME))


def let_in(fleet: Fleet, balancer_name: str, name: str) -> None:
    """Let a balancer send requests to a node again. At nginx, also wait until the node has answered a request.

    nginx does not send requests to the node at once. After three refused connections, nginx keeps a node out for two to
    three seconds. Then nginx tries the node with one request of any client, which may be a slow request. Until the node
    has answered such a request, the node gets only one such trial every three seconds. If all other nodes were drained
    during this time, nginx would have no node left, and would answer with status 502.

    All processes of nginx share the information that a node answers. Therefore, after one answer of the node, all
    processes send requests to the node.

    Raises StepFailed if only other nodes have answered after `SERVED` seconds (60).

    + balancer_name: name of the balancer
    + name: name of the node
    """
    at_balancer(fleet, balancer_name, name, "off")
    if not isinstance(fleet.switch_of(balancer_name), NginxSwitch):
        return

    def look(host: Host) -> None:
        answered = served(fleet, host, min(2 * len(fleet.nodes), 20))
        if problem := unserved(name, answered):
            raise NotYet(problem)

    def wait(host: Host) -> list[str]:
        until(lambda: look(host), SERVED, INTERVAL)
        return []

    sure(fleet.one(balancer_name, wait, TIME))


def unserved(name: str, answered: Collection[str]) -> str:
    """Return one line if a balancer still sends no requests to a node; an empty text otherwise.

    The text is empty if the node has answered. The text is also empty if no node has answered: then the balancer does
    not serve the application, and there is no reason to wait.

    + name: name of the node
    + answered: names of the nodes that answered requests through the balancer
    """
    if not answered or name in answered:
        return ""
    return (
        f"nginx sends no requests to {name}, although {name} was let in {SERVED:g} s ago, and only "
        f"{', '.join(sorted(answered))} answered: look for the reason on {name}, then run deploys/provision.py again"
    )


def settle(fleet: Fleet, members: Members, answering: Answering | None, say: Say) -> bool:
    """End the drains that an earlier provisioning has left. Return whether a drain was ended.

    If the drain mark of a node names a balancer, this balancer bars the node. This function does the following with a
    node that has a drain mark:

    * If the node lacks the live release, the function changes nothing: the node stays out of the traffic.
    * If the node no longer answers with the live release, its drain mark is removed. The node stays barred until
      ``join`` brings it back.
    * Otherwise the balancers send requests to the node again, and its drain mark is removed.

    The drain marks of nginx balancers are also removed.

    + members: which nodes may get traffic
    + answering: the nodes that answer with the live release; None if no node has a drain mark
    + say: prints a line for the operator
    """
    for name, kind in fleet.balancers.items():
        if kind == "nginx" and name not in fleet.nodes:
            remove(fleet, name)
    left = [name for name in members.draining if name not in members.lacking]
    silent = [name for name in left if answering and answering.live and name not in answering.nodes]
    let_all_in(fleet, [name for name in left if name not in silent], say)
    for name in silent:
        remove(fleet, name)
        say(f"    {name}: stays barred, because {name} does not answer with the live release")
    return bool(left)


def let_all_in(fleet: Fleet, names: Sequence[str], say: Say) -> None:
    """End the drain of nodes: the balancers in their drain marks send requests to the nodes again.

    + names: names of the nodes, all of which have a drain mark
    + say: prints a line for the operator
    """

    def read(host: Host) -> list[str]:
        return _shell(fleet, host, StringCommand("cat", QuoteString(_path(fleet, host.name))))

    marks = values(fleet.each(names, read, TIME))
    for name in names:
        for balancer_name in named(marks[name], fleet.balancers):
            let_in(fleet, balancer_name, name)
        remove(fleet, name)
        say(f"    {name}: let in again, because a provisioning stopped while it drained the node")


def named(lines: Sequence[str], balancers: Collection[str]) -> list[str]:
    """Return the names of the balancers in a drain mark.

    A drain mark is a file on a node that is drained. The file names the balancers that send no new requests to the node
    during the drain. An earlier version of this tool wrote empty drain marks, which stand for all balancers.

    + lines: the lines of the drain mark
    + balancers: names of the balancers in the inventory
    """
    return [name for name in balancers if not lines or name in lines]


def _shell(fleet: Fleet, host: Host, command: StringCommand, text: str = "") -> list[str]:
    """Run a command about a drain mark as the deploy user, who owns the directory of the drain mark.

    + text: text for the standard input of the command
    """
    return fleet.shell(host, as_user(fleet.settings.user, command), stdin=text)


def _path(fleet: Fleet, name: str) -> str:
    layout = fleet.settings.node if name in fleet.nodes else fleet.settings.balancer
    return layout.drain_mark
