"""Make the Inputs of a run from the request and the state of the fleet, or refuse the run and name every problem.

All functions are pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from orchestrator import __version__
from orchestrator.config import Settings
from orchestrator.config.database import key_of
from orchestrator.errors import Refused, UsageError
from orchestrator.facts.node import NodeState
from orchestrator.model import Color, Weights, release_id
from orchestrator.plan.fleet_state import FleetState
from orchestrator.plan.identity import foreign
from orchestrator.plan.inputs import (
    NOTHING_ASKED,
    Contract,
    DatabaseAsked,
    DatabaseInput,
    Inputs,
    Join,
    Missing,
    NodeInput,
    Release,
    Rollback,
    ScalingInput,
    SwitchInput,
    WorkersInput,
)
from orchestrator.plan.provisioned import differences, outdated
from orchestrator.plan.schedules import changes, joining

# On these file systems, a process never finds a path missing during rename(2). On fuse-overlayfs, a process may.
SAFE_FILESYSTEMS = {"ext2/ext3", "xfs", "btrfs", "tmpfs", "zfs", "f2fs"}


def live_color(fleet: FleetState) -> Color:
    """Return the color to which all switches send all traffic.

    Raises Refused if a switch does not answer, if the switches have different weights, or if traffic is split. There is
    one exception: a node that is itself a switch may be silent if another switch answers. Later checks decide whether
    the run needs this node.
    """
    silent = {name: why for name, why in fleet.switches.items() if isinstance(why, str)}
    problems = [f"{name}: {why}" for name, why in silent.items() if fleet.kinds[name][0] != "node" or not fleet.seen]
    if problems:
        raise Refused("it is unknown which color gets the traffic: " + "; ".join(problems))
    weights = {name: seen.weights for name, seen in fleet.seen.items()}
    if len({weight.green for weight in weights.values()}) != 1:
        raise Refused(
            "the switches disagree: "
            + ", ".join(f"{name} sends {weight.green}% to green" for name, weight in weights.items())
        )
    weight = next(iter(weights.values()))
    if weight.live is None:
        raise Refused(
            f"traffic is split ({weight.green}% to green): first end the unfinished run with deploys/promote.py, "
            "deploys/resume.py or deploys/abort.py (deploys/status.py shows the run)"
        )
    return weight.live


def release(
    fleet: FleetState,
    settings: Settings,
    ref: str,
    revision: str,
    now: datetime,
    color: Color | None = None,
    allow_missing: frozenset[str] = frozenset(),
    database: DatabaseAsked = NOTHING_ASKED,
) -> Inputs:
    """Return the Inputs of a release.

    + ref: the version that the operator asked for
    + revision: the git commit of the version, or its equivalent for another kind of source
    + now: the present time, which becomes a part of the release id
    + color: the color that the operator expects to be idle; None to accept either color
    + allow_missing: names of nodes that are left out if they cannot take part
    + database: the operator's options about the database

    Raises Refused with every problem found, and UsageError if ``allow_missing`` names an unknown node.
    """
    _check_accepted(settings, database, "release")
    whole = fleet
    live, missing, fleet, problems = _taking_part(fleet, allow_missing)
    idle = live.other
    problems += [
        *foreign(fleet),
        *_switches(fleet),
        *_pages(fleet),
        *_nodes(fleet, settings),
        *outdated(fleet),
        *differences(fleet),
        *_room(fleet, settings, idle),
    ]
    if color is not None and color is not idle:
        problems.append(
            f"--data color={color}: {color} is live, and a release always goes to the idle color: remove --data "
            f"color, or set it to {idle}"
        )
    problems += [*_one_live_release(fleet, live), *_unrest(fleet)]
    if problems:
        raise Refused("; ".join(problems))
    states = fleet.node_states
    new = release_id(now, revision)
    if any(new in state.releases for state in states.values()):
        raise Refused(
            f"release {new} exists already: the same commit was released in the same second; repeat the command"
        )
    i = _with_all(fleet, settings, Release(ref), live, new, revision, missing)
    i = replace(i, schedule=changes(whole, settings, list(states)))
    return replace(i, database=_database(i, now, database)) if settings.all_databases else i


def code(i: Inputs) -> Inputs:
    """Return the Inputs of a code-only release. Raises Refused if there is no live release to compare with.

    + i: the Inputs of an ordinary release of the same version
    """
    if i.live is None:
        raise Refused(
            "there is no live release whose build and environment could be kept: run deploys/release.py first"
        )
    return replace(i, asked=Release(i.ref, code_only=True))


def rollback(
    fleet: FleetState, settings: Settings, to: str | None = None, allow_missing: frozenset[str] = frozenset()
) -> Inputs:
    """Return the Inputs of a rollback.

    If the release is warm in the idle color, nodes may be unreachable. If the release has to be started first, all
    nodes must take part, except those in ``allow_missing``. Barred nodes take no part in a rollback to the idle color's
    release.

    + to: the id of the release; None for the release in the idle color
    + allow_missing: names of nodes that are left out if they cannot take part; used only if the release has to be
      started

    Raises Refused with the problems found, and UsageError if ``allow_missing`` names an unknown node.
    """
    if to is None:
        to = cold_release(fleet)
        # a barred node takes no part in a rollback, whether the release is warm or has to be started
        allow_missing |= fleet.barred & frozenset(fleet.nodes)
    if to is not None and set(_warm(fleet)) != {to}:
        return _rollback_to_kept(fleet, settings, to, allow_missing)
    live = live_color(fleet)
    idle = live.other
    # a barred node gets no traffic; the `join` that brings the node back gives it the releases of the other nodes
    barred = tuple(name for name in fleet.nodes if name in fleet.barred)
    whole, fleet = fleet, fleet.without(fleet.barred)
    states = fleet.node_states
    if problems := [*foreign(fleet), *_switches(fleet), *outdated(fleet)]:
        raise Refused("; ".join(problems))
    if not states:
        raise Refused(
            "every node is barred or cannot be reached, so the idle color's release is unknown: run deploys/status.py, "
            "which shows the state of each node"
        )
    targets = {name: state.release[idle] for name, state in states.items()}
    if fleet.barrier and all(target is None or target < fleet.barrier for target in targets.values()):
        raise Refused(_below(fleet.barrier))
    if not any(targets.values()):
        raise Refused(f"there is nothing to go back to: {idle} never had a release")
    if len(set(targets.values())) != 1:
        raise Refused(
            f"the nodes disagree about the release to go back to: {_list(targets)}; run deploys/release.py instead"
        )
    cold = [name for name, state in states.items() if not _runs(state, idle)]
    if cold:
        raise Refused(
            f"{idle} does not run its release on {', '.join(cold)}: run deploys/release.py instead, or name the "
            "release to go back to (--data to=)"
        )
    target = next(iter(targets.values()))
    assert target is not None
    return Inputs(
        asked=Rollback(),
        settings=settings,
        color=idle,
        before=Weights.all_to(live),
        live=next(iter(states.values())).release[live],
        release=target,
        revision=target.rpartition("-")[2],
        # also the unreachable nodes: `promote` fails there, which warns the operator that their live links are wrong
        nodes=tuple(NodeInput(name, target) for name in fleet.nodes),
        switches=_switch_inputs(fleet),
        members=tuple(name for name in fleet.nodes if name not in fleet.drained),
        workers=_workers(fleet, settings, barred, tuple(name for name in fleet.nodes if name not in states)),
        schedule=changes(whole, settings, list(fleet.nodes)),
    )


def cold_release(fleet: FleetState) -> str | None:
    """Return the idle color's release if the idle color has to be warmed on some node; otherwise None.

    This is the case if a timer has reduced the number of workers after the soak time, or if the color was restarted
    since it was warmed, for example by a reboot.
    """
    idle, fleet = live_color(fleet).other, fleet.without(fleet.barred)
    return next((state.release[idle] for state in fleet.node_states.values() if idle in state.cold), None)


def _warm(fleet: FleetState) -> list[str | None]:
    """Return the warm release of the idle color: one item for each node.

    The item is None if the idle color of the node does not run its release, or is cold. Barred nodes,
    and nodes whose state is unknown, are left out.
    """
    idle = live_color(fleet).other
    states = fleet.without(fleet.barred).node_states.values()
    return [state.release[idle] if _runs(state, idle) and idle not in state.cold else None for state in states]


def _rollback_to_kept(fleet: FleetState, settings: Settings, to: str, allow_missing: frozenset[str]) -> Inputs:
    """Return the Inputs of a rollback to a release that is on the nodes, but has to be started first.

    Raises Refused with the problems found, and UsageError if ``allow_missing`` names an unknown node.

    + to: the id of the release
    """
    whole = fleet
    live, missing, fleet, problems = _taking_part(fleet, allow_missing)
    problems += [*foreign(fleet), *_switches(fleet), *_nodes(fleet, settings), *outdated(fleet), *differences(fleet)]
    problems += [*_one_live_release(fleet, live), *_unrest(fleet)]
    states = fleet.node_states
    for name, state in states.items():
        if to not in state.releases:
            problems.append(
                f"{name} does not have release {to} (it has {', '.join(state.releases) or 'none'}): name a release "
                "that all nodes have"
            )
    if any(state.release[live] == to for state in states.values()):
        problems.append(f"release {to} has the traffic already")
    if to < fleet.barrier:
        problems.append(_below(fleet.barrier))
    if problems:
        raise Refused("; ".join(problems))
    i = _with_all(fleet, settings, Rollback(cold=True), live, to, to.rpartition("-")[2], missing)
    return replace(i, schedule=changes(whole, settings, list(states)))


def _below(barrier: str) -> str:
    """Return the line that refuses an older release than the release of the latest contract."""
    return (
        f"the contract of {barrier} has removed parts of the schema that older releases use, so no older release "
        "can run: release a newer version with deploys/release.py"
    )


def contract(fleet: FleetState, settings: Settings, now: datetime, database: DatabaseAsked = NOTHING_ASKED) -> Inputs:
    """Return the Inputs of a contract. All nodes must take part, because any node may run an older release.

    + now: the present time
    + database: the operator's options about the database

    Raises Refused with the problems found, and UsageError if the settings have no command and no files for the
    contract.
    """
    if not any(one.contracts for one in settings.all_databases.values()):
        raise UsageError("there is nothing to contract: the settings have no database.migrate.contract")
    _check_accepted(settings, database, "contract")
    live, _, fleet, problems = _taking_part(fleet, None)
    problems += [*foreign(fleet), *_switches(fleet), *_nodes(fleet, settings), *outdated(fleet), *differences(fleet)]
    problems += [*_one_live_release(fleet, live), *_unrest(fleet)]
    states = fleet.node_states
    if problems:
        raise Refused("; ".join(problems))
    release = next(iter(states.values())).release[live]
    if release is None:
        raise Refused(f"{live} has no release: run deploys/release.py first")
    i = _with_all(fleet, settings, Contract(), live, release, release.rpartition("-")[2], ())
    return replace(i, color=live, mend=(), database=_database(i, now, database), barrier=fleet.barrier)


def _database(i: Inputs, now: datetime, asked: DatabaseAsked) -> DatabaseInput:
    """Return the facts about the databases: the first node of the run runs the commands.

    + now: the present time, with microseconds. A run may be repeated within the same second, even with the same release
    """
    marked = [name for name, one in i.settings.all_databases.items() if one.url is not None]
    run, others = f"{now:%Y%m%dT%H%M%S%f}", tuple(name for name in marked if name)
    return DatabaseInput(
        i.nodes[0].name, run, asked.retry, asked.accept, asked.reason, marks="" in marked, marked=others
    )


def _check_accepted(settings: Settings, asked: DatabaseAsked, verb: str) -> None:
    """Raise UsageError if the operator accepts a finding at a database that the run of a verb does not check."""
    for name in sorted({one.rpartition(":")[0] for one in asked.accept}):
        database, of = settings.all_databases.get(name), key_of(name)
        if database is not None and (database.files is not None or (database.tries and verb == "release")):
            continue
        needed = f"neither {of}.files nor {of}.migrate.redirect" if verb == "release" else f"no {of}.files"
        named = "" if name or not settings.databases else ". For another database, write its name before the id: "
        hint = f"{named}{next(iter(settings.databases))}:drop-column-98ddbf33" if named else ""
        raise UsageError(
            f"--data accept: the settings have {needed}, so the {verb} has no stage lint that checks this schema{hint}"
        )


def _with_all(
    fleet: FleetState,
    settings: Settings,
    asked: Release | Rollback | Contract,
    live: Color,
    release: str,
    revision: str,
    missing: tuple[Missing, ...],
) -> Inputs:
    """Return the Inputs of a run in which every node of ``fleet`` starts a release in its idle color.

    + fleet: the state of the fleet without the missing nodes
    + asked: the operator's request
    + live: the live color
    + release: the id of the release to start
    + revision: the git commit of the release, or its equivalent for another kind of source
    + missing: the nodes that are left out
    """
    idle, states = live.other, fleet.node_states
    return Inputs(
        asked=asked,
        settings=settings,
        color=idle,
        before=Weights.all_to(live),
        live=next(iter(states.values())).release[live],
        release=release,
        revision=revision,
        nodes=tuple(NodeInput(name, state.release[idle], _runs(state, idle)) for name, state in states.items()),
        switches=_switch_inputs(fleet),
        mend=tuple(name for name, state in states.items() if state.live is not live),
        members=tuple(states),
        missing=missing,
        scaling=_scaling(fleet, settings),
        workers=_workers(fleet, settings, tuple(node.name for node in missing)),
    )


def join(fleet: FleetState, settings: Settings, node: str, revisions: Callable[[str], str]) -> Inputs:
    """Return the Inputs of a join: a node gets the same releases as the other nodes in both colors.

    Then the node gets traffic.

    + node: the name of the barred node
    + revisions: a function that returns the hash of a release's version, given the release id

    Raises Refused with the problems found, and UsageError if the inventory has no such node.
    """
    if node not in fleet.nodes:
        raise UsageError(f"there is no node {node} (nodes: {', '.join(fleet.nodes)})")
    live = live_color(fleet)
    state = fleet.nodes[node]
    others = {name: other for name, other in fleet.node_states.items() if name != node and name not in fleet.barred}
    problems = [*foreign(fleet), *_switches(fleet)]
    if isinstance(state, str):
        problems.append(f"{node}: {state}")
    problems += _nodes(replace(fleet, nodes={node: state}), settings)
    if node not in fleet.barred and not (isinstance(state, NodeState) and not state.provisioned):
        problems.append(f"{node} is not barred: the node takes part already")
    if not others:
        problems.append(
            "every other node is barred or cannot be reached, so the fleet's releases are unknown: repair another "
            "node, or let a node in again"
        )
    problems += [*outdated(fleet), *differences(fleet)]
    if _suspends(settings):
        problems += _unrest(fleet)
    for color in Color:
        releases = {name: other.release[color] for name, other in others.items()}
        if len(set(releases.values())) > 1:
            problems.append(f"the nodes disagree about {color}'s release: {_list(releases)}")
    if problems:
        raise Refused("; ".join(problems))
    assert isinstance(state, NodeState)
    pattern = next(iter(others.values()))
    release, former = pattern.release[live], pattern.release[live.other]
    barrier = max(other.barrier for other in others.values())
    if release is None:
        raise Refused(f"{live} has no release on the other nodes: run deploys/release.py first")
    return Inputs(
        asked=Join(
            former_release=former,
            former_revision=revisions(former) if former else None,
            stale=tuple(sorted(set(state.releases) - {one for other in others.values() for one in other.releases})),
            running=tuple(color for color in Color if _keeps_running(state, color, pattern.release[color])),
        ),
        settings=settings,
        color=live,
        before=Weights.all_to(live),
        live=release,
        release=release,
        revision=revisions(release),
        nodes=(NodeInput(node, state.release[live]),),
        switches=_switch_inputs(fleet),
        members=(*others, node),
        missing=(Missing(node, fleet.addresses[node], True),),
        scaling=_scaling(fleet, settings),
        barrier=barrier,
        workers=_workers(fleet, settings, ()),
        schedule=joining(fleet, settings, node),
    )


def _taking_part(
    fleet: FleetState, may_miss: frozenset[str] | None
) -> tuple[Color, tuple[Missing, ...], FleetState, list[str]]:
    """Decide which nodes are left out of a run.

    Return the live color, the nodes left out, the state of the fleet without these nodes, and one line for each other
    node that cannot take part.

    + may_miss: names of nodes that are left out if they cannot take part; None if the run needs all nodes

    Raises UsageError if ``may_miss`` names an unknown node, and Refused in the same cases as ``live_color``.
    """
    allow_missing = may_miss or frozenset()
    if unknown := allow_missing - set(fleet.nodes):
        raise UsageError(
            f"--data allow_missing: there is no node {', '.join(sorted(unknown))} (nodes: {', '.join(fleet.nodes)})"
        )
    live = live_color(fleet.without(allow_missing))
    absent = _absent(fleet, can_leave=may_miss is not None)
    missing = tuple(
        Missing(name, fleet.addresses[name], name in fleet.barred) for name in absent if name in allow_missing
    )
    left_out = {node.name for node in missing}
    fleet = fleet.without(left_out)
    problems = [f"{name}: {why}" for name, why in absent.items() if name not in left_out]
    if not fleet.nodes:
        problems.append(
            "the run has no node left, because all nodes are left out: repair a node, or let a node in again"
        )
    return live, missing, fleet, problems


def _absent(fleet: FleetState, can_leave: bool) -> dict[str, str]:
    """Return node -> a line that says why the node cannot take part in a run. Nodes that can take part are left out.

    The line also tells the operator how to run without the node.

    + can_leave: whether nodes may be left out of the run. If not, the line does not name the option that does this
    """
    leave = "to leave the node out: --data allow_missing={0}" if can_leave else "a contract cannot leave a node out"
    absent = {
        name: f"{why} (the run needs all nodes; {leave.format(name)})"
        for name, why in fleet.nodes.items()
        if isinstance(why, str)
    }
    for name in fleet.nodes:
        if name in absent:
            continue
        state = fleet.node_states[name]
        if state.draining and (name in fleet.barred or name in fleet.drained):
            absent[name] = (
                "is kept out of the traffic by a provisioning that did not end "
                f"(deploys/provision.py lets the node in again; {leave.format(name)})"
            )
        elif name in fleet.barred:
            absent[name] = f"is barred until it has joined (deploys/join.py --data node={name}; {leave.format(name)})"
        elif name in fleet.drained:
            absent[name] = (
                f"was taken out of {fleet.drained[name]} by an operator (let the node in again; {leave.format(name)})"
            )
    return absent


def _switches(fleet: FleetState) -> Iterable[str]:
    """Yield one line for each problem of a switch that prevents a run."""
    for name, seen in fleet.seen.items():
        yield from (f"{name}: {problem}" for problem in seen.problems)
        if seen.filesystem is not None and seen.filesystem not in SAFE_FILESYSTEMS:
            yield (
                f"{name}: the switch's state is on {seen.filesystem or 'an unknown file system'}, where a "
                "rename is not known to be atomic for readers: put the state on one of "
                f"{', '.join(sorted(SAFE_FILESYSTEMS))}"
            )
        if seen.kept != seen.weights:
            yield (
                f"{name}: {seen.weights.green}% of the traffic goes to green, but {seen.kept.green}% would after a "
                "restart of the balancer: set both to the same weight, in the running balancer or in the file "
                "that the balancer reads at its start"
            )


def _pages(fleet: FleetState) -> Iterable[str]:
    """Yield one line if some, but not all balancers send the page of maintenance, or if a restart would change this."""
    if len({page for seen in fleet.seen.values() for page in (seen.page, seen.kept_page)}) > 1:
        pages = ", ".join(name for name, seen in fleet.seen.items() if seen.page or seen.kept_page)
        yield (
            f"only {pages} shows the page of maintenance, or would show the page after a restart: run "
            "deploys/maintenance.py --data page=on or --data page=off"
        )


def _nodes(fleet: FleetState, settings: Settings) -> Iterable[str]:
    """Yield one line for each node that is not provisioned or has an unsuitable file system.

    On an unsuitable file system, a process that reads a path may find nothing there during a rename.
    """
    for name, state in fleet.node_states.items():
        if not state.provisioned:
            yield f"{name} is not provisioned for orchestrator {__version__}: run deploys/provision.py"
        elif state.filesystem not in SAFE_FILESYSTEMS:
            yield (
                f"{name}: {settings.node.root} is on {state.filesystem or 'an unknown file system'}, where a rename is "
                f"not known to be atomic for readers: put the directory on one of {', '.join(sorted(SAFE_FILESYSTEMS))}"
            )


def _room(fleet: FleetState, settings: Settings, idle: Color) -> Iterable[str]:
    """Yield one line for each shortage on a node: too little disk space, too few inodes, or too little memory.

    + idle: the idle color, in which the new release will start
    """
    room = settings.room
    for name, state in fleet.node_states.items():
        if not state.provisioned:
            continue
        # the idle color's old processes end first, then its new processes grow as large as the live color's processes
        growth = max(0, state.rss_mb[idle.other] - state.rss_mb[idle])
        if state.disk_mb < room.disk_mb + state.release_mb:
            asked = _asked("disk_mb", room.disk_mb, state.release_mb)
            yield f"{name} has {state.disk_mb} MiB of disk free, but {asked}: remove files, or lower room.disk_mb"
        if state.inodes < room.inodes + state.release_inodes:
            asked = _asked("inodes", room.inodes, state.release_inodes)
            yield f"{name} has {state.inodes} inodes free, but {asked}: remove files, or lower room.inodes"
        if state.memory_mb < room.memory_mb + growth:
            yield (
                f"{name} has {state.memory_mb} MiB of memory available, but {room.memory_mb + growth} MiB are needed "
                "(room.memory_mb, plus the growth of the idle color): end other programs, or lower php.workers or "
                "room.memory_mb"
            )


def _asked(key: str, asked: int, last: int) -> str:
    """Return the end of a message: how much disk space, or how many inodes, must be free.

    + key: the key of the setting in the section ``room``
    + asked: the value of the setting
    + last: how much the last release took; 0 if unknown
    """
    more = f", in addition to the {last} that the last release took" if last else ""
    return f"room.{key} requires {asked}{more}"


def _unrest(fleet: FleetState) -> Iterable[str]:
    """Yield one line for each change in progress in the Auto Scaling group. A run must not begin during such a change.

    If the state of the group is unknown, the only line says why.
    """
    if fleet.group is None:
        return
    from orchestrator.aws.scaling import unrest

    yield from [fleet.group] if isinstance(fleet.group, str) else unrest(fleet.group)


def _suspends(settings: Settings) -> bool:
    return settings.scaling is not None and settings.scaling.suspend


def _scaling(fleet: FleetState, settings: Settings) -> ScalingInput:
    if fleet.group is None or isinstance(fleet.group, str):
        return ScalingInput()
    from orchestrator.aws.scaling import to_suspend

    suspended = to_suspend(fleet.group) if _suspends(settings) else ()
    return ScalingInput(suspended, tuple(fleet.group.instances))


def _workers(
    fleet: FleetState, settings: Settings, outside: tuple[str, ...], unreached: tuple[str, ...] = ()
) -> WorkersInput | None:
    """Return the facts about workers; None if neither the settings nor a node have workers.

    A release that is on the nodes may have workers that the settings no longer have.

    + outside: the names of the nodes that take no part in the run
    + unreached: the names of the nodes that the run cannot reach, although they may have traffic
    """
    states = fleet.node_states.values()
    if not settings.workers and not any(state.workers.processes or state.workers.expected for state in states):
        return None
    return WorkersInput(outside, unreached)


def _one_live_release(fleet: FleetState, live: Color) -> Iterable[str]:
    # `_absent` already names barred nodes
    states = fleet.without(fleet.barred).node_states
    live_releases = {name: state.release[live] for name, state in states.items()}
    if len(set(live_releases.values())) > 1:
        yield (
            f"the nodes disagree about the live release: {_list(live_releases)} (deploys/provision.py bars the nodes "
            "that lack the live release, and deploys/join.py brings these nodes back)"
        )


def _runs(state: NodeState, color: Color) -> bool:
    return state.active[color] and state.started[color] == state.release[color]


def _keeps_running(state: NodeState, color: Color, release: str | None) -> bool:
    """Return whether the start of a release changes nothing, because the color runs this release with all workers."""
    return state.release[color] == release and _runs(state, color) and color not in state.shrunk


def _switch_inputs(fleet: FleetState) -> tuple[SwitchInput, ...]:
    return tuple(
        SwitchInput(name, kind, at, seen.sticky, seen.attached == frozenset(Color))
        for name, seen in fleet.seen.items()
        for at, kind in [fleet.kinds[name]]
    )


def _list(releases: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name} has {release or 'none'}" for name, release in releases.items())
