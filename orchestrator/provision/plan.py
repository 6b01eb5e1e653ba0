"""Make the plan of a provisioning: the changes that provisioning would make on each host. Nothing is changed.

To make the plan, this module calls the same functions that provision the hosts. The module passes a `Planned` to these
functions: an object that notes the operations and runs none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pyinfra.api.host import Host

from orchestrator.fleet import Fleet, at_once
from orchestrator.provision import applied, firewall, kept, node, walk
from orchestrator.provision.drains import Drain
from orchestrator.provision.members import Members
from orchestrator.provision.node import Task
from orchestrator.provision.planned import Change, Planned
from orchestrator.provision.replies import values
from orchestrator.survey import survey, wanted

LOOK = 300.0
"""Seconds after which the comparison of one host's present state with its wanted state counts as failed."""

NOTHING = "nothing to do"

UNCUT = "live traffic is not drained, because a reload of HAProxy ends no request"
CUT = "live traffic is not drained: requests on this balancer's connections are cut"
KEPT = "nginx serves traffic, so its idle connections end first"
AT_BALANCER: Mapping[tuple[str, str], str] = {
    ("haproxy", "reload"): UNCUT,
    ("haproxy", "restart"): CUT,
    ("nginx", "reload"): KEPT,
}
"""(Kind of a balancer, ``reload`` or ``restart``) -> words of the plan about the effect on live traffic.

The balancer reloads or restarts to load its new configuration.
"""

NAMES: Mapping[str, str] = {"haproxy": "HAProxy", "nginx": "nginx"}


@dataclass(frozen=True)
class Compared:
    """The differences between a host and the state that provisioning would give the host.

    + changes: the changes that operations would make
    + warnings: warnings for the operator
    + tasks: on a node, the tasks that load the configuration
    + verbs: on a balancer, how its configuration is loaded: ``start``, ``restart`` or ``reload``
    """

    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = ()
    verbs: tuple[str, ...] = ()


def plan(fleet: Fleet, members: Members) -> dict[str, list[str]]:
    """Return the plan of a provisioning: host -> one line for each change; no lines if the host is up to date.

    Raises UsageError or StepFailed if the hosts could not be provisioned.

    + members: which nodes may get traffic
    """
    walk.require(fleet)
    half_way = kept.left(fleet)
    seen = survey(fleet)
    digests = wanted(fleet)
    readings = walk.Readings(fleet, members)
    walk.require_web_user(readings)

    def on_node(host: Host) -> list[Compared]:
        work = Planned(readings.of(host))
        warnings = readings.place(work, host)
        applied.end(work, fleet.settings, digests[host.name])
        tasks = node.pending(fleet.settings, walk.traffic(seen)[0], work.paths)
        if any(task.kind == "firewall" for task in tasks):
            allowed = readings.firewall.balancers.get(host.name, ())
            what = firewall.planned_widening(fleet, host, allowed)
            tasks = [*([Task(f"{what}, before a node is drained", "widen")] if what else []), *tasks]
        return [Compared(tuple(work.changes), tuple(warnings), tuple(tasks))]

    def on_balancer(host: Host) -> list[Compared]:
        work = Planned(readings.of(host))
        walk.place_balancer(fleet, members, work, host)
        applied.end(work, fleet.settings, digests[host.name])
        switch = fleet.switch_of(host.name)
        verbs = walk.KINDS[switch.kind].pending(fleet.settings, switch, work.paths)
        return [Compared(tuple(work.changes), verbs=tuple(verbs))]

    nodes, balancers = at_once(
        [partial(fleet.each, fleet.nodes, on_node, LOOK), partial(fleet.each, fleet.balancers, on_balancer, LOOK)]
    )
    at_nodes = {name: found[0] for name, found in values(nodes).items()}
    at_balancers = {name: found[0] for name, found in values(balancers).items()}
    ways = walk.drains_of(fleet, members, seen, {name: found.tasks for name, found in at_nodes.items()})
    serving = walk.traffic(seen)[1]
    back = f"{'undo':<8} the files that an earlier provisioning, which stopped half-way, has put into place"
    lines: dict[str, list[str]] = {name: [back] for name in half_way}
    for name, found in at_nodes.items():
        left = name in members.draining
        lines.setdefault(name, []).extend(node_lines(found, ways.get(name), members.lacking.get(name), left))
    for name, found in at_balancers.items():
        leaving = [one.label for one in members.roll(name).leaving]
        lines.setdefault(name, []).extend(balancer_lines(found, fleet.balancers[name], leaving, serving))
    return lines


def node_lines(
    found: Compared, drain: Drain | None = None, lacking: str | None = None, left: bool = False
) -> list[str]:
    """Return one line for each action of a provisioning on a node, in order. Pure.

    + found: the differences between the node and the state that provisioning would give the node
    + drain: how the node is drained before its nginx is reloaded; None if the node is not drained
    + lacking: why the node must not get traffic; None if the node may get traffic
    + left: whether an earlier provisioning stopped while it drained the node
    """
    barred = [f"{'bar':<8} this node, before anything is changed, because it {lacking}"] if lacking else []
    again = (
        [f"{'let in':<8} this node again, which an earlier provisioning has drained"] if left and not lacking else []
    )
    return [*again, *barred, *_changes(found), *(_task(task, drain) for task in found.tasks)]


def balancer_lines(found: Compared, kind: str, leaving: Sequence[str], serving: bool) -> list[str]:
    """Return one line for each action of a provisioning on a balancer, in order. Pure.

    + found: the differences between the balancer and the state that provisioning would give the balancer
    + kind: ``haproxy`` or ``nginx``
    + leaving: names of the nodes that leave the fleet
    + serving: whether the fleet serves traffic
    """
    gone = [
        f"{'bar':<8} {name}, which leaves the fleet, and forget {name} when no connection is left" for name in leaving
    ]
    return [*_changes(found), *gone, *(_verb(kind, verb, serving) for verb in found.verbs)]


def _changes(found: Compared) -> list[str]:
    installs = any(change.verb == "install" for change in found.changes)
    later = [f"{'later':<8} the files are compared once more after the packages are installed"] if installs else []
    warnings = [f"{'warning':<8} {line.removeprefix('warning: ')}" for line in found.warnings]
    return [*(change.text for change in found.changes), *later, *warnings]


def _task(task: Task, drain: Drain | None) -> str:
    load = "reload" if task.runs else "start"
    verbs = {"units": "run", "up": "start", "nginx": load, "listen": load, "widen": "admit", "firewall": "load"}
    note = f": {drain.note}" if drain and drain.note and task.disturbs else ""
    return f"{verbs.get(task.kind, task.kind):<8} {task.what}{note}"


def _verb(kind: str, verb: str, serving: bool) -> str:
    note = AT_BALANCER.get((kind, verb), "") if serving else ""
    return f"{verb:<8} {NAMES[kind]}" + (f": {note}" if note else "")


def lines(found: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a plan as lines for the terminal. Hosts with the same plan are shown together. Pure.

    + found: host -> one line for each change that provisioning would make on the host
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, said in found.items():
        groups.setdefault(tuple(said), []).append(name)
    shown = []
    for said, names in groups.items():
        shown.append(f"    {', '.join(names)}" + (":" if said else f": {NOTHING}"))
        shown += [f"        {line}" for line in said]
    return shown
