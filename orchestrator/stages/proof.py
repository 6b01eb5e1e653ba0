"""End the probe and check that no request has failed since the first cutover. After this stage the run is committed.

If requests had already failed before the first cutover, the run fails only if the rate of failures is now higher.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.plan.inputs import Inputs
from orchestrator.plan.steps import OPERATOR, Action, Kind, Stage, Step

PROOF = Kind("proof", ("operator",), changes=False, skipped="probe.enabled is off", hooks=True)


@dataclass(frozen=True)
class Proof(Action):
    """End the probe.

    + judged: whether the step fails if requests have failed since the first cutover, and earlier failures do not
      explain this
    """

    name = "proof"
    handler = "orchestrator.run.handlers.proof:ProofHandler"

    judged: bool


def proof(i: Inputs) -> Stage:
    """Return the stage that ends the probe after enough requests, and judges the probe's report.

    There are enough requests if ``probe.after`` seconds have passed and ``probe.answers`` requests to each URL have
    ended since the last cutover.

    In a rollback, the stage only reports failed requests and does not fail. Without a probe (setting ``probe.enabled``)
    the stage has no steps.
    """
    probe = i.settings.probe
    action = Proof(judged=i.verb != "rollback")
    steps = (Step(OPERATOR, action, probe.patience + probe.timeout + 10.0),) if probe.enabled else ()
    return Stage(PROOF, steps, commits=True)
