"""Provision the firewall of the nodes, which lets only some addresses connect to the ports of the application.

These are the ports of the colors and, without the switch ``node``, also the live port (`Settings.firewall_ports`).

A wrong list of addresses would take the nodes out of the traffic. Therefore `look` proves that each node sees each
balancer at an allowed address: the balancer connects to the node, and the node reports the address of this connection.
The proof is made before provisioning changes any file, and again before a node loads the firewall. `load` checks each
node after the firewall is loaded.

A balancer that the loaded firewall of a node refuses may still have open connections to the node. A drain of the node
ends these connections, and the firewall would refuse new connections of this balancer. Therefore `widen` admits all new
addresses on all nodes before the first drain, and `load` comes last.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch, NodeSwitch
from orchestrator.errors import NotYet, OrchestratorError, Refused, StepFailed
from orchestrator.facts.base import Fact
from orchestrator.fleet import Fleet, Reply, at_once
from orchestrator.provision import common, operations, render
from orchestrator.provision.facts import SECONDS, Addresses
from orchestrator.provision.render import ALLOW, Allowed
from orchestrator.provision.replies import Say, sure, tell, values
from orchestrator.provision.work import Work
from orchestrator.scripts.command import question
from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import guarded
from orchestrator.waiting import until

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOK = 90.0
"""Seconds after which a look at the connections of one host counts as failed."""

LOAD = 60.0
"""Seconds after which the load of the firewall on one node counts as failed."""

HOLD = 60
"""Seconds for which a balancer holds its connections for the proof, if nothing releases them before."""

AGAIN = 3.0
"""Seconds within which each balancer must reach a node again, after the node has loaded the firewall."""

INTERVAL = 0.5
"""Seconds between two attempts of a balancer to reach a node."""

BALANCER = "balancer"
"""The first word of the owner of an allowed address, if the owner is a balancer."""

REMEDY = "or set firewall.enabled to False"


class Fits(Fact[bool]):
    """
    Returns True if the kernel has loaded the present firewall file, and if the unit loads this file at boot.

    If the file does not exist, the value is True if the kernel has no firewall of the application.

    + table: name of the firewall's table in nftables
    + path: path of the firewall file
    + stamp: path of the stamp with the checksum of the file that was loaded
    + unit: name of the systemd unit that loads the file at boot
    """

    @override
    def command(self, table: str, path: str, stamp: str, unit: str) -> StringCommand:
        return question(read("provision/firewall_fits.sh"), table, path, stamp, unit, seconds=SECONDS)

    @override
    def parse(self, output: list[str]) -> bool:
        return {"yes": True, "no": False}[output[-1]]


@dataclass(frozen=True)
class Contact:
    """A connection of a balancer to a port of a node, for the proof.

    + node: name of the node
    + port: port of the node
    + ip: the balancer's own address of the connection, as the balancer sees it
    + source: the balancer's own port of the connection
    """

    node: str
    port: int
    ip: str
    source: int

    @property
    def end(self) -> str:
        """The balancer's end of the connection, as the node sees it if no address is translated on the way."""
        return f"{self.ip}:{self.source}"


@dataclass(frozen=True)
class Reached:
    """The connections from a balancer to the nodes.

    + sources: node -> the address that the balancer's routes choose for connections to the node
    + contacts: the connections for the proof
    + holders: ids of the processes that hold these connections
    + uses: node and the balancer's own address, for each connection that a program of the balancer has with a node
    """

    sources: Mapping[str, str] = field(default_factory=dict)
    contacts: tuple[Contact, ...] = ()
    holders: tuple[int, ...] = ()
    uses: frozenset[tuple[str, str]] = frozenset()


