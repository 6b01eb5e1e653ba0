"""Provision a fleet: prepare all hosts, check all files, put the files into place, and load the new configuration.

If a reload of nginx on a node could fail requests, the node is drained first: the balancers send no new requests to the
node, and open requests end. Nodes are drained one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pyinfra.api.host import Host

from orchestrator.config.switch import BalancerSwitch
from orchestrator.drain import cut_line, drained
from orchestrator.errors import NotYet, OrchestratorError, Refused, StepFailed, UsageError
from orchestrator.fleet import Fleet, Reply
from orchestrator.model import Color
from orchestrator.plan.fleet_state import FleetState
from orchestrator.plan.preflight import live_color
from orchestrator.provision import (
    applied,
    balancer,
    drain_mark,
    drains,
    firewall,
    haproxy,
    keep_out,
    live_gate,
    neighbors,
    nginx_balancer,
    node,
    operations,
    render,
    tls,
    web_user,
)
from orchestrator.provision.answers import Answers
from orchestrator.provision.drains import Drain
from orchestrator.provision.listed import Listed
from orchestrator.provision.live_gate import Answering
from orchestrator.provision.members import Members
from orchestrator.provision.neighbors import KEPT
from orchestrator.provision.node import Task
from orchestrator.provision.phases import Checked, Completed, Placed, Prepared
from orchestrator.provision.render import Allowed
from orchestrator.provision.replies import Say, sure, tell, values
from orchestrator.provision.work import Work
from orchestrator.stack.files import files
from orchestrator.survey import color_in_flight, survey, wanted
from orchestrator.waiting import until

PLACE = 900.0
"""Seconds after which one phase of provisioning counts as failed on one host.

A phase may install packages.
"""

LOAD = 120.0
"""Seconds after which a task such as loading the configuration of one host counts as failed."""

GIVE = 900.0
"""Seconds that a node may take to give all files of the application to another web user."""

POOLED = 10.0
"""Seconds that a barred node waits for the end of idle connections to a color before both colors stop.

