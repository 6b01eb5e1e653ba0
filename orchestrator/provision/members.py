"""Decide which nodes must not get traffic yet, and which nodes leave the fleet. All functions are pure.

A node must not get traffic while it lacks the release that the other nodes have in a color with traffic. A node leaves
the fleet if a balancer knows the node, but the inventory no longer has the node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.config.ports import Ports
from orchestrator.errors import UsageError
from orchestrator.facts.node import NodeState
from orchestrator.journal.history import RunHistory
from orchestrator.model import Color
from orchestrator.plan.fleet_state import FleetState


@dataclass(frozen=True)
class Listed:
    """One line in the list of nodes of a balancer.

    The list is a file that provisioning writes on each balancer. The file has one line for each node.

    + address: address of the node in the inventory
    + ip: the IP address to which the balancer resolved ``address``
    + blue: port of the color blue on the node
    + green: port of the color green on the node
    + name: name of the node in the inventory; empty if version 0.1 of this tool wrote the line
    """

    address: str
    ip: str
    blue: str
    green: str
    name: str = ""

    @property
    def label(self) -> str:
        """The name of the node for the operator. If the name is unknown, this is the node's address."""
        return self.name or self.address

    def port(self, color: Color) -> str:
        return self.blue if color is Color.blue else self.green

    @property
    def line(self) -> str:
        return " ".join(filter(None, (self.address, self.ip, self.blue, self.green, self.name)))


@dataclass(frozen=True)
class Roll:
    """The differences between a balancer's list of nodes and the inventory.

    + barred: addresses of the nodes that provisioning must bar before the balancer loads its new configuration
    + leaving: nodes of the list whose name and address are both missing in the inventory
    + moved: nodes of the list that have another address in the inventory, with their former addresses
    """

    barred: tuple[str, ...] = ()
    leaving: tuple[Listed, ...] = ()
    moved: tuple[Listed, ...] = ()

    @property
    def outdated(self) -> tuple[Listed, ...]:
        """The nodes of the list that leave the fleet, and the nodes of the list that have a new address.

        Their lines stay in the list until the balancer has loaded a configuration without their former addresses.
        """
        return (*self.leaving, *self.moved)


NO_CHANGE = Roll()


@dataclass(frozen=True)
class Members:
    """The decision of provisioning: which nodes may get traffic after the provisioning, and which nodes must not.

    + lacking: node that must not get traffic until the command ``join`` -> the reason. Such a node lacks the live
      release.
    + answering: the nodes of ``lacking`` that were provisioned before. They may still be answering requests.
    + barred: the nodes that were barred before provisioning; none if the fleet does not serve traffic
    + live: the color that gets all the traffic; None if the fleet does not serve traffic, or if the traffic is split.
      If no switch says where the traffic goes, for example because the only balancer is new, the color of `linked`
    + draining: the nodes that are still drained, because an earlier provisioning was killed while it drained them
    + rolls: balancer -> the differences between the balancer's list of nodes and the inventory
    + lists: balancer -> the balancer's list of nodes before provisioning
    """

    lacking: Mapping[str, str] = field(default_factory=dict)
    answering: tuple[str, ...] = ()
    barred: frozenset[str] = frozenset()
    live: Color | None = None
    draining: tuple[str, ...] = ()
    rolls: Mapping[str, Roll] = field(default_factory=dict)
    lists: Mapping[str, Sequence[Listed]] = field(default_factory=dict)

    def roll(self, balancer: str) -> Roll:
        return self.rolls.get(balancer, NO_CHANGE)

    @property
    def warnings(self) -> list[str]:
        """One line for each node that is barred, with the command that brings the node into the traffic."""
        why = dict.fromkeys(sorted(self.barred), "is barred") | {
            name: f"is barred, because it {reason}" for name, reason in self.lacking.items()
        }
        return [
            f"{name} {reason}: bring it into the traffic with deploys/join.py --data node={name}"
            for name, reason in why.items()
        ]