class Reach(Fact[Reached]):
    """
    Connects from this balancer to ports of the nodes, and returns the addresses of the connections.

    + hold: seconds for which processes of the balancer hold the connections; 0 to close the connections at once
    + ports: ports of the nodes
    + members: ``<node>=<address>`` for each node; the balancer reaches the node at this address
    """

    @override
    def command(self, hold: int, ports: Sequence[int], members: Sequence[str]) -> StringCommand:
        words = " ".join(str(port) for port in ports)
        return question(read("provision/reach.sh"), str(hold), words, *members, seconds=SECONDS)

    @override
    def parse(self, output: list[str]) -> Reached:
        lines = [line.split() for line in output]
        return Reached(
            {words[1]: words[2] for words in lines if words[0] == "source"},
            tuple(
                Contact(node, int(port), ip, int(source))
                for word, node, port, ip, source in (words for words in lines if words[0] == "reached")
            ),
            tuple(int(words[1]) for words in lines if words[0] == "holder"),
            frozenset((words[1], words[2]) for words in lines if words[0] == "uses"),
        )


@dataclass(frozen=True)
class Peers:
    """The other ends of the connections to the ports of a node.

    The node's connections with itself are left out of ``open`` and ``ended``.

    + open: addresses of open connections
    + ended: addresses of connections that have ended within the last minute
    + seen: connections with which a balancer proves that it reaches the node, and which the node has seen, as
      ``<ip>:<port>``
    + placed: the addresses that the file in place allows
    """

    open: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()
    placed: tuple[Allowed, ...] = ()

    @property
    def all(self) -> frozenset[str]:
        """The addresses of all connections."""
        return self.open | self.ended


class PeersOfPorts(Fact[Peers]):
    """
    Returns the other ends of the connections to ports of this node, and the addresses that the file in place allows.

    + ports: ports of the node
    + path: path of the firewall's file
    + ends: connections to look for, as ``<ip>:<port>``
    """

    @override
    def command(self, ports: Sequence[int], path: str, ends: Sequence[str]) -> StringCommand:
        words = " ".join(str(port) for port in ports)
        return question(read("provision/peers.sh"), words, path, *ends, seconds=SECONDS)

    @override
    def parse(self, output: list[str]) -> Peers:
        said: dict[str, list[str]] = {"open": [], "ended": [], "seen": [], "placed": []}
        for line in output:
            word, rest = line.split(" ", 1)
            said[word].append(rest)
        placed = (line.partition(" ") for line in said["placed"])
        return Peers(
            frozenset(said["open"]),
            frozenset(said["ended"]),
            frozenset(said["seen"]),
            tuple(Allowed(address, who) for address, _, who in placed),
        )


@dataclass(frozen=True)
class Wall:
    """A firewall of a node: only some addresses can open connections to some ports.

    + ports: the protected ports; empty if there is no firewall
    + allowed: the addresses that can open connections to these ports
    """

    ports: frozenset[int] = frozenset()
    allowed: tuple[Allowed, ...] = ()


@dataclass(frozen=True)
class Walls:
    """The firewall of an application on a node.

    + kernel: the firewall that the kernel has
    + placed: the firewall of the file in place
    """

    kernel: Wall = Wall()
    placed: Wall = Wall()


class BothWalls(Fact[Walls]):
    """
    Returns the firewall of an application on this node, as the kernel has it and as the file in place has it.

    + table: name of the firewall's table in nftables
    + path: path of the file
    """

    @override
    def command(self, table: str, path: str) -> StringCommand:
        return question(read("provision/firewall_walls.sh"), table, path, seconds=SECONDS)

    @override
    def parse(self, output: list[str]) -> Walls:
        at = output.index("kernel")
        said = [line.partition(" ")[::2] for line in output[:at]]
        ports = "".join(rest for word, rest in said if word == "ports")
        placed = (rest.partition(" ") for word, rest in said if word == "placed")
        table = "\n".join(output[at + 1 :])
        protected = re.search(r"tcp dport \{([^}]*)\}", table)
        elements = ",".join(re.findall(r"elements = \{([^}]*)\}", table))
        return Walls(
            Wall(_ports(protected[1] if protected else ""), tuple(map(_loaded, _sources(elements)))),
            Wall(_ports(ports), tuple(Allowed(address, who) for address, _, who in placed)),
        )


def _ports(text: str) -> frozenset[int]:
    """Return the ports in a text such as ``8080, 8081``."""
    return frozenset(int(word) for word in text.split(",") if word.strip())


