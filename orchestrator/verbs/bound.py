"""Refuse a run whose plan differs from the plan that the operator has approved.

The approved plan is the plan that was shown to the operator before the run, or a plan that was saved to a file earlier.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import Refused, UsageError
from orchestrator.plan.inputs import Inputs

NAMES = {
    "before": "green's share of the traffic",
    "color": "the idle color",
    "database": "the node or the option of the database's commands",
    "instances": "the instances of the Auto Scaling group",
    "live": "the live release",
    "members": "the nodes that should be up",
    "mend": "the nodes whose live link must be corrected",
    "missing": "the nodes that are left out",
    "nodes": "the nodes",
    "ref": "the ref",
    "release": "the release",
    "revision": "the commit",
    "settings": "the settings",
    "switches": "the switches",
}
"""Key of the Inputs in JSON -> name of the key in messages. Every other key is itself the name in messages."""


@dataclass(frozen=True)
class Approved:
    """The plan that was shown to the operator before the question whether to continue.

    + inputs: the Inputs of the plan as JSON; for ``provision``, the plan as host -> one line for each change. None if
      no plan could be made, because an earlier run has to be settled first
    """

    inputs: Mapping[str, Any] | None


def save_plan(path: str, text: str) -> None:
    """Write a plan to a file. Raises UsageError if the file cannot be written.

    + path: path of the file, from ``--data save=``
    + text: the plan as JSON text
    """
    try:
        Path(path).write_text(text)
    except OSError as error:
        raise UsageError(f"--data save={path}: the file cannot be written: {error.strerror or error}") from None


def as_saved(i: Inputs) -> Mapping[str, Any]:
    """Return the Inputs as JSON data. The data has lists instead of tuples, like a plan that was read from a file."""
    saved: Mapping[str, Any] = json.loads(json.dumps(i.to_json()))
    return saved


def check_approved(now: Mapping[str, Any], approved: Approved, settled: str = "") -> None:
    """Raise Refused if the run's plan differs from the plan that was shown, or if no plan was shown.

    + now: the Inputs of the run's plan, as JSON
    + approved: the plan that was shown
    + settled: the name of the earlier run that was settled first; empty if no run was settled
    """
    after = _after(settled)
    if approved.inputs is None:
        raise Refused(f"no plan was shown and approved before this run; {after}: repeat the command to see the plan")
    differences = _differences(approved.inputs, now)
    if differences:
        raise Refused(
            f"the plan has changed since it was shown: {differences}; {after}: repeat the command to see the new plan"
        )


def check_saved(now: Mapping[str, Any], file: str, settled: str = "") -> None:
    """Raise Refused if the run's plan differs from the plan in the file (``--data bound=``).

    + now: the Inputs of the run's plan, as JSON
    + file: path of the saved plan
    + settled: the name of the earlier run that was settled first; empty if no run was settled

    Raises UsageError if the file cannot be read or has no plan.
    """
    try:
        differences = _differences(json.loads(Path(file).read_text())["inputs"], now)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"--data bound={file}: the file has no saved plan ({error}): save a plan with --data save=FILE"
        ) from None
    if differences:
        raise Refused(
            f"the plan has changed since it was saved in {file}: {differences}; {_after(settled)}: save the new "
            "plan, read it, and repeat the command with it"
        )


def _after(settled: str) -> str:
    """Return the words of a refusal that say what this command has done: settled an earlier run, or changed nothing.

    + settled: the name of the earlier run that was settled; empty if no run was settled
    """
    return f"this command has only settled {settled}" if settled else "this command changed nothing"


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return a description of all differences between the approved and the present Inputs; empty if there are none.

    The id of a new release and the name of the database's commands are not compared, because both contain the time.

    + then: the approved Inputs as JSON
    + now: the present Inputs as JSON
    """
    before, present = _lasting(then), _lasting(now)
    ignored = {"release"} if now.get("verb") == "release" else set()
    keys = sorted((before.keys() | present.keys()) - ignored)
    return ", ".join(
        describe(key, before.get(key), present.get(key)) for key in keys if before.get(key) != present.get(key)
    )


_OF_RUNS = ("run", "known", "others")
"""Keys of the facts about the databases that differ from run to run."""


def _lasting(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return Inputs without values that change from moment to moment.

    The names of runs that change the schema contain the time. A node may answer only now and then, and a rollback must
    work nevertheless.
    """
    found = dict(inputs)
    for key, passing in (("database", _OF_RUNS), ("workers", ("unreached",))):
        section = inputs.get(key)
        if isinstance(section, Mapping):
            found[key] = {name: value for name, value in section.items() if name not in passing}
    return found


def describe(key: str, then: object, now: object) -> str:
    """Return a description of one difference between two Inputs: the name of the key, and how its value has changed.

    If the value is a list, the description names the items that were added or removed. If the value is a dict, the
    description has only the name of the key.

    + then, now: the value of the key in the approved Inputs and in the present Inputs
    """
    name = NAMES.get(key, key)
    if isinstance(then, list) and isinstance(now, list):
        gone = [one for one in _names(then) if one not in _names(now)]
        come = [one for one in _names(now) if one not in _names(then)]
        words = [f"without {', '.join(gone)}"] * bool(gone) + [f"with {', '.join(come)}"] * bool(come)
        return f"{name} (now {' and '.join(words)})" if words else name
    if isinstance(then, dict) or isinstance(now, dict):
        return name
    return f"{name} (was {_value(then)}, is {_value(now)})"


def _names(values: list[Any]) -> list[str]:
    return [str(value["name"]) if isinstance(value, dict) and "name" in value else str(value) for value in values]


def _value(value: object) -> str:
    return "none" if value is None else str(value)
