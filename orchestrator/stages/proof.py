"""The probe's report: not one request failed since the switch. Then the run is committed."""

from __future__ import annotations

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import OPERATOR, Action, Stage, Step


def proof(i: Inputs) -> Stage:
    """The probe goes on for a moment, is ended and judged. A rollback is not kept back by failures."""
    probe = i.settings.probe
    action = Action("proof", {"judged": i.verb != "rollback"})
    steps = (Step(OPERATOR, action, probe.after + probe.timeout + 10.0),) if probe.enabled else ()
    return Stage("proof", steps, changes=False, commits=True)
