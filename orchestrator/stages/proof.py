"""Check the probe's report: no request failed since the first cutover. Then the run is committed."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import OPERATOR, Action, Kind, Stage, Step

PROOF = Kind("proof", ("operator",), changes=False, skipped="probe.enabled is off", hooks=True)


@dataclass(frozen=True)
class Proof(Action):
    """End the probe.

    + judged: whether the step fails if requests failed since the first cutover
    """

    name = "proof"
    handler = "orchestrator.run.handlers.proof:ProofHandler"

    judged: bool


def proof(i: Inputs) -> Stage:
    """End the probe after ``probe.after`` more seconds and judge its report. Failures do not stop a rollback."""
    probe = i.settings.probe
    action = Proof(judged=i.verb != "rollback")
    steps = (Step(OPERATOR, action, probe.after + probe.timeout + 10.0),) if probe.enabled else ()
    return Stage(PROOF, steps, commits=True)