def _sources(text: str) -> list[Network]:
    """Return the networks in elements of nftables, such as ``10.0.0.9, 10.1.0.0/16, 10.2.0.1-10.2.0.3``."""
    found: list[Network] = []
    for word in filter(None, (word.strip() for word in text.split(","))):
        first, _, last = word.partition("-")
        if last:
            found += ipaddress.summarize_address_range(ipaddress.ip_address(first), ipaddress.ip_address(last))
        else:
            found.append(ipaddress.ip_network(word))
    return found


def _loaded(network: Network) -> Allowed:
    return Allowed(str(network), "loaded before")


def admitted(kernel: Wall, wanted: Wall) -> tuple[Allowed, ...]:
    """Return the addresses that one firewall allows, and that the firewall of the kernel does not. Pure.

    + kernel: the firewall that the kernel has
    + wanted: the firewall that will be loaded
    """
    networks = [ipaddress.ip_network(each.address) for each in kernel.allowed]
    loaded: list[Network] = [
        *ipaddress.collapse_addresses(each for each in networks if isinstance(each, ipaddress.IPv4Network)),
        *ipaddress.collapse_addresses(each for each in networks if isinstance(each, ipaddress.IPv6Network)),
    ]
    return tuple(each for each in wanted.allowed if not _is_within(ipaddress.ip_network(each.address), loaded))


def _is_within(network: Network, others: Iterable[Network]) -> bool:
    return any(
        network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]
        for other in others
    )


def widened(kernel: Wall, wanted: Wall) -> Wall | None:
    """Return a firewall that refuses only what both firewalls refuse; None if this is the firewall of the kernel. Pure.

    + kernel: the firewall that the kernel has
    + wanted: the firewall that will be loaded
    """
    ports, new = kernel.ports & wanted.ports, admitted(kernel, wanted)
    if ports == kernel.ports and not (ports and new):
        return None
    return Wall(ports, (*kernel.allowed, *new) if ports else ())


def widening(kernel: Wall, wanted: Wall) -> str | None:
    """Return a text for the operator that names the new connections that `widen` admits. Pure.

    Returns None if the kernel's firewall already admits all of them.

    + kernel: the firewall that the kernel has
    + wanted: the firewall that will be loaded
    """
    found = widened(kernel, wanted)
    if found is None:
        return None
    new = [f"{each.address} ({each.who})" for each in admitted(kernel, wanted)] if found.ports else []
    ports = [f"port {port}" for port in sorted(kernel.ports - found.ports)]
    every = [f"every address to {' and '.join(ports)}"] if ports else []
    return f"firewall: new connections from {', '.join([*new, *every])}"


@dataclass(frozen=True)
class Proved:
    """The result of a proof that the firewall of each node harms no traffic.

    + balancers: node -> addresses of the balancers
    + warnings: node -> lines about other addresses, which the firewall will refuse
    + contacts: node, port of the node, and balancer, for each port that the balancer reaches
    """

    balancers: Mapping[str, tuple[Allowed, ...]] = field(default_factory=dict)
    warnings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contacts: frozenset[tuple[str, int, str]] = frozenset()


def place(work: Work, settings: Settings, balancers: Sequence[Allowed]) -> None:
    """Pass to ``work`` the operation that installs or removes the file of the firewall on the current node.

    + balancers: the addresses of the balancers
    """
    path = render.firewall_file(settings)
    if settings.has_firewall:
        check = f"sh -c {common.quoted_script('check-firewall')} check-firewall"
        work.do("firewall", operations.file, path=path, text=render.firewall(settings, balancers), check=check)
    else:
        work.do("firewall", operations.absent, path=path)


def place_unit(work: Work, settings: Settings) -> None:
    """Pass to ``work`` the operation that installs or removes the unit of the firewall on the current node."""
    path = f"/etc/systemd/system/{settings.node.firewall_unit}"
    if settings.has_firewall:
        work.do("firewall: unit", operations.file, path=path, text=render.firewall_service(settings))
    else:
        work.do("firewall: unit", operations.absent, path=path)


