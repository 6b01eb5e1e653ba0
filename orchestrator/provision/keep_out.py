"""Keep traffic away from two kinds of nodes: nodes that lack the live release, and nodes that leave the fleet.

A node that lacks the live release is barred before provisioning changes anything on the node. How the node is barred
depends on the switch:

* On a balancer, the program ``bar`` blocks new connections to the node.
* A switch behind an API (AWS) deregisters the node.
* With the switch ``node``, there is no balancer in front of the node. There, the ``live`` link is removed from the
  node, so that the node's live port answers 503.

The command ``join`` brings a barred node back into the traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from pyinfra.api.host import Host

from orchestrator.errors import CommandFailed, NotDone, NotYet, Refused, StepFailed
from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.plan.identity import foreign
from orchestrator.provision import balancer, drain_mark, render
from orchestrator.provision import members as decisions
from orchestrator.provision.facts import Connections, Text
from orchestrator.provision.members import Listed, Members, listed
from orchestrator.provision.replies import Say, sure, tell, values
from orchestrator.provision.work import Work
from orchestrator.scripts.guarded import removed_by
from orchestrator.survey import survey
from orchestrator.waiting import until

LOOK = 60.0
"""Seconds after which a short command on one host counts as failed, such as reading a file."""

BAR = 120.0
"""Seconds after which a command that bars nodes at one balancer, or removes bars, counts as failed."""

INTERVAL = 0.25
"""Seconds between two counts of the connections from a balancer to a node."""


def decide(
    fleet: Fleet,
    removed: frozenset[str],
    committed: Callable[[], Mapping[Color, str]],
    replaced: frozenset[str] = frozenset(),
) -> tuple[Members, list[str]]:
    """Return which nodes may get traffic after provisioning, and one line for each problem. Nothing is changed.

    If a host cannot be reached, the result has no decisions and no problems. The empty result is harmless, because the
    preflight then refuses to provision the fleet. If hosts belong to another inventory, the result has no decisions,
    and only the problems that say so.

    Raises UsageError if a node of ``removed`` is in the inventory, or if no balancer knows the node. Raises StepFailed
    if the list of nodes on a balancer cannot be read.

    + removed: names or addresses of the nodes that the operator has confirmed with ``--data remove=``
    + committed: a function that reads the release of each color from the journal: color -> release. The function is
      called only if the nodes have different releases in a color that gets traffic.
    + replaced: names of the inventories whose place this inventory takes (``--data replaces=``)
    """
    if not all(host.connected for host in fleet.state.inventory):
        return Members(), []
    state, known = survey(fleet, group=False), lists(fleet)
    if found := foreign(state, replaced):
        return Members(), found
    decisions.check_removed(removed, known, state.addresses)
    right = committed() if decisions.disagree(state) else {}
    lacking, problems = decisions.lacking(state, right, f"{fleet.settings.balancer.library}/bar")
    problems += decisions.split(state)
    problems += decisions.missing(fleet.settings.app, known, state.addresses, removed)
    problems += decisions.moved_ports(state, known, fleet.settings.ports)
    return decisions.decided(state, known, lacking), problems


def lists(fleet: Fleet) -> Mapping[str, tuple[Listed, ...]]:
    """Return the nodes in each balancer's list of nodes: balancer -> nodes; no nodes if a balancer has no list.

    Raises StepFailed if a balancer does not answer.
    """
    path = render.nodes_file(fleet.settings)
    replies = fleet.each(fleet.balancers, lambda host: [fleet.look(host, Text, path=path)], LOOK)
    return {name: listed(texts[0]) for name, texts in values(replies).items()}


def bar_known(fleet: Fleet, members: Members, say: Say) -> None:
    """Bar each node that lacks the live release, at every switch that knows this node.

    Call this function before provisioning changes anything on these nodes. If a balancer does not know a node yet,
    `walk.place` bars the node at this balancer later, before the balancer gets its new configuration.

    If such a node was provisioned before, balancers may have open connections to the node. This function waits until
    these connections have ended, at most ``drain.limit`` seconds for each node and balancer. If connections are still
    open after this time, the function prints a warning.

    Raises Refused if a switch behind an API refuses to bar the nodes. Raises StepFailed if a command fails on a host.

    + members: which nodes may get traffic
    + say: prints a line for the operator
    """
    if not members.lacking:
        return
    _at_apis(fleet, members, say)
    addresses = _addresses(fleet)

    def at_balancer(host: Host) -> list[str]:
        work = Work()
        known = {one.address for one in members.lists.get(host.name, ())}
        barred = [address for address in members.roll(host.name).barred if address in known]
        balancer.bar(work, fleet.settings, addresses, barred)
        return work.changed

    tell(fleet.each(fleet.balancers, at_balancer, BAR), say)
    if fleet.is_switch:
        link = removed_by(fleet.settings.user, fleet.settings.node.live)
        values(fleet.each(members.lacking, lambda host: fleet.shell(host, link), LOOK))
    for name in members.answering:
        _let_go(fleet, members, name, say)


def bar_leaving(fleet: Fleet, members: Members, say: Say) -> None:
    """Bar the nodes that leave the fleet, at every balancer that knows them. Raises StepFailed if a command fails.

    + members: which nodes may get traffic, and which nodes leave the fleet
    + say: prints a line for the operator
    """

    def at_balancer(host: Host) -> list[str]:
        work = Work()
        nodes = {one.label: one.address for one in members.roll(host.name).leaving}
        balancer.bar(work, fleet.settings, nodes, list(nodes.values()))
        return work.changed

    tell(fleet.each(_with_outdated(fleet, members), at_balancer, BAR), say)


def let_in_leaving(fleet: Fleet, members: Members, say: Say) -> None:
    """Let in again the nodes that `bar_leaving` barred. If provisioning fails, these nodes stay in the fleet.

    Call this after the former files are back. If a node was already barred before `bar_leaving`, it stays barred.
    Raises StepFailed if a balancer fails.

    + members: which nodes may get traffic
    + say: prints a line for the operator
    """
    path = f"{render.nodes_file(fleet.settings)}.barred"

    def at_balancer(host: Host) -> list[str]:
        barred = fleet.look(host, Text, path=path).split()
        return [one.address for one in members.roll(host.name).leaving if one.address not in barred]

    found = values(fleet.each(_with_outdated(fleet, members), at_balancer, BAR))
    for name, addresses in found.items():
        for address in addresses:
            drain_mark.bar(fleet, name, address, address, "off")
            say(f"    {name}: {address} gets requests again")


def forget(fleet: Fleet, members: Members, say: Say) -> None:
    """Wait until the balancers have no connection to the nodes that leave the fleet, and then forget these nodes.

    To forget a node means to remove its bar and its line in the list of nodes on each balancer. If a node has a new
    address, its former address is also forgotten.

    Call this function after the balancers have loaded a configuration without these nodes. Requests to these nodes may
    still be open then, because the former processes of HAProxy and nginx end only when their last request has ended.

    For each balancer and node, the wait takes at most ``drain.limit`` seconds. If connections are still open after this
    time, the setting ``drain.at_limit`` decides. With ``cut``, a warning is printed. With ``refuse``, StepFailed is
    raised, and no node is forgotten.

    + members: which nodes may get traffic, and which nodes leave the fleet
    + say: prints a line for the operator
    """
    drain, names = fleet.settings.drain, _with_outdated(fleet, members)
    for name in names:
        for one in members.roll(name).leaving:
            if left := _until_no_connection(fleet, name, one):
                line = f"{name}: {_counted(left)} still open to {one.label} after {drain.limit:g} s"
                if drain.at_limit == "refuse":
                    raise StepFailed(
                        f"{line}, so {one.label} was not removed from the lists of the balancers (drain.at_limit "
                        "is refuse): run the same command again"
                    )
                say(f"    warning: {line}; if you switch the server off, they are cut")
    addresses = _addresses(fleet)

    def at_balancer(host: Host) -> list[str]:
        return balancer.forget(fleet.settings, addresses, members.roll(host.name))

    tell(fleet.each(names, at_balancer, BAR), say)


def _at_apis(fleet: Fleet, members: Members, say: Say) -> None:
    """Bar the nodes that lack the live release at the switches behind an API, except nodes that are barred already.

    If the nodes are instances of an Auto Scaling group, this function does nothing, because the group registers and
    deregisters its instances itself. Raises Refused if a switch refuses to bar the nodes.
    """
    new = [name for name in members.lacking if name not in members.barred]
    if fleet.settings.scaling or not new:
        return
    for name, api in fleet.apis.items():
        try:
            say(f"    {name}: {api.bar(new, out=True)}")
        except NotDone as refused:
            raise Refused(f"{name}: {refused}") from None


def _let_go(fleet: Fleet, members: Members, name: str, say: Say) -> None:
    """Wait until no balancer has a connection to a barred node, at most ``drain.limit`` seconds for each balancer.

    If a balancer still has connections after this time, this function prints a warning. During the wait, the node has
    the drain mark: a file with which nginx on the node ends each connection after its next answer. This drain mark
    names no balancer, because only the command ``join`` brings the node back into the traffic.

    + name: name of the node
    """
    drain_mark.write(fleet, name, [])
    try:
        for balancer_name in fleet.balancers:
            for one in members.lists.get(balancer_name, ()):
                if one.address == fleet.address(name) and (left := _until_no_connection(fleet, balancer_name, one)):
                    say(f"    warning: {balancer_name}: {_counted(left)} still open to {name}, which is barred")
    finally:
        drain_mark.remove(fleet, name)


def _until_no_connection(fleet: Fleet, balancer_name: str, node: Listed) -> int:
    """Wait until a balancer has no connection to a node, at most ``drain.limit`` seconds.

    Returns the number of connections that are open after the wait. Raises StepFailed if the balancer cannot count the
    connections.
    """
    limit = fleet.settings.drain.limit

    def count(host: Host) -> int:
        found: int = fleet.look(host, Connections, ip=node.ip, ports=[node.blue, node.green])
        return found

    def ask(host: Host) -> None:
        if count(host):
            raise NotYet("connections are open")

    def act(host: Host) -> list[int]:
        with suppress(CommandFailed):
            until(lambda: ask(host), limit, INTERVAL)
        return [count(host)]

    return sure(fleet.one(balancer_name, act, limit + LOOK))[0]


def _with_outdated(fleet: Fleet, members: Members) -> list[str]:
    return [name for name in fleet.balancers if members.roll(name).outdated]


def _addresses(fleet: Fleet) -> dict[str, str]:
    return {name: fleet.address(name) for name in fleet.nodes}


def _counted(connections: int) -> str:
    return "1 connection is" if connections == 1 else f"{connections} connections are"
