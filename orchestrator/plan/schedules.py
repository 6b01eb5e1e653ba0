"""Decide which node runs the single-node schedules. All functions are pure.

The single-node schedules are the schedules with ``"on": "one node"``. The per-node schedules are the schedules with
``"on": "each"``.

Each node has a note, which a run has written. The note says which schedules the node runs and, as far as this run knew,
which node runs the single-node schedules. The note with the highest number of a run is right. If the node in this note
does not answer, no other node may take its place without a word of the operator, because the node may still run the
schedules.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from orchestrator.config import Settings
from orchestrator.plan.fleet_state import FleetState
from orchestrator.plan.inputs import ScheduleInput


@dataclass(frozen=True)
class Holder:
    """The node that runs the single-node schedules, according to the notes of the nodes.

    + name: name of the node; empty if no note names a node that the inventory has
    + answers: whether the state of the node is known
    + has: whether the node itself says that it runs the single-node schedules
    + silent: the names of the nodes whose state is unknown
    + others: the names of the other nodes that say that they run the single-node schedules
    """

    name: str
    answers: bool
    has: bool
    silent: tuple[str, ...]
    others: tuple[str, ...]


def holder(fleet: FleetState, gone: Collection[str] = ()) -> Holder:
    """Return who runs the single-node schedules.

    + gone: names of nodes that, as the operator says, run no schedule (``--data gone=``)
    """
    states = {name: state.schedule for name, state in fleet.node_states.items() if name not in gone}
    silent = tuple(name for name in fleet.nodes if name not in states and name not in gone)
    notes = [(state.number, state.holder) for state in states.values() if state.holder]
    name = max(notes)[1] if notes else ""
    name = name if name in fleet.nodes and name not in gone else ""
    claims = [one for one, state in states.items() if state.runs == "one"]
    return Holder(name, name in states, name in claims, silent, tuple(one for one in claims if one != name))


def concerns(fleet: FleetState, settings: Settings) -> bool:
    """Return whether the settings or a node have schedules."""
    return bool(settings.schedule) or any(state.schedule.runs for state in fleet.node_states.values())


def changes(
    fleet: FleetState, settings: Settings, inside: Collection[str], to: str = "", gone: Collection[str] = ()
) -> ScheduleInput | None:
    """Return how the nodes' schedules have to change; None if nothing has to change.

    + fleet: the state of the whole fleet
    + inside: names of the nodes that take part in the run, in the order of the inventory
    + to: name of the node that has to run the single-node schedules; empty to change the node only if needed
    + gone: names of nodes that, as the operator says, run no schedule (``--data gone=``)
    """
    if not concerns(fleet, settings):
        return None
    found = holder(fleet, gone)
    states = {name: state.schedule for name, state in fleet.node_states.items()}
    here = [name for name in inside if name in states]
    chosen = found.name
    if to:
        chosen = to
    elif (not chosen and not found.silent) or (found.answers and chosen not in inside):
        chosen = here[0] if here else ""
    # the nodes that have to say that they no longer run the single-node schedules
    claims = tuple(name for name in (found.name if found.has else "", *found.others) if name and name != chosen)
    gives = chosen in here and states[chosen].runs != "one"
    made = ScheduleInput(
        holder=chosen,
        each=tuple(
            name
            for name in here
            if name != chosen and (states[name].runs in ("one", "none") or (chosen and states[name].holder != chosen))
        ),
        none=tuple(
            name
            for name in fleet.nodes
            if name not in inside and name not in gone and (name not in states or states[name].runs != "none")
        ),
        one=chosen if gives else "",
        after=claims if gives else (),
    )
    return made if made.each or made.none or made.one else None


def joining(fleet: FleetState, settings: Settings, node: str) -> ScheduleInput | None:
    """Return which schedules a node runs after it has joined; None if there are no schedules.

    The node runs the single-node schedules only if it did so before.
    """
    if not concerns(fleet, settings):
        return None
    found = holder(fleet)
    if found.name == node:
        return ScheduleInput(holder=node, each=found.others, one=node, after=found.others)
    return ScheduleInput(holder=found.name, each=(node,))
