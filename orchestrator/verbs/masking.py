"""Read the values of the environment before a run, so that they can be masked in the output of commands."""

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
    """If any of the stages may print output of commands, read the environment's values, so that they are masked.

    If the values cannot be read, a release raises the error (Refused or UsageError), because it needs the values. Any
    other verb only prints a warning.

    + must: whether a release needs the values. False in an undo, which then only prints a warning
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
