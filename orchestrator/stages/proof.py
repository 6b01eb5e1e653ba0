"""End the probe and check that no request has failed since the first cutover. After this stage the run is committed."""

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
    """Return the stage that ends the probe after ``probe.after`` more seconds and judges the probe's report.

    A rollback only reports failed requests and goes on.
    """
    probe = i.settings.probe
    action = Proof(judged=i.verb != "rollback")
    steps = (Step(OPERATOR, action, probe.after + probe.timeout + 10.0),) if probe.enabled else ()
    return Stage(PROOF, steps, commits=True)