def summary(settings: Settings) -> str:
    """Return a text for the operator: who can connect to the protected ports."""
    *others, last = settings.firewall_ports
    ports = f"{', '.join(str(port) for port in others)} and {last}"
    who = f"only balancers and {ALLOW}" if settings.has_firewall else "every address"
    return f"firewall: {who} can connect to the ports {ports}"


def note(settings: Settings) -> str | None:
    """Return a line of the plan that says why the nodes have no firewall, although no setting says so. Pure.

    Return None if the nodes have a firewall, or if the settings say that they have none.
    """
    if settings.firewall.enabled is not None or settings.has_firewall:
        return None
    kinds = ", ".join(each.kind for each in settings.switches if not isinstance(each, BalancerSwitch | NodeSwitch))
    return (
        f"firewall: off, because this tool does not know the addresses from which the switch {kinds} sends requests: "
        f"name their networks in {ALLOW}, or set firewall.enabled to False"
    )


def kernel(settings: Settings) -> dict[str, str]:
    """Return the arguments of the fact `Fits`, and of the operation `operations.firewall`."""
    return {
        "table": render.firewall_table(settings),
        "path": render.firewall_file(settings),
        "stamp": common.loaded(settings, "firewall"),
        "unit": settings.node.firewall_unit,
    }


def look(fleet: Fleet, is_placed: bool = False) -> Proved:
    """Prove that each node sees each balancer at an allowed address. This function changes nothing on any host.

    If a balancer reaches no port of a node, for example because the node is new or barred, nothing is proved about this
    balancer and this node. The balancer sends no request to this node, so the firewall cannot make a request fail. If
    the nodes have no firewall, the result is empty.

    Raises Refused if a node would refuse a balancer, or connections that it must not refuse (`judge`). Raises
    StepFailed if a host does not answer.

    + is_placed: whether the file of the firewall is in place. Then the proof is about the addresses in this file.
    """
    settings = fleet.settings
    if not settings.has_firewall:
        return Proved()
    members = [f"{name}={fleet.address(name)}" for name in fleet.nodes]
    ports = settings.firewall_ports
    names = [address for name in fleet.balancers if not render.is_address(address := fleet.address(name))]

    def reach(host: Host) -> list[Reached]:
        return [fleet.look(host, Reach, hold=HOLD, ports=ports, members=members)]

    def resolve(host: Host) -> list[Mapping[str, str]]:
        return [fleet.look(host, Addresses, hosts=names) if names else {}]

    looks: list[Callable[[], list[Reply[list[Any]]]]] = [
        partial(fleet.each, fleet.balancers, reach, LOOK),
        partial(fleet.each, fleet.nodes, resolve, LOOK),
    ]
    told, found = at_once(looks)
    addresses = {name: fleet.address(name) for name in fleet.balancers}
    try:
        reached = {name: each[0] for name, each in values(told).items()}
        resolved = {name: each[0] for name, each in values(found).items()}

        def peers(host: Host) -> list[Peers]:
            ends = [each.end for said in reached.values() for each in said.contacts if each.node == host.name]
            path = render.firewall_file(settings)
            return [fleet.look(host, PeersOfPorts, ports=ports, path=path, ends=ends)]

        seen = {name: each[0] for name, each in values(fleet.each(fleet.nodes, peers, LOOK)).items()}
    finally:
        _release(fleet, told)
    balancers = {node: addresses_at(node, addresses, resolved[node], reached) for node in fleet.nodes}
    problems, warnings = [], {}
    for node, said in seen.items():
        former = still_connected(said, render.all_allowed(settings, balancers[node]))
        balancers[node] += former
        allowed = said.placed if is_placed else render.all_allowed(settings, balancers[node])
        wrong, strangers = judge(settings, node, allowed, said, reached)
        problems += wrong
        warnings[node] = (*strangers, *(_accepted_for_now(each) for each in former))
    if problems:
        raise Refused("\n    ".join(["no file was changed on any host:", *problems]))
    contacts = frozenset((each.node, each.port, name) for name, said in reached.items() for each in said.contacts)
    return Proved(balancers, warnings, contacts)


