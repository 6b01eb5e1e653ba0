"""Read the weights of both target groups from an ALB's listener rule, and make an action list with other weights.

The API call ModifyRule replaces the whole action list of a rule ("you must provide the entire list", says AWS's service
model). Therefore the tool reads the list, changes only the weights, and sends the whole list back. The facts about AWS
are from AWS's documentation and service model (docs/aws.md). All functions are pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import CannotTell
from orchestrator.model import Color, Weights

Action = dict[str, Any]
Groups = Mapping[Color, str]
"""Color -> ARN of the color's target group."""

LONGEST = 604_800
"""The longest time in seconds for which a listener rule can keep a client on one target group."""


@dataclass(frozen=True)
class Forward:
    """The forward action of a rule.

    + shares: color -> weight of its target group (0 to 999). A color is left out if the rule lacks its target group.
    + sticky: seconds for which the rule keeps a client on one color; 0 without stickiness
    """

    shares: Mapping[Color, int]
    sticky: int = 0

    @property
    def attached(self) -> frozenset[Color]:
        """The colors whose target groups the rule names."""
        return frozenset(self.shares)

    @property
    def weights(self) -> Weights:
        """The weights in whole per cent. If both colors get traffic, each weight is at least 1."""
        green, blue = self.shares.get(Color.green, 0), self.shares.get(Color.blue, 0)
        if green and blue:
            # a split must not be rounded to 0 or 100 per cent
            return Weights(min(99, max(1, round(100 * green / (green + blue)))))
        return Weights.all_to(Color.green if green else Color.blue)


def read(rule: Mapping[str, Any], groups: Groups) -> Forward:
    """Return the forward action of a listener rule.

    + rule: a dictionary, as AWS's call DescribeRules returns it
    + groups: color -> ARN of its target group

    Raises CannotTell if the weights cannot be determined from the rule. Also raises CannotTell if the rule is the
    listener's default rule, because ModifyRule cannot change the weights of this rule.
    """
    if rule.get("IsDefault"):
        raise CannotTell(
            "the rule is the listener's default rule, which ModifyRule refuses: make a separate rule "
            "(path pattern /*) and keep the default rule as a fallback"
        )
    forwards = [action for action in rule.get("Actions", []) if action.get("Type") == "forward"]
    if len(forwards) != 1:
        raise CannotTell(
            f"the rule has {len(forwards) or 'no'} forward actions: exactly one must name both target groups"
        )
    return _forward(forwards[0], {arn: color for color, arn in groups.items()})


def _forward(action: Mapping[str, Any], colors: Mapping[str, Color]) -> Forward:
    """Parse a forward action. Raises CannotTell if the weights cannot be determined from the action.

    + action: a forward action: a dictionary, as AWS returns it. The dictionary has the key ForwardConfig. If there is
      only one target group, the dictionary may have the key TargetGroupArn instead, or both keys.
    + colors: ARN of a target group -> color
    """
    config = action.get("ForwardConfig") or {}
    tuples = config.get("TargetGroups") or []
    alone = action.get("TargetGroupArn")
    arns = [str(one.get("TargetGroupArn")) for one in tuples] or ([alone] if alone else [])
    if alone and alone not in arns:
        raise CannotTell(f"TargetGroupArn ({short(alone)}) and ForwardConfig of the rule's forward action differ")
    foreign = sorted(short(arn) for arn in arns if arn not in colors)
    if foreign:
        raise CannotTell(
            f"the rule's forward action names a target group that is not in the settings: {', '.join(foreign)}"
        )
    if not arns or len(set(arns)) != len(arns):
        raise CannotTell("the rule's forward action names " + ("a target group twice" if arns else "no target group"))
    if len(arns) == 1:
        # a single target group gets all traffic whatever its weight, and AWS may leave the weight out
        shares = {colors[arns[0]]: int(tuples[0].get("Weight") or 1) if tuples else 1}
    else:
        if any("Weight" not in one for one in tuples):
            raise CannotTell("the rule's forward action has a target group without a weight")
        shares = {colors[str(one["TargetGroupArn"])]: int(one["Weight"]) for one in tuples}
        if not any(shares.values()):
            raise CannotTell("both weights are 0, so no target gets traffic")
    stickiness = config.get("TargetGroupStickinessConfig") or {}
    sticky = int(stickiness.get("DurationSeconds") or LONGEST) if stickiness.get("Enabled") else 0
    return Forward(shares, sticky)


def rewritten(actions: Sequence[Mapping[str, Any]], groups: Groups, shares: Mapping[Color, int]) -> list[Action]:
    """Return the action list that ModifyRule gets: a copy of ``actions`` with other weights for the target groups.

    + actions: action list of a rule that ``read`` could parse
    + groups: color -> ARN of its target group
    + shares: color -> new weight. If a color is left out, the rule no longer has its target group. A weight of 0 is
      also sent, because AWS would use the weight 1 for a missing weight.
    """
    sent = deepcopy([dict(action) for action in actions])
    for action in sent:
        if action["Type"] == "authenticate-oidc":
            # DescribeRules never returns the secret, so tell AWS to keep the existing one
            action["AuthenticateOidcConfig"]["UseExistingClientSecret"] = True
        if action["Type"] == "forward":
            # ModifyRule refuses TargetGroupArn together with ForwardConfig
            action.pop("TargetGroupArn", None)
            config = action.setdefault("ForwardConfig", {})
            config["TargetGroups"] = [
                {"TargetGroupArn": groups[color], "Weight": shares[color]} for color in Color if color in shares
            ]
    return sent


def changed(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], groups: Groups) -> str | None:
    """Return one line that says what differs between two action lists of a rule, apart from the weights.

    Return None if nothing differs. The two lists may have different forms of the same action: AWS may return a single
    target group with or without ForwardConfig, and stickiness that is off with or without its keys.

    + before, now: action lists that ``read`` could parse
    + groups: color -> ARN of its target group
    """
    colors = {arn: color for color, arn in groups.items()}
    one, other = ([_apart_from_weights(action, colors) for action in actions] for actions in (before, now))
    kinds = [", ".join(str(action["Type"]) for action in actions) for actions in (before, now)]
    if kinds[0] != kinds[1]:
        return f"the actions were {kinds[0]} and are {kinds[1]} now"
    for old, new in zip(one, other, strict=True):
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                return f"{key} of the action {new['Type']} was {_said(old.get(key))} and is {_said(new.get(key))} now"
    return None


def _apart_from_weights(action: Mapping[str, Any], colors: Mapping[str, Color]) -> Action:
    """Return the parts of an action that a change of the weights leaves as they are, in one form."""
    if action["Type"] != "forward":
        return dict(action)
    forward = _forward(action, colors)
    rest = {key: value for key, value in action.items() if key not in ("TargetGroupArn", "ForwardConfig")}
    config = action.get("ForwardConfig") or {}
    ours = ("TargetGroups", "TargetGroupStickinessConfig")
    more = {key: value for key, value in config.items() if key not in ours}
    return {**rest, **more, "stickiness": f"{forward.sticky} s" if forward.sticky else "off"}


def _said(value: object) -> str:
    return "missing" if value is None else str(value)


def short(arn: str) -> str:
    """Return the last part of an ARN, such as ``targetgroup/web-blue/73e2d6bc24d8a067``.

    CloudWatch and the messages of this tool use this part as the name of a target group.
    """
    return arn.split(":", 5)[-1]


def load_balancer(rule_arn: str) -> str:
    """Return CloudWatch's name for the load balancer of a rule, such as ``app/web/50dc6c495c0c9188``."""
    return "/".join(short(rule_arn).split("/")[1:4])
