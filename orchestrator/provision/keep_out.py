"""Keep nodes out of the traffic: nodes without the live release, and nodes that leave the fleet.

A node is barred before anything on it may answer users. At a balancer, the program ``bar`` blocks new connections to
the node. A switch behind an API deregisters the node. If the nodes are switches themselves, no balancer stands before
them: such a node loses its ``live`` link, so that its live port answers 503. The verb ``join`` lets the node in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host

from orchestrator.errors import CommandFailed, NotDone, NotYet, Refused, StepFailed
from orchestrator.fleet import Fleet
from orchestrator.model import Color
from orchestrator.provision import balancer, render
from orchestrator.provision import members as decisions
from orchestrator.provision.facts import Connections, Text
from orchestrator.provision.members import Listed, Members, listed
from orchestrator.provision.replies import Say, sure, tell, values
from orchestrator.provision.work import Work
from orchestrator.survey import survey
from orchestrator.waiting import until

LOOK = 60.0
"""Seconds after which looking at one host counts as failed."""

BAR = 120.0
"""Seconds after which barring nodes at one balancer, or letting them in, counts as failed."""

INTERVAL = 0.25
"""Seconds between two looks at the connections to a node."""


def decide(
    fleet: Fleet, removed: frozenset[str], committed: Callable[[], Mapping[Color, str]]
) -> tuple[Members, list[str]]:
    """Return which nodes may get traffic after provisioning, and one line for each problem. Changes nothing.

    If a host cannot be reached, nothing is decided, because the preflight refuses to provision such a fleet. Raises
    UsageError if a node of ``removed`` is unknown or in the inventory.

    + removed: names of the nodes that the operator has confirmed with ``--data remove=``
    + committed: returns color -> its release according to the journal. It is called only if the nodes disagree.
    """
    if not all(host.connected for host in fleet.state.inventory):
        return Members(), []
    state, known = survey(fleet, group=False), lists(fleet)
    decisions.check_removed(removed, known, state.addresses)
    right = committed() if decisions.disagree(state) else {}
    lacking, problems = decisions.lacking(state, right, f"{fleet.settings.balancer.library}/bar")
    problems += decisions.missing(fleet.settings.app, known, state.addresses, removed)
    return decisions.decided(state, known, lacking), problems


def lists(fleet: Fleet) -> Mapping[str, tuple[Listed, ...]]:
    """Return balancer -> the nodes in its list; none if the balancer was not provisioned before."""
    path = render.nodes_file(fleet.settings)
    replies = fleet.each(fleet.balancers, lambda host: [fleet.look(host, Text, path=path)], LOOK)
    return {name: listed(texts[0]) for name, texts in values(replies).items()}


def bar_known(fleet: Fleet, members: Members, say: Say) -> None:
    """Bar the lacking nodes at the switches that know them, before provisioning changes anything on these nodes.

    A balancer that does not know a node yet bars the node later, before it gets its new configuration. Connections that
    a balancer has kept open to a node end before this function returns.

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
        link = StringCommand("rm -f --", QuoteString(fleet.settings.node.live))
        values(fleet.each(members.lacking, lambda host: fleet.shell(host, link), LOOK))
    for name in members.answering:
        _let_go(fleet, members, name, say)


def bar_leaving(fleet: Fleet, members: Members, say: Say) -> None:
    """Bar the nodes that leave the fleet, at every balancer that knows them.

    + members: which nodes may get traffic
    + say: prints a line for the operator
    """

    def at_balancer(host: Host) -> list[str]:
        work = Work()
        nodes = {one.label: one.address for one in members.roll(host.name).leaving}
        balancer.bar(work, fleet.settings, nodes, list(nodes.values()))
        return work.changed

    tell(fleet.each(_with_outdated(fleet, members), at_balancer, BAR), say)


def forget(fleet: Fleet, members: Members, say: Say) -> None:
    """Wait until the requests at the nodes that leave the fleet have ended, and then forget these nodes.

    The balancers must have loaded their configuration without these nodes. A reload ends no request: the former
    processes of HAProxy and nginx end when their last request has ended. If requests or streams are still open after
    ``drain.limit``, the setting ``drain.at_limit`` decides. With ``cut``, a warning is printed. With ``refuse``,
    StepFailed is raised, and the nodes are not forgotten.

    + members: which nodes may get traffic
    + say: prints a line for the operator
    """
    drain, names = fleet.settings.drain, _with_outdated(fleet, members)
    for name in names:
        for one in members.roll(name).leaving:
            if left := _until_no_connection(fleet, name, one):
                line = f"{name}: {_counted(left)} open to {one.label} after {drain.limit:g} s"
                if drain.at_limit == "refuse":
                    raise StepFailed(f"{line}, and drain.at_limit is refuse: run the same command again")
                say(f"    warning: {line}; if you switch the server off, they are cut")
    addresses = _addresses(fleet)

    def at_balancer(host: Host) -> list[str]:
        return balancer.forget(fleet.settings, addresses, members.roll(host.name))

    tell(fleet.each(names, at_balancer, BAR), say)


def _at_apis(fleet: Fleet, members: Members, say: Say) -> None:
    """Bar the lacking nodes at the switches behind an API.

    An Auto Scaling group registers and deregisters its instances itself, so nodes of a group are left alone.
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

    While the file ``drain`` exists on the node, nginx on the node ends each connection after its next answer.
    """
    mark = QuoteString(f"{fleet.settings.node.guard_dir}/drain")
    sure(fleet.one(name, lambda host: fleet.shell(host, StringCommand("touch --", mark)), LOOK))
    try:
        for balancer_name in fleet.balancers:
            for one in members.lists.get(balancer_name, ()):
                if one.address == fleet.address(name) and (left := _until_no_connection(fleet, balancer_name, one)):
                    say(f"    warning: {balancer_name}: {_counted(left)} still open to {name}, which is barred")
    finally:
        sure(fleet.one(name, lambda host: fleet.shell(host, StringCommand("rm -f --", mark)), LOOK))


def _until_no_connection(fleet: Fleet, balancer_name: str, node: Listed) -> int:
    """Wait until a balancer has no connection to a node, at most ``drain.limit`` seconds.

    Returns the number of connections that are left at the limit.
    """
    limit = fleet.settings.drain.limit

    def count(host: Host) -> int:
        found = fleet.look(host, Connections, ip=node.ip, ports=[node.blue, node.green])
        if found is None:
            raise StepFailed(f"does not say which connections to {node.label} are open")
        return int(found)

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
