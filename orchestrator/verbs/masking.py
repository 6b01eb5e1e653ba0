"""Read the values of a release's environment before a run, so that the mask can hide them in the output of commands."""

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
    """Read the values of the environment, so that the mask hides them, if a stage may show the output of commands.

    Does nothing if none of the stages shows output of the application's own commands. If the values cannot be read, a
    release raises Refused or UsageError, because it needs the values. Any other verb only prints a warning.

    + stages: the stages that will run, or will be undone
    + must: False if a release does not need the values, because it is undone or completed. If the values cannot be
      read, it then only prints a warning, too.
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
