"""Verify from outside, through every address of the switch, until only the new release answers; then commit."""

from __future__ import annotations

from orchestrator.plan import OPERATOR, Action, Inputs, Stage, Step


def verify(i: Inputs) -> Stage:
    """The data plane's own answers, each naming its release; what a control plane says proves nothing."""
    # back to the old release one has to be able to go with nodes that are down, or frozen
    action = Action("verify", {"release": i.release, "tolerant": i.verb == "rollback"})
    return Stage(
        "verify",
        (
            Step(
                OPERATOR, action, i.settings.deadlines.verify + i.settings.probe.after + i.settings.probe.timeout + 10.0
            ),
        ),
        changes=False,
        commits=True,
    )
