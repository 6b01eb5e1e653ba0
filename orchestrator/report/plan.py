"""Make the text of a plan: a table of stages and places, why stages are skipped, the commands, and the risks.

All functions are pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from orchestrator.config import published
from orchestrator.config.database import key_of
from orchestrator.config.source import REF
from orchestrator.model import Color
from orchestrator.plan.fleet_state import FleetState
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.provisioned import differences, outdated
from orchestrator.plan.steps import Plan, Stage
from orchestrator.run.commands import commands

FIRST = 14
"""The smallest width of the first column of a printed plan, which has the names of the stages."""

FEW = 8
"""The largest number of places for which the table of a plan has one column for each place."""


def risks(fleet: FleetState, i: Inputs) -> list[str]:
    """Return the risks that the operator should know before approving the plan, one line for each risk."""
    found = published.risks(i.settings) if i.verb == "release" else []
    room = i.settings.room
    idle = i.color
    for name, state in fleet.node_states.items():
        if state.disk_mb < 3 * room.disk_mb:
            found.append(f"{name} has {state.disk_mb} MiB of disk free")
        if i.verb == "release" and state.release[idle] and state.started[idle] != state.release[idle]:
            found.append(f"{name}: {idle} does not run its release, so the undo of this release would not check {idle}")
        if name in i.mend:
            found.append(
                f"drift: {name}'s live link names {state.live or 'nothing'}, but the switch sends traffic to "
                f"{idle.other}"
            )
    for name, seen in fleet.seen.items():
        for color in Color:
            if seen.down[color] and color is idle.other:
                down = ", ".join(seen.down[color])
                found.append(f"the health checks of {name} fail in {color}, which has the traffic, on {down}")
    found += [*differences(fleet), *outdated(fleet)]
    found += [f"{node.name} takes no part and gets no traffic until it has joined" for node in i.missing]
    if i.settings.scaling is not None and fleet.group is not None and not isinstance(fleet.group, str):
        from orchestrator.aws import scaling

        found += scaling.risks(fleet.group, i.settings.scaling.suspend)
    found += _untried(i)
    if not i.settings.probe.enabled:
        found.append("the probe is off, so the run cannot prove that no request failed")
    return found


def _untried(i: Inputs) -> list[str]:
    if i.verb != "release":
        return []
    return [
        f"nothing checks whether {key_of(name)}.migrate.expand breaks the live release: set "
        f"{key_of(name)}.migrate.redirect"
        for name, database in i.settings.all_databases.items()
        if database.migrate and database.url and not database.tries
    ]


def lines(fleet: FleetState, i: Inputs, plan: Plan, verbose: bool, more: Sequence[str] = ()) -> Iterable[str]:
    """Yield the lines of the printed plan.

    + verbose: whether to show the commands of each stage, as the first place of the stage would get them
    + more: the risks of the new version, one line for each; empty if the verb is not ``release``
    """
    places = list(dict.fromkeys(step.place.name for stage in plan.stages for step in stage.do))
    columns = places if len(places) <= FEW else []
    if i.verb == "release":
        source = i.settings.source
        yield f"    from {source.kind}: {source.where.replace(REF, i.ref)}"
    first = max(FIRST, *(len(stage.name) + 2 for stage in plan.stages))
    yield "    " + f"{'stage':<{first}}" + "".join(f"{name:<{_width(name)}}" for name in columns)
    for stage in plan.stages:
        yield f"    {stage.name:<{first}}{_cells(stage, columns)}"
        if verbose and stage.do:
            yield from (f"        $ {command}" for command in commands(stage.do[0], i.settings))
        if stage.commits:
            yield "    ---- commit: a failure before the commit undoes the run, a later failure is a warning ----"
    for risk in [*more, *risks(fleet, i)]:
        yield f"    risk: {risk}"


def data(fleet: FleetState, i: Inputs, plan: Plan, more: Sequence[str] = ()) -> dict[str, Any]:
    """Return the plan as data for JSON: the Inputs, the stages with their steps and undos, and the risks.

    + more: the risks of the new version, one line for each; empty if the verb is not ``release``
    """
    return {
        "inputs": i.to_json(),
        "stages": [_stage(stage, i) for stage in plan.stages],
        "risks": [*more, *risks(fleet, i)],
    }


def _cells(stage: Stage, columns: list[str]) -> str:
    """Return the table row of a stage, without the name of the stage.

    + columns: the names of the places that have a column; empty to show only the number of places
    """
    if not stage.do:
        return f"skipped: {stage.kind.skipped}"
    mark = "do" if stage.kind.changes else "look"
    user = stage.do[0].action.runs_as
    who = f"as {user}" if user else ""
    if not columns:
        return f"{mark} at {len(stage.do)} places {who}".rstrip()
    acting = {step.place.name for step in stage.do}
    cells = "".join(f"{mark if name in acting else '-':<{_width(name)}}" for name in columns)
    return f"{cells}{who}"


def _stage(stage: Stage, i: Inputs) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": stage.name,
        "changes": stage.kind.changes,
        "commits": stage.commits,
        "steps": [
            {
                "place": step.place.name,
                "action": step.action.name,
                "arguments": step.action.to_json(),
                "deadline": step.deadline,
                "commands": commands(step, i.settings),
            }
            for step in stage.do
        ],
        "undo": [_stage(back, i) for back in stage.undo],
    }
    if not stage.do:
        said["skipped"] = stage.kind.skipped
    return said


def _width(name: str) -> int:
    return max(len(name), 4) + 2
