"""Read the state of the whole fleet, and change nothing.

All nodes and switches are read at the same time, each with one round trip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import gevent
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host

from orchestrator.config.applied import BALANCERS, digests
from orchestrator.errors import CannotTell, NotDone, OrchestratorError
from orchestrator.facts.answers import ColorAnswers, ColorSaid
from orchestrator.facts.balancer import BalancerLines
from orchestrator.facts.idle import ColorInFlight, InFlight
from orchestrator.facts.node import Node, NodeState
from orchestrator.facts.schedule import Schedules, ScheduleState
from orchestrator.facts.workers import Workers, WorkerState
from orchestrator.fleet import Fleet, at_once
from orchestrator.layout import HEALTH
from orchestrator.model import Color, Weights
from orchestrator.plan.fleet_state import FleetState
from orchestrator.plan.steps import Where
from orchestrator.runtimes import runtime_of
from orchestrator.scripts.command import understood
from orchestrator.switches import balancer
from orchestrator.switches.base import Api, Seen
from orchestrator.waiting import within

if TYPE_CHECKING:
    from orchestrator.aws.scaling import Group


Looks = Mapping[str, Sequence[str]]
"""Name of a host -> the lines that the host printed when it ran its command of `look_command`."""

NO_LOOKS: Looks = MappingProxyType({})
"""No host has printed its lines yet."""


def survey(fleet: Fleet, group: bool = True, looks: Looks = NO_LOOKS) -> FleetState:
    """Return the state of every node, every switch and the Auto Scaling group.

    If a state cannot be read, one line that says why takes the place of this state in the result.

    + group: whether to read the Auto Scaling group as well, if the settings name a group
    + looks: the lines of the hosts whose state this command has read right before. The survey does not ask these hosts
      again
    """
    nodes = gevent.spawn(_nodes, fleet, looks)
    scaling = gevent.spawn(_group, fleet) if group and fleet.settings.scaling else None
    balancers, apis = at_once([lambda: _balancers(fleet, looks), lambda: _apis(fleet)])
    states: dict[str, NodeState | str] = nodes.get()
    links = {name: _link(state) for name, state in states.items()} if fleet.is_switch else {}
    kinds: dict[str, tuple[Where, str]] = {
        **{name: ("balancer", kind) for name, kind in fleet.balancers.items()},
        **{name: ("api", api.switch.kind) for name, api in fleet.apis.items()},
        **dict.fromkeys(links, ("node", "node")),
    }
    addresses = {name: fleet.address(name) for name in fleet.nodes}
    # `if scaling` would be wrong: a greenlet that has ended is false
    found = scaling.get() if scaling is not None else None
    seen = {**balancers, **apis, **links}
    return FleetState(states, seen, kinds, addresses, found, wanted(fleet), fleet.identity, fleet.known_as)


def wanted(fleet: Fleet) -> dict[str, dict[str, str]]:
    """Return digests of the present settings for each host: host -> key of the setting -> digest of the value.

    Provisioning would write these digests on the host. Hosts that this tool does not provision are left out.
    """
    settings = fleet.settings
    switches = {name: fleet.switch_of(name) for name in fleet.balancers}
    ours = {name: digests(settings, switch) for name, switch in switches.items() if switch.kind in BALANCERS}
    return {**dict.fromkeys(fleet.nodes, digests(settings)), **ours}


def color_answers(fleet: Fleet, host: Host, color: Color, count: int) -> ColorSaid:
    """Let a node send requests to one of its colors, and return the answers.

    The result also has the code that the color's processes run.

    + host: the node
    + count: number of requests, one after the other
    """
    settings = fleet.settings
    said: ColorSaid = fleet.look(
        host,
        ColorAnswers,
        stdin=settings.token + "\n",
        root=settings.node.root,
        user=settings.user,
        color=color.value,
        port=settings.ports.of(color),
        path=HEALTH,
        hostname=settings.gate.host,
        count=count,
        https=settings.gate.https,
        code=runtime_of(settings).code(color),
        said=runtime_of(settings).said(color),
    )
    return said


def color_in_flight(fleet: Fleet, host: Host, color: Color) -> InFlight:
    """Return the numbers of requests and streams that a color serves on a node.

    + host: the node

    Raises Unclear if the node does not say these numbers.
    """
    about = runtime_of(fleet.settings).in_flight(color)
    seen: InFlight = fleet.look(host, ColorInFlight, user=fleet.settings.user, **about)
    return seen


def workers_at(fleet: Fleet, host: Host, color: Color | None = None) -> WorkerState:
    """Return the workers of both colors of a node.

    + host: the node
    + color: the state has the last line of each process of this color that failed or that systemd started again;
      None for no lines

    Raises Unclear if the node's answer does not contain the workers.
    """
    settings = fleet.settings
    state: WorkerState = fleet.look(
        host,
        Workers,
        root=settings.node.root,
        app=settings.name,
        program=settings.node.workers,
        user=settings.user,
        color=color.value if color else "",
    )
    return state


def schedules_at(fleet: Fleet, host: Host) -> ScheduleState:
    """Return the schedules of a node.

    Raises Silent if the node does not answer, and Unclear if the answer cannot be read.

    + host: the node
    """
    settings = fleet.settings
    state: ScheduleState = fleet.look(host, Schedules, root=settings.node.root, app=settings.name, user=settings.user)
    return state


def look_command(fleet: Fleet, name: str) -> StringCommand:
    """Return the command that prints the state of a node or of a balancer.

    + name: name of the host
    """
    settings = fleet.settings
    if name in fleet.balancers:
        return BalancerLines().command(settings.balancer.name, fleet.balancers[name])
    return Node().command(settings.node.root, settings.name, settings.user, runtime_of(settings).main_name)


def _lines(fleet: Fleet, host: Host, looks: Looks) -> list[str]:
    """Return the lines that a host prints about its state. Raises Unclear if the host does not say its state."""
    if host.name in looks:
        return list(looks[host.name])
    return fleet.shell(host, look_command(fleet, host.name))


def _nodes(fleet: Fleet, looks: Looks) -> dict[str, NodeState | str]:
    def ask(host: Host) -> NodeState:
        return Node().process(_lines(fleet, host, looks))

    replies = fleet.each(fleet.nodes, ask, fleet.settings.deadlines.look)
    return {reply.name: reply.value if reply.value is not None else str(reply.error) for reply in replies}


def seen_at(fleet: Fleet, host: Host, looks: Looks = {}) -> Seen:  # noqa: B006 (read only)
    """Return the state of the switch on a balancer.

    + host: the balancer
    + looks: the lines of the hosts whose state this command has read right before. If ``looks`` has the lines of the
      balancer, this function does not ask the balancer again

    Raises CannotTell if the balancer's answer does not contain the weights. Raises Unclear if the answer cannot be
    parsed.
    """
    kind, layout = fleet.balancers[host.name], fleet.settings.balancer
    return understood(balancer(kind, layout).seen, _lines(fleet, host, looks))


def _link(state: NodeState | str) -> Seen | str:
    """Return the state of the switch ``node`` on one node. If this state is unknown, return one line that says why.

    The node's ``live`` link decides which color gets all the traffic of the node's live port.

    + state: the state of the node, or one line that says why the state is unknown
    """
    if isinstance(state, str):
        return state
    if state.live is None:
        return "the live link names no color"
    weights = Weights.all_to(state.live)
    return Seen(weights, weights, None, state.filesystem)


def _apis(fleet: Fleet) -> dict[str, Seen | str]:
    def ask(api: Api) -> Seen | str:
        try:
            with within(fleet.settings.deadlines.look, CannotTell("the API did not answer in time")):
                return api.see()
        except (CannotTell, NotDone) as unknown:
            return str(unknown)

    return dict(zip(fleet.apis, at_once([lambda api=api: ask(api) for api in fleet.apis.values()]), strict=True))  # type: ignore[misc]


def _group(fleet: Fleet) -> Group | str:
    # imported here, so that a fleet without AWS does not load the AWS modules
    from orchestrator.aws import scaling
    from orchestrator.aws.api import Account

    section = fleet.settings.scaling
    assert section is not None
    account = Account(section.region, section.profile, section.endpoint_url)
    late = OrchestratorError(f"Auto Scaling group {section.group}: AWS did not answer in time")
    try:
        with within(fleet.settings.deadlines.look, late):
            return scaling.see(account.autoscaling(), section.group)
    except OrchestratorError as unknown:
        return str(unknown)


def _balancers(fleet: Fleet, looks: Looks) -> dict[str, Seen | str]:
    def ask(host: Host) -> Seen | str:
        try:
            return seen_at(fleet, host, looks)
        except CannotTell as unknown:
            return str(unknown)

    replies = fleet.each(fleet.balancers, ask, fleet.settings.deadlines.look)
    return {reply.name: reply.value if reply.value is not None else str(reply.error) for reply in replies}