def _release(fleet: Fleet, told: Iterable[Reply[list[Reached]]]) -> None:
    """End the processes that hold connections for the proof. If a balancer fails, they end after `HOLD` seconds.

    + told: the replies of the balancers
    """
    holders = {reply.name: [str(pid) for pid in reply.value[0].holders] for reply in told if reply.value}

    def at_balancer(host: Host) -> list[str]:
        return fleet.shell(host, guarded(read("provision/release.sh"), holders[host.name], None))

    fleet.each([name for name, pids in holders.items() if pids], at_balancer, LOOK)


def addresses_at(
    node: str, balancers: Mapping[str, str], resolved: Mapping[str, str], reached: Mapping[str, Reached]
) -> tuple[Allowed, ...]:
    """Return the addresses of the balancers, as a node may see them. Pure.

    These are the address of each balancer in the inventory, and the address that the balancer's routes choose for
    connections to the node.

    + balancers: inventory name -> IP address or host name of every balancer
    + resolved: host name -> IP address to which the node resolves the name. Unknown names are left out.
    + reached: balancer -> its connections
    """
    found: dict[str, Allowed] = {}
    for name, address in balancers.items():
        listed = address if render.is_address(address) else resolved.get(address)
        for ip in (listed, reached[name].sources.get(node)):
            if ip is not None:
                found.setdefault(ip, Allowed(ip, f"{BALANCER} {name}"))
    return tuple(found.values())


def accepts(allowed: Iterable[Allowed], ip: str) -> bool:
    """Return whether an IP address is among the allowed addresses and networks."""
    address = ipaddress.ip_address(ip.partition("%")[0])
    return any(address in ipaddress.ip_network(each.address) for each in allowed)


def still_connected(peers: Peers, allowed: Sequence[Allowed]) -> tuple[Allowed, ...]:
    """Return the addresses of former balancers that still have connections with a node. Pure.

    A balancer may be missing in the inventory by mistake. Therefore the firewall accepts such a balancer until it has
    stopped.

    + peers: the other ends of the node's connections, and the addresses that the file in place allows
    + allowed: the addresses that the settings and the inventory allow
    """
    former = (each for each in peers.placed if each.who.startswith(f"{BALANCER} ") and each.address in peers.all)
    return tuple(each for each in former if not accepts(allowed, each.address))


def _accepted_for_now(former: Allowed) -> str:
    return (
        f"warning: the {former.who} is no longer in the inventory, but has connections from {former.address}, so the "
        "firewall still accepts this address: when the balancer has stopped, provision again"
    )


def judge(
    settings: Settings, node: str, allowed: Sequence[Allowed], peers: Peers, reached: Mapping[str, Reached]
) -> tuple[list[str], tuple[str, ...]]:
    """Return one line for each problem of a node's firewall, and warnings for the operator. Pure.

    If no address is translated on the way, the node sees a balancer's end of a connection as the balancer itself does.
    Otherwise it is unknown which of the node's connections is from the balancer. Then the proof succeeds only if all
    connections of the node are from allowed addresses.

    Connections from other addresses are a problem if a switch behind an API may have opened them. They are also a
    problem if the settings do not name ``firewall.enabled`` and the node has no firewall yet: then the operator has not
    agreed that the firewall refuses these addresses. If the file in place already allows exactly the addresses in
    ``allowed``, connections from other addresses are no problem, and cause no warning.

    + node: name of the node
    + allowed: the addresses that the firewall allows
    + peers: the other ends of the node's connections
    + reached: balancer -> its connections
    """
    others = sorted(ip for ip in peers.all if not accepts(allowed, ip))
    listed, problems = ", ".join(others), []
    for name, said in reached.items():
        contacts = [each for each in said.contacts if each.node == node]
        seen = {each.ip for each in contacts if each.end in peers.seen}
        seen |= {ip for at, ip in said.uses if at == node and ip in peers.open}
        problems += [
            f"{node} sees the balancer {name} as {ip}, which the firewall would refuse: add {ip} to {ALLOW}, {REMEDY}"
            for ip in sorted(seen)
            if not accepts(allowed, ip)
        ]
        unseen = [each for each in contacts if each.end not in peers.seen]
        if unseen and (others or not peers.all):
            own = ", ".join(sorted({each.ip for each in unseen}))
            problems.append(
                f"{node} does not see the balancer {name} at the balancer's own address {own}, so addresses are "
                f"translated on the way, and the firewall would refuse connections from {listed or 'the balancer'}: "
                f"add the address at which {node} sees {name} to {ALLOW}, {REMEDY}"
            )
    is_known = {each.address for each in peers.placed} == {each.address for each in allowed}
    if not others or is_known:
        return problems, ()
    if settings.has_unknown_sources:
        problems.append(
            f"{node} has connections from {listed}, which may be a switch behind an API, and which the firewall would "
            f"refuse: add the networks of the switch to {ALLOW}, {REMEDY}"
        )
        return problems, ()
    ports = ", ".join(str(port) for port in settings.firewall_ports)
    if settings.firewall.enabled is None and not peers.placed:
        problems.append(
            f"{node} has connections from {listed} to the ports {ports}, which the firewall would refuse: if they are "
            f"from your own programs, such as monitoring, add the addresses to {ALLOW}. If you want the firewall to "
            "refuse these addresses, set firewall.enabled to True. If you want no firewall, set firewall.enabled "
            "to False"
        )
        return problems, ()
    return problems, (
        f"warning: there are connections from {listed} to the ports {ports}: the firewall refuses new connections from "
        f"there, unless {ALLOW} names the address",
    )