def out_at(state: FleetState) -> dict[str, set[str]]:
    """Return for each switch the names of the nodes that get no new requests from this switch: switch -> nodes.

    These are the nodes that the switch bars, and the nodes that an operator has taken out of the switch.

    + state: the state of the fleet
    """
    return {
        name: {
            node
            for node, address in state.addresses.items()
            if node in (*seen.out, *seen.barred) or address in seen.barred
        }
        for name, seen in state.seen.items()
    }


def takers(nodes: Iterable[str], state: FleetState, live: Color | None) -> list[str]:
    """Return the names of the nodes that get requests from every switch.

    A node is left out if at least one switch bars the node, if an operator has taken the node out of a switch, or if
    the node fails a switch's health checks of the live color.

    + nodes: names of the nodes from which this function selects
    + state: the state of the fleet
    + live: the color that gets all the traffic; None if unknown, so that failed health checks do not count
    """
    without = {node for names in out_at(state).values() for node in names}
    if live is not None:
        without |= {node for seen in state.seen.values() for node in seen.down.get(live, ())}
    return [name for name in nodes if name not in without]


def listed(text: str) -> tuple[Listed, ...]:
    """Parse the text of a balancer's list of nodes. Lines in an unknown format are left out.

    + text: content of the file on the balancer; empty if the balancer has no such file
    """
    lines = (line.split() for line in text.splitlines())
    return tuple(Listed(*words) for words in lines if len(words) in (4, 5))


def leaving(known: Iterable[Listed], nodes: Mapping[str, str]) -> tuple[Listed, ...]:
    """Return the nodes that leave the fleet: their name and their address are both missing in the inventory.

    + known: nodes of a balancer's list
    + nodes: inventory name -> address
    """
    return tuple(one for one in known if one.name not in nodes and one.address not in nodes.values())


def moved(known: Iterable[Listed], nodes: Mapping[str, str]) -> tuple[Listed, ...]:
    """Return the nodes of a balancer's list that have another address in the inventory.

    + known: nodes of the list
    + nodes: inventory name -> address
    """
    return tuple(one for one in known if one.name in nodes and one.address not in nodes.values())


