"""The control plane refuses what AWS refuses, and reports targets as AWS does."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orchestrator.model import Color
from tests.alb.conftest import MEMBERS, Place
from tests.alb.control import Member, State

WEB1 = MEMBERS["web1"]


def health(place: Place, color: Color, *targets: tuple[str, int]) -> dict[tuple[str, int], tuple[str, str | None]]:
    """State and reason by target."""
    asked: dict[str, Any] = {"Targets": [{"Id": id, "Port": port} for id, port in targets]} if targets else {}
    found = place.elb.describe_target_health(TargetGroupArn=place.arn(color), **asked)["TargetHealthDescriptions"]
    return {
        (one["Target"]["Id"], one["Target"]["Port"]): (one["TargetHealth"]["State"], one["TargetHealth"].get("Reason"))
        for one in found
    }


def refused(place: Place, *actions: dict[str, Any], rule: str | None = None) -> str:
    """The error code. Asserts that the rule is unchanged."""
    before = place.rule()
    with pytest.raises(ClientError) as error:
        place.elb.modify_rule(RuleArn=rule or place.names.rule, Actions=list(actions))
    assert place.rule() == before
    return str(error.value.response["Error"]["Code"])


@pytest.mark.parametrize(("blue", "green"), [(-1, 1), (1000, 0), (0, 0)])
def test_weights_are_0_to_999_and_not_all_0(place: Place, blue: int, green: int) -> None:
    assert refused(place, place.forward(blue, green)) == "ValidationError"
    place.modify(place.forward(0, 999))


def test_an_action_has_one_to_five_groups_each_once(place: Place) -> None:
    assert refused(place, place.forward(None, None)) == "TooManyTargetGroups"
    action = place.forward(1, 1)
    tuples = action["ForwardConfig"]["TargetGroups"]
    vpc = place.elb.describe_target_groups(TargetGroupArns=[place.names.blue])["TargetGroups"][0]["VpcId"]
    more = [
        place.elb.create_target_group(Name=f"more-{number}", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
        for number in range(4)
    ]
    added = [{"TargetGroupArn": one["TargetGroups"][0]["TargetGroupArn"], "Weight": 1} for one in more]
    tuples += added[:3]
    place.modify(action)
    tuples += added[3:]
    assert refused(place, action) == "TooManyTargetGroups"
    twice = place.forward(1, None)
    twice["ForwardConfig"]["TargetGroups"] *= 2
    assert refused(place, twice) == "ValidationError"


def test_a_group_that_is_not_there(place: Place) -> None:
    strange = place.forward(1, 0)
    strange["ForwardConfig"]["TargetGroups"][1]["TargetGroupArn"] += "x"
    assert refused(place, strange) == "TargetGroupNotFound"


@pytest.mark.parametrize("seconds", [None, 0, 604_801])
def test_stickiness_lasts_a_second_to_a_week(place: Place, seconds: int | None) -> None:
    action = place.forward(1, 0)
    config = {"Enabled": True} | ({} if seconds is None else {"DurationSeconds": seconds})
    action["ForwardConfig"]["TargetGroupStickinessConfig"] = config
    assert refused(place, action) == "ValidationError"


def test_target_stickiness_needs_group_stickiness(place: Place) -> None:
    with pytest.raises(ClientError, match="You must enable group stickiness before enabling target stickiness"):
        place.attribute(Color.blue, "stickiness.enabled", "true")
    place.modify(place.forward(100, 0, sticky=60))
    place.attribute(Color.blue, "stickiness.enabled", "true")
    assert refused(place, place.forward(100, 0)) == "InvalidConfigurationRequest"


def test_the_default_rule_is_not_for_modify_rule(place: Place) -> None:
    assert refused(place, place.forward(0, 100), rule=place.names.default_rule) == "OperationNotPermitted"


def test_two_forms_that_differ_are_refused(place: Place) -> None:
    assert refused(place, place.forward(100, 0) | {"TargetGroupArn": place.names.blue}) == "InvalidLoadBalancerAction"


def test_a_secret_must_be_given_or_kept_and_is_never_returned(place: Place) -> None:
    config = dict.fromkeys(("Issuer", "AuthorizationEndpoint", "TokenEndpoint"), "https://id.test/")
    oidc = {**config, "UserInfoEndpoint": "https://id.test/", "ClientId": "me"}
    action: dict[str, Any] = {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": oidc}
    assert refused(place, action, place.forward(100, 0)) == "ValidationError"
    oidc["ClientSecret"] = "hush"
    place.modify(action, place.forward(100, 0))
    assert place.rule()["Actions"][0]["AuthenticateOidcConfig"] == {
        name: value for name, value in oidc.items() if name != "ClientSecret"
    }


def test_a_single_group_is_returned_in_three_shapes(place: Place) -> None:
    shapes = {}
    for shape in ("arn", "config", "both"):
        place.control.shape = shape
        place.modify({"Type": "forward", "TargetGroupArn": place.names.green})
        shapes[shape] = set(place.rule()["Actions"][0]) & {"TargetGroupArn", "ForwardConfig"}
    assert shapes == {
        "arn": {"TargetGroupArn"},
        "config": {"ForwardConfig"},
        "both": {"TargetGroupArn", "ForwardConfig"},
    }


def test_a_group_belongs_to_a_balancer_while_a_rule_names_it(place: Place) -> None:
    def balancers(color: Color) -> list[str]:
        found = place.elb.describe_target_groups(TargetGroupArns=[place.arn(color)])["TargetGroups"][0]
        return list(found["LoadBalancerArns"])

    assert balancers(Color.green) == [place.names.balancer]
    place.modify(place.forward(100, None))
    assert balancers(Color.green) == []
    assert set(health(place, Color.green).values()) == {("unused", "Target.NotInUse")}
    assert set(health(place, Color.blue).values()) == {("healthy", None)}


def test_members_are_known_by_address_and_port(place: Place) -> None:
    place.elb.register_targets(TargetGroupArn=place.names.blue, Targets=[{"Id": WEB1, "Port": 9000}])
    place.control.states[place.names.blue, Member(WEB1, 9000)] = State(
        "unhealthy", "Target.Timeout", "Request timed out"
    )
    found = health(place, Color.blue)
    assert len(found) == 4
    assert found[WEB1, 8081] == ("healthy", None)
    assert found[WEB1, 9000] == ("unhealthy", "Target.Timeout")
    # without a port, the group's port is meant
    place.elb.deregister_targets(TargetGroupArn=place.names.blue, Targets=[{"Id": WEB1}])
    assert health(place, Color.blue)[WEB1, 8081][0] == "draining"


def test_a_deregistered_target_drains_for_its_delay(place: Place) -> None:
    target = {"Id": WEB1, "Port": 8081}
    place.attribute(Color.blue, "deregistration_delay.timeout_seconds", "30")
    place.elb.deregister_targets(TargetGroupArn=place.names.blue, Targets=[target])
    assert health(place, Color.blue)[WEB1, 8081] == ("draining", "Target.DeregistrationInProgress")
    # a second time does no harm
    place.elb.deregister_targets(TargetGroupArn=place.names.blue, Targets=[target, {"Id": "10.9.9.9", "Port": 1}])
    place.control.clock = lambda: time.monotonic() + 31
    assert (WEB1, 8081) not in health(place, Color.blue)
    assert health(place, Color.blue, (WEB1, 8081)) == {(WEB1, 8081): ("unused", "Target.NotRegistered")}
    place.elb.register_targets(TargetGroupArn=place.names.blue, Targets=[target])
    assert health(place, Color.blue)[WEB1, 8081] == ("healthy", None)
