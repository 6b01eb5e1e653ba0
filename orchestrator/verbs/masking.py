"""Read the values of the application's environment variables before a run, so that the mask can hide these values.

The mask replaces secrets in the output of commands.
"""

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
    """Read the values of the application's environment variables, so that the mask hides the values in all output.

    If none of the stages can show output of the application's own commands, do nothing. If the values cannot be read, a
    release raises Refused or UsageError, because a release writes the values to the nodes. All other verbs only print a
    warning.

    + i: the Inputs of the run
    + stages: the stages that the run will perform or undo
    + must: whether a release must have the values. False if the release is only undone or completed. Then a release,
      like all other verbs, only prints a warning.
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