def planned_widening(fleet: Fleet, host: Host, balancers: Sequence[Allowed]) -> str | None:
    """Return a text for the operator: which new connections `widen` will admit on the current node; None if none.

    + host: the current node
    + balancers: the addresses of the balancers
    """
    settings, wanted = fleet.settings, Wall()
    if settings.has_firewall:
        wanted = Wall(frozenset(settings.firewall_ports), render.all_allowed(settings, balancers))
    return widening(_walls(fleet, host).kernel, wanted)


def _walls(fleet: Fleet, host: Host) -> Walls:
    settings = fleet.settings
    table, path = render.firewall_table(settings), render.firewall_file(settings)
    found: Walls = fleet.look(host, BothWalls, table=table, path=path)
    return found


def widen(fleet: Fleet, names: Sequence[str], say: Say) -> None:
    """Admit on nodes the addresses that their files in place allow, and that their loaded firewalls refuse.

    The nodes still accept all connections that they accepted before. `load` refuses the addresses that the files no
    longer allow. This function changes only the kernel. After a boot, a node has the firewall of its file. Raises
    StepFailed if a node fails.

    To undo this function, put the former files back, and call `load` for these nodes.

    + names: names of the nodes
    + say: prints a line for the operator
    """
    settings = fleet.settings

    def act(host: Host) -> list[str]:
        work, walls = Work(), _walls(fleet, host)
        wider, what = widened(walls.kernel, walls.placed), widening(walls.kernel, walls.placed)
        if wider is not None and what is not None:
            rules = render.firewall_rules(settings, wider.ports, wider.allowed)
            stamp = common.loaded(settings, "firewall")
            work.do(f"{what} are admitted", operations.wider_firewall, rules=rules, stamp=stamp)
        return work.changed

    tell(fleet.each(names, act, LOAD), say)


