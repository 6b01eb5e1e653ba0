"""Reading a rule's action list, and writing the list that changes its weights."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from orchestrator.errors import CannotTell
from orchestrator.model import Color, Weights
from orchestrator.switches.alb.listener_rule import load_balancer, read, rewritten, short

ELB = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:"
BLUE, GREEN, OTHER = (f"{ELB}targetgroup/web-{name}/73e2d6bc24d8a067" for name in ("blue", "green", "other"))
GROUPS = {Color.blue: BLUE, Color.green: GREEN}
OFF = {"Enabled": False}


def forward(*weights: tuple[str, int | None], **more: Any) -> dict[str, Any]:
    tuples = [{"TargetGroupArn": arn} | ({} if weight is None else {"Weight": weight}) for arn, weight in weights]
    config = {"TargetGroups": tuples, "TargetGroupStickinessConfig": OFF}
    return {"Type": "forward", "Order": 1, "ForwardConfig": config | more}


def rule(*actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Actions": list(actions), "IsDefault": False, **more}


@pytest.mark.parametrize(
    ("blue", "green", "weight"),
    [(100, 0, 0), (0, 100, 100), (75, 25, 25), (1, 0, 0), (0, 999, 100), (1, 1, 50), (998, 1, 1), (1, 998, 99)],
)
def test_weights_are_read_as_shares(blue: int, green: int, weight: int) -> None:
    found = read(rule(forward((BLUE, blue), (GREEN, green))), GROUPS)
    assert found.weights == Weights(weight)
    assert found.shares == {Color.blue: blue, Color.green: green}
    assert found.sticky == 0


ALONE = forward((GREEN, 1))


@pytest.mark.parametrize(
    "action",
    [{"Type": "forward", "TargetGroupArn": GREEN}, ALONE, ALONE | {"TargetGroupArn": GREEN}, forward((GREEN, None))],
    ids=["arn", "config", "both", "no weight"],
)
def test_a_single_group_has_it_all_in_every_shape(action: dict[str, Any]) -> None:
    found = read(rule(action), GROUPS)
    assert found.attached == {Color.green}
    assert found.weights == Weights(100)


def test_stickiness_is_a_number_of_seconds() -> None:
    on = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 600}}
    assert read(rule(forward((BLUE, 100), (GREEN, 0), **on)), GROUPS).sticky == 600
    unsaid = {"TargetGroupStickinessConfig": {"Enabled": True}}
    assert read(rule(forward((BLUE, 100), (GREEN, 0), **unsaid)), GROUPS).sticky == 604_800


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (rule(forward((BLUE, 100), (GREEN, 0)), IsDefault=True), "default rule, which ModifyRule refuses"),
        (rule({"Type": "fixed-response"}), "no forward actions"),
        (rule(forward((BLUE, 1)), forward((GREEN, 1))), "2 forward actions"),
        (rule(forward((BLUE, 1), (OTHER, 0))), "not in the settings: targetgroup/web-other/73e2d6bc24d8a067"),
        (rule({"Type": "forward", "TargetGroupArn": OTHER}), "not in the settings: targetgroup/web-other"),
        (rule(forward((BLUE, 1)) | {"TargetGroupArn": GREEN}), "differ"),
        (rule(forward((BLUE, 1), (BLUE, 0))), "twice"),
        (rule(forward()), "names no target group"),
        (rule(forward((BLUE, None), (GREEN, 0))), "without a weight"),
        (rule(forward((BLUE, 0), (GREEN, 0))), "both weights are 0"),
    ],
)
def test_an_ambiguous_rule_is_not_guessed(found: dict[str, Any], line: str) -> None:
    with pytest.raises(CannotTell, match=line) as error:
        read(found, GROUPS)
    assert "\n" not in str(error.value)


def test_only_the_weights_are_rewritten() -> None:
    sticky = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60}}
    first = {"Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": {"UserPoolArn": "pool"}}
    actions = [first, forward((GREEN, 0), (BLUE, 100), **sticky) | {"Order": 2}]
    before = deepcopy(actions)
    sent = rewritten(actions, GROUPS, {Color.blue: 0, Color.green: 100})
    assert actions == before
    assert sent == [first, forward((BLUE, 0), (GREEN, 100), **sticky) | {"Order": 2}]


def test_a_secret_that_aws_never_returns_is_kept() -> None:
    oidc = {"Type": "authenticate-oidc", "AuthenticateOidcConfig": {"Issuer": "https://id.test", "ClientId": "me"}}
    sent = rewritten([oidc, forward((BLUE, 100), (GREEN, 0))], GROUPS, {Color.blue: 0, Color.green: 100})
    assert sent[0]["AuthenticateOidcConfig"] == {
        "Issuer": "https://id.test",
        "ClientId": "me",
        "UseExistingClientSecret": True,
    }
    assert "UseExistingClientSecret" not in oidc["AuthenticateOidcConfig"]


def test_only_one_of_the_two_returned_forms_is_sent() -> None:
    [sent] = rewritten([ALONE | {"TargetGroupArn": GREEN}], GROUPS, {Color.blue: 0, Color.green: 100})
    assert "TargetGroupArn" not in sent
    [sent] = rewritten([{"Type": "forward", "TargetGroupArn": GREEN}], GROUPS, {Color.green: 100})
    assert sent == {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": GREEN, "Weight": 100}]}}


def test_names_as_cloudwatch_has_them() -> None:
    assert short(BLUE) == "targetgroup/web-blue/73e2d6bc24d8a067"
    assert load_balancer(f"{ELB}listener-rule/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee") == (
        "app/web/50dc6c495c0c9188"
    )