def missing(
    app: str, lists: Mapping[str, Sequence[Listed]], nodes: Mapping[str, str], removed: frozenset[str]
) -> list[str]:
    """Return one line for each problem: a balancer sends requests to nodes that are missing in the inventory.

    If several balancers know the same set of such nodes, one line names all these balancers.

    + app: name of the application
    + lists: balancer -> nodes of its list
    + nodes: inventory name -> address
    + removed: names or addresses of the nodes that the operator has confirmed with ``--data remove=``. These nodes are
      no problem.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for balancer, known in lists.items():
        lost = tuple(one.label for one in leaving(known, nodes) if not {one.name, one.address} & removed)
        if lost:
            groups.setdefault(lost, []).append(balancer)
    return [
        (
            f"{_list(balancers)} {'sends' if len(balancers) == 1 else 'send'} requests to {_list(lost)}, which "
            f"{'is' if len(lost) == 1 else 'are'} not in this inventory: if "
            f"{'this node is' if len(lost) == 1 else 'these nodes are'} to leave the fleet, add --data "
            f"remove={','.join(sorted({*lost, *removed}))}. If this inventory is another deployment of {app} on the "
            "same servers, give the deployment a different name (setting deployment, such as staging)"
        )
        for lost, balancers in groups.items()
    ]


def moved_ports(fleet: FleetState, lists: Mapping[str, Sequence[Listed]], ports: Ports) -> list[str]:
    """Return one line for each color that gets traffic on a port that differs from the port in the settings.

    Provisioning changes the port on one node after another, before the balancers know the new port. Until the balancers
    know the new port, the color gets no requests on these nodes. Therefore the port of a color may change only while
    the other color has all the traffic.

    + lists: balancer -> nodes of its list, with the ports to which the balancer sends requests
    + ports: the ports in the settings
    """
    found: dict[tuple[Color, str], list[str]] = {}
    for balancer, known in lists.items() if is_serving(fleet) else ():
        for color in carrying(fleet):
            for port in dict.fromkeys(one.port(color) for one in known):
                if port != str(ports.of(color)):
                    found.setdefault((color, port), []).append(balancer)
    return [
        f"{_list(balancers)} {'sends' if len(balancers) == 1 else 'send'} users' requests to {color} on port {port}: "
        f"set ports.{color} to {port}, and change the port after the next release, when {color.other} has all the "
        "traffic"
        for (color, port), balancers in found.items()
    ]


def check_removed(removed: frozenset[str], lists: Mapping[str, Sequence[Listed]], nodes: Mapping[str, str]) -> None:
    """Raise UsageError if a node of ``--data remove=`` is in the inventory, or if no balancer's list has the node.

    + removed: names or addresses of the nodes of ``--data remove=``
    + lists: balancer -> nodes of its list
    + nodes: inventory name -> address
    """
    known = {name for one_list in lists.values() for one in one_list for name in (one.name, one.address) if name}
    labels = sorted({one.label for one_list in lists.values() for one in one_list})
    for name in sorted(removed):
        if name in nodes or name in nodes.values():
            raise UsageError(
                f"--data remove={name}: {name} is in the inventory: first remove {name} from the inventory"
            )
        if name not in known:
            raise UsageError(
                f"--data remove={name}: no balancer has a node {name} in its list (the lists have "
                f"{', '.join(labels) or 'no nodes'}): correct the name"
            )


def split(fleet: FleetState) -> list[str]:
    """Return one line for each switch that splits the traffic between the colors.

    A split is a problem for provisioning, because no node can be drained while the traffic is split.
    """
    return [
        f"{name} splits the traffic ({seen.weights.green}% to green): first end the unfinished run with "
        "deploys/promote.py, deploys/resume.py or deploys/abort.py (deploys/status.py shows the run)"
        for name, seen in fleet.seen.items()
        if seen.weights.live is None
    ]


def carrying(fleet: FleetState) -> tuple[Color, ...]:
    """Return the colors to which at least one switch sends traffic."""
    return tuple(color for color in Color if any(seen.weights.share(color) for seen in fleet.seen.values()))


def releases(fleet: FleetState, color: Color) -> set[str]:
    """Return the ids of the releases that the nodes have in a color. Barred nodes do not count."""
    return {release for state in _not_barred(fleet).values() if (release := state.release[color])}


def linked(fleet: FleetState) -> Color | None:
    """Return the color that the ``live`` links of all nodes name; None if they differ, or if the color has no release.

    Barred nodes, and nodes without a link, do not count.
    """
    links = {state.live for state in _not_barred(fleet).values() if state.live}
    color = links.pop() if len(links) == 1 else None
    return color if color and releases(fleet, color) else None


def is_serving(fleet: FleetState) -> bool:
    """Return whether a node that is not barred has a release in a color that gets traffic."""
    return any(releases(fleet, color) for color in carrying(fleet))


def disagree(fleet: FleetState) -> bool:
    """Return whether nodes have different releases in a color that gets traffic. Barred nodes do not count."""
    return any(len(releases(fleet, color)) > 1 for color in carrying(fleet))


def committed(runs: Iterable[RunHistory]) -> dict[Color, str]:
    """Return the release of each color according to the journal: color -> release.

    The release of a color is the release of the newest committed run that moved the traffic to this color.

    + runs: histories of the runs in the journal, oldest run first
    """
    moved = [run.inputs for run in runs if run.inputs and run.committed]
    return {Color(i["color"]): str(i["release"]) for i in moved if i.get("color") in list(Color) and "release" in i}


def lacking(fleet: FleetState, known: Mapping[Color, str], bar: str) -> tuple[dict[str, str], list[str]]:
    """Return the nodes that must not get traffic (node -> reason), and one line for each problem.

    If there is a problem, the decision is incomplete, and provisioning must not begin.

    A node must not get traffic if it was not provisioned before. A node also must not get traffic if it lacks the right
    release in a color that gets traffic. If no node has a release in a color that gets traffic, the fleet does not
    serve traffic, and both results are empty.

    Only the nodes that are not barred decide which release is the right release of a color:

    1. If one of these nodes has the release that the journal has for the color, this is the right release.
    2. Otherwise the right release is the release that more of these nodes have than any other release.

    If rule 2 gives no release because several releases are equally frequent, this is a problem. It is also a problem if
    the state of a node is unknown.

    + known: color -> release of the color, according to the journal
    + bar: path of the program that bars a node at a balancer. The problems tell the operator to run this program.
    """
    found: dict[str, str] = {}
    problems: list[str] = []
    if not is_serving(fleet):
        return found, problems
    for name, state in fleet.nodes.items():
        if isinstance(state, str):
            problems.append(f"{name}: {state}, so it is unknown whether the node has the live release")
        elif not state.provisioned:
            found[name] = "was not provisioned before"
    for color in carrying(fleet):
        right = _right(fleet, color, known.get(color))
        if right is None and len(releases(fleet, color)) > 1:
            has = {name: state.release[color] for name, state in _not_barred(fleet).items()}
            problems.append(
                f"the nodes disagree about the release of {color}, which gets traffic "
                f"({_releases(has)}), and the journal has none of these releases: bar the nodes with the wrong "
                f"release, as root on every balancer: {bar} ADDRESS on"
            )
        if right is None:
            continue
        for name, state in fleet.node_states.items():
            if name not in found and state.release[color] != right:
                found[name] = _why(state, color, right)
    return found, problems


def decided(state: FleetState, lists: Mapping[str, Sequence[Listed]], lacking: Mapping[str, str]) -> Members:
    """Return which nodes may get traffic after provisioning.

    + state: the state of the fleet
    + lists: balancer -> nodes of its list
    + lacking: the nodes that must not get traffic (node -> reason), as the function `lacking` returns them
    """
    colors, serving = carrying(state), is_serving(state)
    only = colors[0] if serving and len(colors) == 1 else None
    rolls = {}
    for balancer, known in lists.items():
        seen = state.seen.get(balancer)
        rolls[balancer] = roll(known, state.addresses, lacking, state.barred, seen.barred if seen else ())
    return Members(
        lacking=lacking,
        answering=tuple(name for name, node in state.node_states.items() if name in lacking and node.provisioned),
        barred=frozenset(state.barred) if serving else frozenset(),
        live=only if colors else linked(state),
        draining=tuple(name for name, node in state.node_states.items() if node.draining),
        rolls=rolls,
        lists=lists,
    )


def roll(
    known: Sequence[Listed],
    nodes: Mapping[str, str],
    without: Iterable[str],
    barred: Iterable[str],
    here: Iterable[str],
) -> Roll:
    """Return the differences between a balancer's list of nodes and the inventory.

    + known: nodes of the list; none if the balancer is new
    + nodes: inventory name -> address
    + without: names of the nodes that must not get traffic
    + barred: names of the nodes that at least one switch bars already. If the balancer is new, it must also bar these
      nodes.
    + here: addresses that this balancer bars already. If the inventory has a new address for one of these nodes, the
      balancer must also bar the new address.
    """
    changed, there = moved(known, nodes), set(here)
    names = {*without, *(() if known else barred), *(one.name for one in changed if one.address in there)}
    return Roll(tuple(address for name, address in nodes.items() if name in names), leaving(known, nodes), changed)


def _not_barred(fleet: FleetState) -> dict[str, NodeState]:
    barred = fleet.barred
    return {name: state for name, state in fleet.node_states.items() if name not in barred}


def _right(fleet: FleetState, color: Color, known: str | None) -> str | None:
    """Return the right release of a color: the release that a node must have to get traffic; None if it is unknown.

    The description of `lacking` has the two rules by which a release is the right release.

    + known: release of the color, according to the journal; None if the journal has no release for the color
    """
    count = Counter(release for state in _not_barred(fleet).values() if (release := state.release[color]))
    if known in count:
        return known
    most = [release for release, number in count.items() if number == max(count.values())]
    return most[0] if len(most) == 1 else None


def _why(state: NodeState, color: Color, right: str) -> str:
    if state.release[color] is None:
        return f"has no release in {color}, which gets traffic"
    return f"has release {state.release[color]} in {color}, which gets traffic, and the other nodes have {right}"


def _releases(has: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name} has {release or 'none'}" for name, release in has.items())


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
