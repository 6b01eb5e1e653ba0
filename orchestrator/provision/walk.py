"""Provisions a fleet: places everything at once, then loads it, on a serving fleet node by node and drained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host

from orchestrator.config.switch import BalancerSwitch
from orchestrator.errors import OrchestratorError, Refused, StepFailed
from orchestrator.facts.idle import ColorInFlight
from orchestrator.fleet import Fleet, Reply, at_once
from orchestrator.look import look
from orchestrator.model import Color
from orchestrator.preflight import live_color
from orchestrator.provision import haproxy, nginx_balancer, node
from orchestrator.switches import balancer

PLACE = 900.0
"""Seconds for what may have to install packages."""

LOAD = 120.0
"""Seconds to load configuration on one host."""

DRAIN = 90.0
"""Seconds until a drained node has answered its last request."""

KINDS = {"haproxy": haproxy, "nginx": nginx_balancer}

T = TypeVar("T")

Say = Callable[[str], None]


def place(fleet: Fleet, say: Say) -> None:
    """Put everything where it belongs, on all hosts at once; no traffic is disturbed. Raises on the first failure."""
    missing = [host.name for host in fleet.state.inventory if not host.connected]
    if missing:
        raise Refused(f"{', '.join(missing)} cannot be reached: nothing was changed")
    settings = fleet.settings
    addresses = {name: fleet.address(name) for name in fleet.nodes}

    def on_node(host: Host) -> list[str]:
        return node.place(settings, host.name)

    def on_balancer(host: Host) -> list[str]:
        switch = _switch(fleet, host.name)
        place_kind: Callable[..., list[str]] = KINDS[switch.kind].place
        return place_kind(settings, switch, addresses)

    nodes, balancers = at_once(
        [lambda: fleet.each(fleet.nodes, on_node, PLACE), lambda: fleet.each(fleet.balancers, on_balancer, PLACE)]
    )
    _tell([*nodes, *balancers], say)


def activate(fleet: Fleet, say: Say) -> None:
    """Load what is placed. A node whose nginx has to be reloaded under traffic is drained first; one after another.

    Never restarted: the FPM of the live color. Raises on the first failure; what it did not reach is as it was.
    """
    live, serving = _traffic(fleet)
    settings = fleet.settings
    pending = _values(fleet.each(fleet.nodes, lambda host: node.pending(settings, live), LOAD))
    disturbed = [name for name in fleet.nodes if serving and any(task.disturbs for task in pending[name])]
    others = [name for name in fleet.nodes if name not in disturbed]
    load = partial(_load_node, fleet, live)
    for name in others:
        # a rollback just before may still be answered there
        _until_quiet(fleet, name, [task.color for task in pending[name] if task.kind == "restart" and task.color])
    _tell(fleet.each(others, load, LOAD), say)
    for name in disturbed:
        say(f"    {name}: serving, so it is drained first")
        _tell([_drained(fleet, name, load)], say)
    for name in fleet.balancers:
        switch = _switch(fleet, name)
        _tell([fleet.one(name, lambda host, s=switch: KINDS[s.kind].activate(settings, s), LOAD)], say)  # type: ignore[misc]


def _load_node(fleet: Fleet, live: Color | None, host: Host) -> list[str]:
    return node.activate(fleet.settings, live)


def _drained(fleet: Fleet, name: str, act: Callable[[Host], list[str]]) -> Reply[list[str]]:
    """Act on a node that gets no requests meanwhile; it gets them again whatever happens."""
    ours = _bar(fleet, name)
    try:
        _until_quiet(fleet, name, list(Color))
        return fleet.one(name, act, LOAD)
    finally:
        _unbar(fleet, name, ours)


def _bar(fleet: Fleet, name: str) -> list[str]:
    """Keep requests from a node: at every balancer, and by ending its kept connections.

    Returns the balancers where it was us who did it.
    """
    ours = []
    for balancer_name in fleet.balancers:
        lines = _at_balancer(fleet, balancer_name, name, "on")
        if "kept" not in lines:
            ours.append(balancer_name)
    _sure(fleet.one(name, lambda host: fleet.shell(host, _mark(fleet, "touch")), LOAD))
    return ours


def _unbar(fleet: Fleet, name: str, ours: Sequence[str]) -> None:
    _sure(fleet.one(name, lambda host: fleet.shell(host, _mark(fleet, "rm -f")), LOAD))
    for balancer_name in ours:
        _at_balancer(fleet, balancer_name, name, "off")


def _mark(fleet: Fleet, command: str) -> StringCommand:
    return StringCommand(command, QuoteString(f"{fleet.settings.node.guard_dir}/drain"))


def _at_balancer(fleet: Fleet, balancer_name: str, name: str, verb: str) -> list[str]:
    script = balancer(fleet.balancers[balancer_name], fleet.settings.balancer).bar
    command = StringCommand("sh", "-c", QuoteString(script.strip()), "bar", name, fleet.address(name), verb)
    return _sure(fleet.one(balancer_name, lambda host: fleet.shell(host, command), LOAD))


def _until_quiet(fleet: Fleet, name: str, colors: Sequence[Color]) -> None:
    """Until these colors have answered their last request on a node. Raises StepFailed."""
    from orchestrator.executor import NotYet, until

    settings = fleet.settings

    def ask(host: Host, color: Color) -> None:
        seen = fleet.look(host, ColorInFlight, socket=settings.node.socket(color), port=settings.ports.of(color))
        if seen is None or not seen.quiet:
            raise NotYet(f"{name}: {color} still answers requests after {DRAIN:g} s: {seen}")

    def both(host: Host) -> list[str]:
        for color in colors:
            until(lambda color=color: ask(host, color), DRAIN, 0.25)  # type: ignore[misc]
        return []

    if colors:
        _sure(fleet.one(name, both, 2 * DRAIN + 5))


def _traffic(fleet: Fleet) -> tuple[Color | None, bool]:
    """The live color, if the balancers say one, and whether any node has a release there."""
    seen = look(fleet)
    try:
        live = live_color(seen)
    except OrchestratorError:
        return None, False
    return live, any(state.release[live] for state in seen.node_states.values())


def _switch(fleet: Fleet, name: str) -> BalancerSwitch:
    groups = fleet.host(name).groups
    switches = (switch for switch in fleet.settings.switches if isinstance(switch, BalancerSwitch))
    return next(switch for switch in switches if switch.group in groups)


def _tell(replies: Sequence[Reply[list[str]]], say: Say) -> None:
    for name, changed in _values(replies).items():
        for what in changed:
            say(f"    {name}: {what}")


def _values(replies: Sequence[Reply[list[T]]]) -> Mapping[str, list[T]]:
    failed = [f"{reply.name}: {reply.error}" for reply in replies if reply.error is not None]
    if failed:
        raise StepFailed("; ".join(failed))
    return {reply.name: reply.value or [] for reply in replies}


def _sure(reply: Reply[list[str]]) -> list[str]:
    if reply.error is not None:
        raise StepFailed(f"{reply.name}: {reply.error}")
    return reply.value or []
