"""Read the environment's values before any command whose output may show them: only known values can be hidden."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator import environment
from orchestrator.errors import OrchestratorError
from orchestrator.fleet import Fleet
from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import Stage
from orchestrator.report.terminal import say
from orchestrator.run.settle import shows


def learn_values(fleet: Fleet, i: Inputs, stages: Iterable[Stage], must: bool = True) -> None:
    """Read the environment's values, so that they are hidden, if any of the stages may print them.

    + must: whether a release needs the values. If False (an undo), and for every other verb, a failure to read them is
      only a warning.

    Raises Refused or UsageError if a release needs the values and cannot read them.
    """
    if not shows(stages):
        return
    needed = must and i.verb == "release"
    try:
        known = fleet.variables.read()
        if needed:
            environment.text(known)
    except OrchestratorError as error:
        if needed:
            raise
        say(
            "warning: the values of the environment could not be read, so the output of commands may show them: "
            f"{error}",
            fg="yellow",
        )