def load(
    fleet: Fleet,
    names: Sequence[str],
    former: bool,
    serving: Collection[str],
    check_probe: Callable[[], None],
    say: Say,
) -> None:
    """Load the firewall whose file is in place on some nodes, one node after another. Open connections continue.

    Each balancer that reached a port of the node before must reach the port again. Otherwise this function removes the
    firewall from the node, and raises StepFailed. If there is no file, the firewall is removed.

    + names: names of the nodes
    + former: whether the files in place are older than the settings. Then the firewall is loaded without the proof of
      `look`. If such a file would refuse a balancer that served before, the node keeps the firewall that it has, and
      a warning is printed: the undo of a provisioning must not take nodes out of the traffic.
    + serving: names of the balancers through which nodes answered before the provisioning
    + check_probe: is called each time a node has loaded the firewall; raises StepFailed if requests have failed
    + say: prints a line for the operator
    """
    if not names:
        return
    if former:
        refused = _refused_by_files(fleet, names, serving)
        for name, line in refused.items():
            say(f"    warning: {name}: {line}")
        names = [name for name in names if name not in refused]
    try:
        proved = Proved() if former else look(fleet, is_placed=True)
    except Refused as refused:
        raise StepFailed(str(refused)) from None
    arguments = kernel(fleet.settings)

    def act(host: Host) -> list[str]:
        work = Work()
        work.do("firewall: load", operations.firewall, **arguments)
        return work.changed

    for name in names:
        tell([fleet.one(name, act, LOAD)], say)
        try:
            _until_reached(fleet, name, {(port, by) for node, port, by in proved.contacts if node == name})
            check_probe()
        except BaseException:
            with suppress(OrchestratorError):
                _open(fleet, name)
            raise


def _refused_by_files(fleet: Fleet, names: Sequence[str], serving: Collection[str]) -> dict[str, str]:
    """Return the nodes whose file in place would refuse a balancer with traffic: node -> text for the operator.

    Hosts that do not answer are left out, because the undo of a provisioning must not stop at them.

    + names: names of the nodes
    + serving: names of the balancers with traffic
    """
    members = [f"{name}={fleet.address(name)}" for name in names]

    def reach(host: Host) -> Reached:
        # a barred node cannot be reached now, so only the routes are read
        found: Reached = fleet.look(host, Reach, hold=0, ports=[], members=members)
        return found

    balancers = [name for name in fleet.balancers if name in serving]
    walls = {reply.name: reply.value.placed for reply in fleet.each(names, partial(_walls, fleet), LOOK) if reply.value}
    sources = {reply.name: reply.value.sources for reply in fleet.each(balancers, reach, LOOK) if reply.value}
    lines = {node: cut_off(node, wall, sources) for node, wall in walls.items()}
    return {node: line for node, line in lines.items() if line}


def cut_off(node: str, wall: Wall, sources: Mapping[str, Mapping[str, str]]) -> str | None:
    """Return a text about the balancers that a firewall of a node would refuse; None if there are none. Pure.

    + node: name of the node
    + wall: the firewall
    + sources: balancer -> node -> the address that the balancer's routes choose for connections to the node
    """
    refused = [
        f"{name} ({said[node]})"
        for name, said in sources.items()
        if wall.ports and node in said and not accepts(wall.allowed, said[node])
    ]
    if not refused:
        return None
    return (
        f"the former firewall would refuse {', '.join(refused)}, so the node still accepts new connections from there: "
        "provision again"
    )


def _until_reached(fleet: Fleet, node: str, before: set[tuple[int, str]]) -> None:
    """Wait until balancers reach ports of a node, at most `AGAIN` seconds. Raises StepFailed if they do not.

    + before: port of the node and name of the balancer, for each port that a balancer reached before
    """
    ports = sorted({port for port, _ in before})

    def at_balancer(host: Host) -> list[int]:
        wanted = {port for port, by in before if by == host.name}

        def ask() -> None:
            members = [f"{node}={fleet.address(node)}"]
            said: Reached = fleet.look(host, Reach, hold=0, ports=ports, members=members)
            if missing := wanted - {each.port for each in said.contacts}:
                raise NotYet(f"port {min(missing)} of {node} cannot be reached since {node} has loaded the firewall")

        until(ask, AGAIN, INTERVAL)
        return []

    values(fleet.each(sorted({by for _, by in before}), at_balancer, AGAIN + LOOK))


def _open(fleet: Fleet, node: str) -> None:
    """Remove the firewall of the application from the kernel of a node."""
    table, stamp = render.firewall_table(fleet.settings), common.loaded(fleet.settings, "firewall")
    text = 'rm -f -- "$2"; /usr/sbin/nft delete table inet "$1"'
    sure(fleet.one(node, lambda host: fleet.shell(host, guarded(text, [table, stamp], None)), LOAD))
