"""What an ALB's listener rule says of our two target groups, and the action list that says something else. Pure.

ModifyRule replaces the whole action list ("you must provide the entire list", service model), so what is sent is always
what was read, changed in one place. Facts of AWS are from notes of its documentation and service model: docs/aws.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from orchestrator.model import Color, Weights
from orchestrator.switches.base import CannotTell

Action = dict[str, Any]
Groups = Mapping[Color, str]
"""The ARN of each color's target group."""

LONGEST = 604_800
"""Seconds that group stickiness may last at most."""


@dataclass(frozen=True)
class Forward:
    """What the rule says.

    + shares: the weight of each color that the rule names, 0 to 999, as it is there
    + sticky: seconds for which the rule keeps a client on a color, 0 if it does not
    """

    shares: Mapping[Color, int]
    sticky: int = 0

    @property
    def attached(self) -> frozenset[Color]:
        return frozenset(self.shares)

    @property
    def weights(self) -> Weights:
        green, blue = self.shares.get(Color.green, 0), self.shares.get(Color.blue, 0)
        if green and blue:
            # a split must never look like all or nothing
            return Weights(min(99, max(1, round(100 * green / (green + blue)))))
        return Weights.all_to(Color.green if green else Color.blue)


def read(rule: Mapping[str, Any], groups: Groups) -> Forward:
    """What a rule of DescribeRules says. Raises CannotTell, one line that says why."""
    if rule.get("IsDefault"):
        raise CannotTell(
            "it is the listener's default rule, which ModifyRule refuses: make a rule of its own "
            "(path pattern /*) and leave the default one as a fallback"
        )
    forwards = [action for action in rule.get("Actions", []) if action.get("Type") == "forward"]
    if len(forwards) != 1:
        raise CannotTell(f"it has {len(forwards) or 'no'} forward actions: exactly one must name our two target groups")
    return _forward(forwards[0], {arn: color for color, arn in groups.items()})


def _forward(action: Mapping[str, Any], colors: Mapping[str, Color]) -> Forward:
    """AWS answers in three shapes: TargetGroupArn, ForwardConfig, or both for a single group."""
    config = action.get("ForwardConfig") or {}
    tuples = config.get("TargetGroups") or []
    alone = action.get("TargetGroupArn")
    arns = [str(one.get("TargetGroupArn")) for one in tuples] or ([alone] if alone else [])
    if alone and alone not in arns:
        raise CannotTell(f"TargetGroupArn ({short(alone)}) and ForwardConfig of its forward action differ")
    foreign = sorted(short(arn) for arn in arns if arn not in colors)
    if foreign:
        raise CannotTell(f"its forward action names a target group that is not ours: {', '.join(foreign)}")
    if not arns or len(set(arns)) != len(arns):
        raise CannotTell("its forward action names " + ("a target group twice" if arns else "no target group"))
    if len(arns) == 1:
        # it gets everything whatever its weight, which AWS need not even tell
        shares = {colors[arns[0]]: int(tuples[0].get("Weight") or 1) if tuples else 1}
    else:
        if any("Weight" not in one for one in tuples):
            raise CannotTell("its forward action has a target group without a weight")
        shares = {colors[str(one["TargetGroupArn"])]: int(one["Weight"]) for one in tuples}
        if not any(shares.values()):
            raise CannotTell("both weights are 0: nobody gets traffic")
    stickiness = config.get("TargetGroupStickinessConfig") or {}
    sticky = int(stickiness.get("DurationSeconds") or LONGEST) if stickiness.get("Enabled") else 0
    return Forward(shares, sticky)


def rewritten(actions: Sequence[Mapping[str, Any]], groups: Groups, shares: Mapping[Color, int]) -> list[Action]:
    """The action list to send: all as it was read, but for the weights of our groups. Pure.

    + actions: of a rule that ``read`` has understood
    + shares: weight of each color that the rule is to name; 0 is sent, too (left out, it would be 1)
    """
    sent = deepcopy([dict(action) for action in actions])
    for action in sent:
        if action["Type"] == "authenticate-oidc":
            # DescribeRules never tells the secret, so it can only be kept
            action["AuthenticateOidcConfig"]["UseExistingClientSecret"] = True
        if action["Type"] == "forward":
            # both forms at once are one too many
            action.pop("TargetGroupArn", None)
            config = action.setdefault("ForwardConfig", {})
            config["TargetGroups"] = [
                {"TargetGroupArn": groups[color], "Weight": shares[color]} for color in Color if color in shares
            ]
    return sent


def short(arn: str) -> str:
    """What of an ARN a person and CloudWatch know a thing by: ``targetgroup/web-blue/73e2d6bc24d8a067``."""
    return arn.split(":", 5)[-1]


def load_balancer(rule_arn: str) -> str:
    """CloudWatch's name of the load balancer that a rule belongs to: ``app/web/50dc6c495c0c9188``."""
    return "/".join(short(rule_arn).split("/")[1:4])
