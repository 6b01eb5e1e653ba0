"""Nodes that do not take part get no traffic, from either color, until they have caught up (`join`)."""

from __future__ import annotations

from orchestrator.plan import Action, Inputs, Stage, Step


def bar(i: Inputs) -> Stage:
    """At every balancer, before any traffic moves. Undone for nodes that were not barred before the run."""
    new = [node.address for node in i.missing if not node.barred]
    undo = (Stage("unbar", _bar(i, new, out=False)),) if new else ()
    return Stage("bar", _bar(i, [node.address for node in i.missing], out=True), undo=undo)


def unbar(i: Inputs) -> Stage:
    """Let the nodes of the run in again."""
    return Stage("unbar", _bar(i, [node.address for node in i.missing], out=False))


def _bar(i: Inputs, addresses: list[str], out: bool) -> tuple[Step, ...]:
    if not addresses:
        return ()
    action = Action("bar", {"addresses": addresses, "out": out})
    return tuple(
        # letting a node in again takes the time in which a balancer forgets that it was refused
        Step(switch.place, action, i.settings.deadlines.switch + 5.0 * len(addresses))
        for switch in i.at("balancer", "api")
    )