An nginx balancer uses its idle connections to a barred node again, but closes them after 2 seconds. A WebSocket without
data looks like an idle connection, and must not delay the node for longer.
"""

INTERVAL = 0.25
"""Seconds between two checks while a function waits until requests or connections have ended."""

KINDS = {"haproxy": haproxy, "nginx": nginx_balancer}


class Readings:
    """The answers of each host during one provisioning, for `place_host`.

    Make a new object after a lock is taken, and after anything else than the phases has changed a host. Raises Refused
    if the firewall of a node would refuse a balancer (`firewall.look`).

    + fleet: the hosts
    + members: which nodes may get traffic
    """

    def __init__(self, fleet: Fleet, members: Members) -> None:
        self.fleet, self.members = fleet, members
        self.firewall = firewall.look(fleet)
        self._answers: dict[str, Answers] = {}

    def of(self, host: Host) -> Answers:
        """Return what the current host reports about its files.

        The first call lists all paths that the operations will compare, and reads these paths together.
        """
        if host.name not in self._answers:
            answers = Answers()
            listed = Listed(answers)
            self.place(listed, host)
            answers.read_together(listed.paths)
            self._answers[host.name] = answers
        return self._answers[host.name]

    def place(self, work: Work, host: Host) -> list[str]:
        """Call `place_host` for the current host, and return its warnings."""
        return place_host(self.fleet, self.members, work, host, self.firewall.balancers.get(host.name, ()))


def prepare(readings: Readings, say: Say) -> None:
    """Bar the nodes that lack the live release. Then run, on all hosts at once, the operations that only add something.

    These operations add packages, users and directories, and also links and files that do not exist yet. They do not
    disturb the traffic. First call `preflight.require`, and then `require` of this module.

    Raises Refused or StepFailed if a node cannot be barred. Then no operation is run. If an operation fails on a host,
    the operations are still run on the other hosts. Then this function raises StepFailed with all failures.

    + readings: the answers of the hosts
    + say: prints a line for the operator
    """
    keep_out.bar_known(readings.fleet, readings.members, say)
    tell(_on_hosts(readings, Prepared), say)


def check(readings: Readings) -> None:
    """Check the new content of all files on all hosts at once. This function changes no file.

    Call `prepare` before this function, because the checks use programs that `prepare` installs, such as nginx. Raises
    StepFailed with all failures if the check of a file fails on a host.

    + readings: the answers of the hosts
    """
    try:
        values(_on_hosts(readings, Checked))
    except StepFailed as failed:
        raise StepFailed(f"no file was changed on any host: {failed}") from None


def place(readings: Readings, changing: Collection[str], say: Say) -> None:
    """Put all files into place on all hosts at once. This does not disturb the traffic.

    Call `check` and `kept.keep` before this function. If a host fails, the files are still put into place on the other
    hosts. Then this function raises StepFailed with all failures, and the caller must call `kept.put_back`.

    + readings: the answers of the hosts
    + changing: names of the hosts on which files will change, as `kept.keep` returns them
    + say: prints a line for the operator
    """
    fleet = readings.fleet
    expected, hosts = wanted(fleet), [*fleet.nodes, *fleet.balancers]
    values(fleet.each(hosts, lambda host: applied.begin(fleet.settings, expected[host.name]), LOAD))
    tell(_on_hosts(readings, Placed, changing), say)


def _on_hosts(
    readings: Readings, phase: Callable[[Answers], Work], names: Collection[str] | None = None
) -> list[Reply[list[str]]]:
    """Run one phase of provisioning on all hosts at once, or on some hosts. Return one reply for each host.

    The value of a reply has the names of the operations that changed something on the host. In the phase `Prepared`,
    the value of a node's reply also has the warnings of the node.

    + readings: the answers of the hosts
    + phase: makes the Work that runs the operations of the phase
    + names: names of the hosts; None for all hosts
    """
    fleet = readings.fleet

    def act(host: Host) -> list[str]:
        work = phase(readings.of(host))
        warnings = [*readings.place(work, host), *readings.firewall.warnings.get(host.name, ())]
        return [*work.changed, *(warnings if phase is Prepared else ())]

    hosts = [name for name in dict.fromkeys([*fleet.nodes, *fleet.balancers]) if names is None or name in names]
    return fleet.each(hosts, act, PLACE)


def require(fleet: Fleet) -> None:
    """Raise UsageError if a configuration file cannot be made from the settings. Nothing is changed on any host.

    Raises StepFailed if the TLS certificate of a balancer is missing or wrong.
    """
    settings = fleet.settings
    for name in fleet.balancers:
        if (kind := fleet.switch_of(name).kind) not in KINDS:
            raise UsageError(
                f"{name}: provisioning cannot set up a balancer of the kind {kind}, and knows only "
                f"{' and '.join(KINDS)}: docs/switches.md says what to do"
            )
    render.preview(settings)
    files(settings)
    for name in fleet.nodes:
        node.check(settings, name)
    for name in fleet.balancers:
        switch = fleet.switch_of(name)
        KINDS[switch.kind].check(settings, switch, _addresses(fleet))
    values(fleet.each(fleet.balancers, lambda host: tls.require(fleet.switch_of(host.name)), LOAD))


def place_host(fleet: Fleet, members: Members, work: Work, host: Host, allowed: Sequence[Allowed] = ()) -> list[str]:
    """Pass all operations that install something on the current host to ``work``. Returns warnings for the operator.

    The operations do not disturb the traffic.

    + members: which nodes may get traffic
    + work: runs the operations, or only notes them
    + host: the current host: a node, a balancer or both
    + allowed: the addresses of the balancers, which the firewall of a node allows
    """
    warnings = place_node(fleet, members, work, host, allowed) if host.name in fleet.nodes else []
    if host.name in fleet.balancers:
        place_balancer(fleet, members, work, host)
    return warnings


def place_node(fleet: Fleet, members: Members, work: Work, host: Host, allowed: Sequence[Allowed] = ()) -> list[str]:
    """Pass all operations that install something on the current node to ``work``. Returns warnings for the operator.

    The operations do not disturb the traffic.

    + members: which nodes may get traffic
    + work: runs the operations, or only notes them
    + host: the current node
    + allowed: the addresses of the balancers, which the firewall allows
    """
    settings = fleet.settings
    _identify(fleet, work)
    balancers_at = {name: fleet.address(name) for name in fleet.balancers}
    live = None if fleet.is_switch and host.name in members.lacking else members.live or settings.first_color
    return node.place(work, settings, host.name, balancers_at, live, allowed)


def place_balancer(fleet: Fleet, members: Members, work: Work, host: Host) -> None:
    """Pass all operations that install something on the current balancer to ``work``.

    The operations do not disturb the traffic.

    + members: which nodes may get traffic
    + work: runs the operations, or only notes them
    + host: the current balancer
    """
    _identify(fleet, work)
    switch = fleet.switch_of(host.name)
    place_kind: Callable[..., None] = KINDS[switch.kind].place
    first = members.live or fleet.settings.first_color
    place_kind(work, fleet.settings, switch, _addresses(fleet), first, members.roll(host.name))


def _identify(fleet: Fleet, work: Work) -> None:
    """Write the identity file on the current host.

    This is the first file, so that even an unfinished provisioning says which inventory it belongs to.

    + work: runs the operation, or only notes it
    """
    path = fleet.settings.node.inventory
    work.do("identity of the inventory", operations.file, path=path, text=fleet.identity.text)


def before_loading(fleet: Fleet) -> Answering:
    """Return the hosts that answer with the live release now. Call this before `activate` or `load_former`."""
    seen = survey(fleet)
    live, serving = traffic(seen)
    return live_gate.answering(fleet, seen, live if serving else None)


def activate(fleet: Fleet, members: Members, before: Answering, check_probe: Callable[[], None], say: Say) -> None:
    """Load the installed configuration on all hosts.

    If loading the configuration of a node could fail requests, the node is drained before. The order is:

    1. Admit the addresses that are new in the firewall, on all nodes at once. A balancer whose address is new must
       reach each node after the drain of the node, which ends open connections.
    2. Load the configuration on all nodes that need no drain, at once.
    3. Drain the other nodes and load their configuration, one node after another.
    4. Load the firewall on the nodes, one node after another. From now on, a node refuses all addresses that its
       firewall does not allow. A new balancer sends no requests before this.
    5. At the balancers, bar the nodes that leave the fleet.
    6. Load the configuration on the balancers, one balancer after another. This configuration does not contain the
       nodes that leave the fleet.
    7. Wait until the balancers have no connection to the nodes that leave the fleet. Then remove these nodes from the
       balancers' lists of nodes.

    The live color is restarted only if the files of a node get another owner (`web_user`). Meanwhile the node gets no
    traffic. If a host answered with the live release before, it must answer with this release again after it has loaded
    the configuration (`live_gate`). If an item of this order fails, StepFailed is raised, and the later items are not
    performed. Then call `load_former`. If a drained node failed to load the configuration, this node stays barred.

    + members: which nodes may get traffic
    + before: the hosts that answered with the live release before the new configuration was loaded
    + check_probe: is called each time a host has loaded its configuration; raises StepFailed if requests have failed
    + say: prints a line for the operator
    """
    loading = _Loading(fleet, members, before, check_probe, say)
    loading.nodes(fleet.nodes)
    keep_out.bar_leaving(fleet, members, say)
    loading.balancers(fleet.balancers)
    keep_out.forget(fleet, members, say)


def load_former(fleet: Fleet, members: Members, before: Answering, names: Collection[str], say: Say) -> None:
    """Load the former configuration again on the hosts that have loaded the new configuration.

    This function drains nodes as `activate` does. Call `kept.put_back` before this function. Nodes that `activate` left
    barred, and nodes that leave the fleet, get traffic again. Raises StepFailed if a host fails.

    + members: which nodes may get traffic
    + before: the hosts that answered with the live release before the new configuration was loaded
    + names: names of the hosts that were provisioned before
    + say: prints a line for the operator
    """
    loading = _Loading(fleet, members, before, lambda: None, say, former=True)
    drained = [name for name in _draining(survey(fleet)) if name in names]
    loading.nodes(drained)
    drain_mark.let_all_in(fleet, [name for name in drained if name not in members.lacking], say)
    loading.nodes([name for name in fleet.nodes if name in names and name not in drained])
    keep_out.let_in_leaving(fleet, members, say)
    loading.balancers([name for name in fleet.balancers if name in names])


@dataclass(frozen=True)
class _Loading:
    """Loads the configuration that is in place on hosts. The arguments are those of `activate`.

    + former: whether the files in place are older than the settings
    """

    fleet: Fleet
    members: Members
    before: Answering
    check_probe: Callable[[], None]
    say: Say
    former: bool = False

    def nodes(self, names: Iterable[str]) -> None:
        """Load the configuration on nodes. Raises StepFailed if a node fails."""
        fleet, say, names = self.fleet, self.say, list(names)
        seen = survey(fleet)
        live = traffic(seen)[0]
        pending = values(fleet.each(names, lambda host: node.pending(fleet.settings, live, former=self.former), LOAD))
        ways = drains_of(fleet, self.members, seen, pending)
        if self.former:
            # a node on which the new configuration failed got no request since it was drained
            for name in _draining(seen):
                ways.pop(name, None)
        _require_no_traffic(fleet, pending, ways)
        walled = [name for name in names if any(task.kind == "firewall" for task in pending[name])]
        firewall.widen(fleet, walled, say)
        expected = {} if self.former else _expected(self.before, seen, [name for name in ways if _gives(pending[name])])
        others = [name for name in names if name not in ways]

        def load(host: Host) -> list[str]:
            reloads = any(task.kind == "nginx" and task.runs for task in pending[host.name])
            with neighbors.let_go(fleet, host, neighbors.ports(fleet, host) if reloads else []):
                changed = node.activate(fleet.settings, live, self.former)
            live_gate.require_node(fleet, expected.get(host.name, self.before), host)
            return changed

        for name in others:
            # the idle color may still answer requests that it got before a rollback
            _until_quiet(fleet, name, _restarted(pending[name]), say)
        tell(fleet.each(others, load, _deadline(fleet, pending.values())), say)
        self.check_probe()
        for name, drain in ways.items():
            if drain.note:
                say(f"    {name}: {drain.note}")
            tell([_drained(fleet, name, pending[name], load, say, drain)], say)
            self.check_probe()
        firewall.load(fleet, walled, self.former, self.before.balancers, self.check_probe, say)

    def balancers(self, names: Iterable[str]) -> None:
        """Load the configuration on balancers, one after another. Raises StepFailed if a balancer fails."""
        for name in names:
            tell([_load_balancer(self.fleet, name, self.before, self.former, self.say)], self.say)
            self.check_probe()


def drains_of(
    fleet: Fleet, members: Members, seen: FleetState, pending: Mapping[str, Sequence[Task]]
) -> dict[str, Drain]:
    """Return how the nodes that need a drain are drained: node -> drain, in the order in which the nodes are drained.

    A node needs a drain if it may get traffic, and if loading its configuration could fail requests.

    + members: which nodes may get traffic
    + seen: the state of the fleet
    + pending: node -> the tasks that load its configuration
    """
    return _drains(fleet, members, seen, [name for name in pending if any(task.disturbs for task in pending[name])])


def _drains(fleet: Fleet, members: Members, seen: FleetState, disturbed: Collection[str]) -> dict[str, Drain]:
    """Return how the nodes in ``disturbed`` are drained, if they may get traffic, as `drains_of` does."""
    live, serving = traffic(seen)
    # a node that lacks the live release gets no traffic, so no drain is needed; a new node could not be barred anyway
    served = [name for name in fleet.nodes if serving and name not in members.lacking]
    return drains.decide(seen, live, served, disturbed, list(fleet.balancers))


def finish(readings: Readings, say: Say) -> None:
    """Run the operations that cannot be undone, and write on each host which settings provisioning has applied.

    The settings are written into a file as digests. Later runs compare their settings with this file, and are refused
    if the settings differ.

    + readings: the answers of the hosts
    + say: prints a line for the operator
    """
    fleet = readings.fleet
    tell(_on_hosts(readings, Completed), say)
    expected, settings = wanted(fleet), fleet.settings

    def write(host: Host) -> list[str]:
        work = Work()
        applied.end(work, settings, expected[host.name])
        return work.changed

    tell(fleet.each([*fleet.nodes, *fleet.balancers], write, LOAD), say)


def mark_unfinished(fleet: Fleet, names: Collection[str]) -> None:
    """Mark the provisioning of some hosts as unfinished, so that releases are refused. Ignore hosts that fail.

    + names: names of the hosts
    """
    hosts = [name for name in [*fleet.nodes, *fleet.balancers] if name in names]
    fleet.each(hosts, lambda host: applied.begin(fleet.settings, {}), LOAD)


def _addresses(fleet: Fleet) -> dict[str, str]:
    return {name: fleet.address(name) for name in fleet.nodes}


def _load_balancer(fleet: Fleet, name: str, before: Answering, former: bool, say: Say) -> Reply[list[str]]:
    """Load the configuration of a balancer. Before a reload of nginx, wait until idle connections have ended.

    A reload of nginx loses a request that arrives on an idle connection. Therefore this function writes the drain mark
    before the reload: while this file exists, nginx ends each connection after its next answer. After the reload, the
    function removes the file. The other applications of the balancer have their own drain marks.

    + before: the hosts that answered with the live release before the new configuration was loaded
    + former: whether the files in place are older than the settings
    """
    settings, switch = fleet.settings, fleet.switch_of(name)
    kind, deadline = KINDS[switch.kind], LOAD + KEPT + settings.gate.deadline
    verbs = sure(fleet.one(name, lambda host: kind.pending(settings, switch), LOAD))
    reloads = switch.kind == "nginx" and "reload" in verbs
    others = sure(fleet.one(name, lambda host: neighbors.ports(fleet, host), LOAD)) if reloads else []

    def act(host: Host) -> list[str]:
        with neighbors.let_go(fleet, host, others):
            changed: list[str] = kind.activate(settings, switch, former)
        live_gate.require_balancer(fleet, before, host)
        return changed

    if others or (before.live and reloads):
        say(f"    {name}: nginx serves traffic, so its idle connections end first")
    if not (before.live and reloads):
        return fleet.one(name, act, deadline)
    drain_mark.write(fleet, name, [])
    try:
        _until_let_go(fleet, name, balancer.ports(settings, switch))
        return fleet.one(name, act, deadline)
    finally:
        drain_mark.remove(fleet, name)


def _draining(seen: FleetState) -> list[str]:
    """Return the nodes that have the mark of a drain."""
    return [name for name, state in seen.node_states.items() if state.draining]


def _deadline(fleet: Fleet, pending: Iterable[Sequence[Task]]) -> float:
    """Return the seconds that a node may take for its tasks.

    + pending: the tasks of each node
    """
    return LOAD + KEPT + fleet.settings.gate.deadline + (GIVE if any(map(_gives, pending)) else 0)


def _gives(tasks: Sequence[Task]) -> bool:
    return any(task.kind == "give" for task in tasks)


def _expected(before: Answering, seen: FleetState, names: Iterable[str]) -> dict[str, Answering]:
    """Return node -> the release of its live color, for some nodes that restart their live color.

    These nodes get traffic, and must answer with this release after the restart. They must answer with the health page
    even if they did not before the restart, because version 0.1 of this tool had no health page.

    + before: the hosts that answered with the live release before the new configuration was loaded
    + names: names of the nodes
    """
    live = traffic(seen)[0]
    found = {name: seen.node_states[name].release[live] for name in names if live}
    return {name: replace(before, live=live, nodes={name: release}) for name, release in found.items() if release}


def _require_no_traffic(fleet: Fleet, pending: Mapping[str, Sequence[Task]], ways: Mapping[str, Drain]) -> None:
    """Raise StepFailed if a node with a task ``give`` gets traffic and cannot be taken out of the traffic.

    + pending: node -> its tasks
    + ways: node -> how the node is drained
    """
    for name, tasks in pending.items():
        task = next((task for task in tasks if task.kind == "give"), None)
        if task and (why := web_user.obstacle(ways.get(name), other_switches(fleet))):
            raise StepFailed(f"{name}: the files cannot be given to {task.web_user}: {why}")


def other_switches(fleet: Fleet) -> list[str]:
    """Return the kinds of the switches that are no balancer which provisioning sets up, such as ``alb``."""
    return [switch.kind for switch in fleet.settings.switches if not isinstance(switch, BalancerSwitch)]


def require_web_user(readings: Readings) -> None:
    """Raise Refused if the files of a node cannot be given to the web user that the settings name.

    This function changes nothing.

    + readings: the answers of the hosts
    """
    fleet = readings.fleet
    found = values(fleet.each(fleet.nodes, lambda host: [web_user.holding(readings.of(host), fleet.settings)], LOAD))
    holdings = {name: each[0] for name, each in found.items()}
    moving = [name for name, holding in holdings.items() if holding.former(fleet.settings.web_user)]
    if not moving:
        return
    ways = _drains(fleet, readings.members, survey(fleet), moving)
    if problems := web_user.problems(fleet.settings.web_user, holdings, ways, other_switches(fleet)):
        raise Refused("\n    ".join(["nothing was changed on any host:", *problems]))


def _restarted(tasks: Sequence[Task]) -> list[Color]:
    if _gives(tasks):
        return list(Color)
    return [task.color for task in tasks if task.kind == "restart" and task.color]


def _drained(
    fleet: Fleet,
    name: str,
    tasks: Sequence[Task],
    act: Callable[[Host], list[str]],
    say: Say,
    drain: Drain,
) -> Reply[list[str]]:
    """Drain a node, call ``act`` on the node, and return the reply of ``act``.

    Afterwards, the balancers send requests to the node again, even if the drain failed. There are two exceptions:

    * If an operator has taken the node out of a balancer, this balancer still sends no requests to the node.
    * If ``act`` fails, the node stays barred, and the drain mark stays on the node.

    + name: name of the node
    + tasks: what ``act`` will do. If ``act`` restarts colors, this function also waits until these colors are quiet.
    + act: loads the configuration of the node
    + drain: the balancers that send no new requests to the node during the drain. If the node is the only node with
      traffic, the drain has no balancers, and the node keeps its traffic. Then this function only waits until the idle
      connections to the node have ended, because a reload of nginx loses requests only on idle connections.
    """
    drain_mark.write(fleet, name, drain.bar_at)
    ours: list[str] = []
    stays = False
    try:
        for one in drain.bar_at:
            ours.append(one)
            if "kept" in drain_mark.at_balancer(fleet, one, name, "on"):
                # an operator has taken the node out after the survey, so the node stays out after the drain
                ours.remove(one)
        if not fleet.balancers:
            _until_let_go(fleet, name, [fleet.settings.ports.live])
        elif drain.alone:
            _until_let_go(fleet, name, [fleet.settings.ports.of(color) for color in Color])
        else:
            _until_answered(fleet, name)
        if _gives(tasks):
            _until_let_go(fleet, name, [fleet.settings.ports.of(color) for color in Color], POOLED)
        _until_quiet(fleet, name, _restarted(tasks), say)
        reply = fleet.one(name, act, _deadline(fleet, [tasks]))
        stays = reply.error is not None
        return reply
    finally:
        if not stays:
            for one in ours:
                drain_mark.let_in(fleet, one, name)
            drain_mark.remove(fleet, name)


def _until_answered(fleet: Fleet, name: str) -> None:
    """Wait until both colors have answered their last request on a node. The node gets no new requests meanwhile.

    The wait takes at most ``drain.limit`` seconds for each color. Streams may stay open, because a reload of nginx does
    not end streams. Raises StepFailed if a color still answers requests after this time, or if the node does not say
    how many requests the color has.

    + name: name of the node
    """
    limit = fleet.settings.drain.limit

    def ask(host: Host, color: Color) -> None:
        seen = color_in_flight(fleet, host, color)
        if not seen.answered:
            raise NotYet(f"{color} still answers requests after {limit:g} s: {seen}")

    def both(host: Host) -> list[str]:
        for color in Color:
            until(lambda color=color: ask(host, color), limit, INTERVAL)  # type: ignore[misc]
        return []

    sure(fleet.one(name, both, 2 * limit + 5))


def _until_let_go(fleet: Fleet, name: str, ports: Sequence[int], limit: float = KEPT) -> None:
    """Wait until the present connections to ports of a host have ended, but at most ``limit`` seconds for each port.

    A reload of nginx loses a request that arrives on an idle connection, or that follows an answer with which nginx
    promised to keep the connection. To be called when the drain mark exists, so that nginx ends each connection after
    the next answer. This function is for a host that still gets new connections: a balancer, a node without balancers,
    or the only node with traffic, which must not be barred. The function is also for a barred node whose colors stop
    (`POOLED`).

    nginx closes an idle connection within `KEPT` seconds (80) after the last answer on the connection. If a connection
    is open for longer, the connection never had a request, or is a stream, or carries a very long answer. This function
    does not wait longer for such a connection, and returns without an error.

    + name: name of the host
    + ports: the ports to which the connections go
    + limit: the default is `KEPT`
    """

    def act(host: Host) -> list[str]:
        for port in ports:
            neighbors.until_let_go(fleet, host, [port], limit)
        return []

    sure(fleet.one(name, act, limit * len(ports) + 10))


def _until_quiet(fleet: Fleet, name: str, colors: Sequence[Color], say: Say) -> None:
    """Wait until colors of a node have no request and no stream, at most ``drain.limit`` seconds for each color.

    If a color still has requests or streams after this time, the setting ``drain.at_limit`` decides. With ``cut``, a
    warning is printed. With ``refuse``, StepFailed is raised. StepFailed is also raised if a color does not report how
    many requests it has.

    + name: name of the node
    + colors: the colors that will be restarted; if there are none, this function does nothing
    + say: prints a line for the operator
    """
    drain = fleet.settings.drain

    def all_of_them(host: Host) -> list[str]:
        lines = []
        for color in colors:
            left = drained(
                lambda color=color: color_in_flight(fleet, host, color),  # type: ignore[misc]
                drain.limit,
                interval=INTERVAL,
            )
            if left is None:
                continue
            line = left if isinstance(left, str) else cut_line(color, left, drain.limit, drain.at_limit == "cut")
            if isinstance(left, str) or drain.at_limit == "refuse":
                raise StepFailed(line)
            lines.append(line)
        return lines

    if colors:
        for line in sure(fleet.one(name, all_of_them, 2 * drain.limit + 5)):
            say(f"    warning: {name}: {line}")


def traffic(seen: FleetState) -> tuple[Color | None, bool]:
    """Return the live color, and whether any node has a release in the live color.

    If a node has a release in the live color, the fleet serves traffic. If the live color is unknown, return None and
    False. The live color is unknown if a switch does not answer, if the switches send traffic to different colors, or
    if the traffic is split.

    + seen: the state of the fleet
    """
    try:
        live = live_color(seen)
    except OrchestratorError:
        return None, False
    return live, any(state.release[live] for state in seen.node_states.values())
