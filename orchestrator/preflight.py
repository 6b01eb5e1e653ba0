"""From what was asked and seen to the Inputs of a run, or a refusal that names every problem. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from orchestrator.config import Settings
from orchestrator.errors import Refused
from orchestrator.facts.node import NodeState
from orchestrator.model import Color, Weights, release_id
from orchestrator.plan import BalancerInput, Inputs, NodeInput
from orchestrator.switches.base import Seen

# rename(2) is atomic for readers there; on fuse-overlayfs it is not (notes/switch.md)
SAFE_FILESYSTEMS = {"ext2/ext3", "xfs", "btrfs", "tmpfs", "zfs", "f2fs"}


@dataclass(frozen=True)
class Look:
    """The fleet as it was seen: a state, or one line that says why there is none. In inventory order."""

    nodes: Mapping[str, NodeState | str]
    balancers: Mapping[str, Seen | str]
    kinds: Mapping[str, str]

    @property
    def node_states(self) -> dict[str, NodeState]:
        return {name: state for name, state in self.nodes.items() if isinstance(state, NodeState)}

    @property
    def seen(self) -> dict[str, Seen]:
        return {name: seen for name, seen in self.balancers.items() if isinstance(seen, Seen)}


def live_color(look: Look) -> Color:
    """The color that all balancers send all traffic to. Raises Refused if they do not say one and the same."""
    problems = [f"{name}: {why}" for name, why in look.balancers.items() if isinstance(why, str)]
    if problems:
        raise Refused("cannot tell which color gets traffic: " + "; ".join(problems))
    weights = {name: seen.weights for name, seen in look.seen.items()}
    if len({weight.green for weight in weights.values()}) != 1:
        raise Refused(
            "the balancers disagree: "
            + ", ".join(f"{name} sends {weight.green}% to green" for name, weight in weights.items())
        )
    weight = next(iter(weights.values()))
    if weight.live is None:
        raise Refused(f"traffic is split ({weight.green}% to green): end that run first")
    return weight.live


def release(
    look: Look,
    settings: Settings,
    ref: str,
    revision: str,
    now: datetime,
    color: Color | None = None,
) -> Inputs:
    """The Inputs of a release. Raises Refused with every problem found.

    + color: the idle color that the operator expects, None for whichever it is
    """
    live = live_color(look)
    idle = live.other
    problems = [*_unreachable(look), *_balancers(look), *_nodes(look, settings), *_room(look, settings, idle)]
    if color is not None and color is not idle:
        problems.append(f"{color} is live: a release goes to {idle}")
    problems += _one_live_release(look, live)
    if problems:
        raise Refused("; ".join(problems))
    states = look.node_states
    new = release_id(now, revision)
    if any(new in state.releases for state in states.values()):
        raise Refused(f"release {new} exists already: the same commit within one second; try again")
    return Inputs(
        verb="release",
        settings=settings,
        color=idle,
        before=Weights.all_to(live),
        live=next(iter(states.values())).release[live],
        release=new,
        ref=ref,
        revision=revision,
        nodes=tuple(NodeInput(name, state.release[idle], _runs(state, idle)) for name, state in states.items()),
        balancers=_balancer_inputs(look),
        mend=tuple(name for name, state in states.items() if state.live is not live),
    )


def rollback(look: Look, settings: Settings) -> Inputs:
    """The Inputs of a rollback to what is warm in the idle color; nodes that cannot be reached may be missing."""
    live = live_color(look)
    idle = live.other
    states = look.node_states
    if problems := [*_balancers(look)]:
        raise Refused("; ".join(problems))
    if not states:
        raise Refused("no node can be reached, so nobody says which release the idle color has")
    targets = {name: state.release[idle] for name, state in states.items()}
    if not any(targets.values()):
        raise Refused(f"there is nothing to go back to: {idle} never had a release")
    if len(set(targets.values())) != 1:
        raise Refused(f"the nodes disagree about the release to go back to: {_list(targets)}; release instead")
    cold = [name for name, state in states.items() if not _runs(state, idle)]
    if cold:
        raise Refused(f"{idle} does not run its release on {', '.join(cold)}: release instead")
    target = next(iter(targets.values()))
    assert target is not None
    return Inputs(
        verb="rollback",
        settings=settings,
        color=idle,
        before=Weights.all_to(live),
        live=next(iter(states.values())).release[live],
        release=target,
        ref="",
        revision=target.rpartition("-")[2],
        nodes=tuple(NodeInput(name, target) for name in states),
        balancers=_balancer_inputs(look),
        mend=(),
    )


def _unreachable(look: Look) -> Iterable[str]:
    return (
        f"{name}: {why} (all nodes take part or nobody moves)"
        for name, why in look.nodes.items()
        if isinstance(why, str)
    )


def _balancers(look: Look) -> Iterable[str]:
    for name, seen in look.seen.items():
        if seen.filesystem not in SAFE_FILESYSTEMS:
            yield (
                f"{name}: the switch's state is on {seen.filesystem or 'an unknown file system'}, where a "
                f"rename is not known to be atomic for readers: put it on one of {', '.join(sorted(SAFE_FILESYSTEMS))}"
            )
        if seen.kept != seen.weights:
            yield (
                f"{name} runs with {seen.weights.green}% on green but would restart with {seen.kept.green}%: "
                "set one to the other"
            )


def _nodes(look: Look, settings: Settings) -> Iterable[str]:
    for name, state in look.node_states.items():
        if not state.provisioned:
            yield f"{name} is not provisioned: run deploys/provision.py"
        elif state.filesystem not in SAFE_FILESYSTEMS:
            yield (
                f"{name}: {settings.node.root} is on {state.filesystem or 'an unknown file system'}, where a rename is "
                f"not known to be atomic for readers: put it on one of {', '.join(sorted(SAFE_FILESYSTEMS))}"
            )


def _room(look: Look, settings: Settings, idle: Color) -> Iterable[str]:
    room = settings.room
    for name, state in look.node_states.items():
        if not state.provisioned:
            continue
        # the idle color's processes end before the new ones begin, and grow to what the live ones are
        growth = max(0, state.rss_mb[idle.other] - state.rss_mb[idle])
        if state.disk_mb < room.disk_mb:
            yield f"{name} has {state.disk_mb} MiB of disk free, room.disk_mb asks for {room.disk_mb}"
        if state.inodes < room.inodes:
            yield f"{name} has {state.inodes} inodes free, room.inodes asks for {room.inodes}"
        if state.memory_mb < room.memory_mb + growth:
            yield (
                f"{name} has {state.memory_mb} MiB of memory available, two warm colors ask for "
                f"{room.memory_mb + growth}"
            )


def _one_live_release(look: Look, live: Color) -> Iterable[str]:
    live_releases = {name: state.release[live] for name, state in look.node_states.items()}
    if len(set(live_releases.values())) > 1:
        yield f"the nodes disagree about the live release: {_list(live_releases)}"


def _runs(state: NodeState, color: Color) -> bool:
    return state.active[color] and state.started[color] == state.release[color]


def _balancer_inputs(look: Look) -> tuple[BalancerInput, ...]:
    return tuple(BalancerInput(name, look.kinds[name]) for name in look.balancers)


def _list(releases: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name} has {release or 'none'}" for name, release in releases.items())
