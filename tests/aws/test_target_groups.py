"""Target groups: which targets are healthy, and which settings are wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.aws.target_groups import Group, Health, Target, draining, problems, refusal, targets, unhealthy
from orchestrator.config.ports import Ports
from orchestrator.model import Color

PORTS = Ports(live=8080, blue=8081, green=8082)
MEMBERS = {"web1": "10.0.0.1", "web2": "10.0.0.2"}
OK = Health("healthy")
LEAVING = Health("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
SICK = Health("unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]")
TAG = "orchestrator:barred:10.0.0.2"


def group(color: Color, **found: Any) -> Group:
    all_there = {Target(id, PORTS.of(color)): OK for id in MEMBERS.values()}
    arn = f"arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web-{color}/73e2"
    return replace(Group(color, arn, {"Protocol": "HTTP"}, {"stickiness.enabled": "false"}, all_there), **found)


def told(blue: Group | None = None, green: Group | None = None, sticky: bool = False) -> tuple[str, ...]:
    groups = {Color.blue: blue or group(Color.blue), Color.green: green or group(Color.green)}
    return problems(groups, MEMBERS, PORTS, sticky)


def test_a_fleet_as_it_must_be_has_no_problems() -> None:
    assert told() == ()


def at(*members: str, color: Color = Color.green, port: int | None = None, health: Health = OK) -> dict[Target, Health]:
    return {Target(id, port or PORTS.of(color)): health for id in members}


@pytest.mark.parametrize(
    ("green", "lines"),
    [
        (at("10.0.0.1"), [r"green: web2 \(10.0.0.2:8082\) is not registered in web-green: register 10.0.0.2"]),
        (at("10.0.0.1", "10.0.0.2", "10.0.0.9"), [r"green: 10.0.0.9:8082 is registered in web-green, but no node"]),
        (
            at("10.0.0.1") | at("10.0.0.2", port=9000),
            [
                r"web2 \(10.0.0.2:8082\) is not registered",
                r"web2 is registered in web-green with port 9000, but the port of green is",
            ],
        ),
        (at("10.0.0.1", "10.0.0.2") | at("10.0.0.2", port=8081), ["web2 is registered in web-green with port 8081"]),
        # an operator took the target out: it is reported as drained, not as lost
        (at("10.0.0.1") | at("10.0.0.2", health=LEAVING), []),
        (at("10.0.0.1") | at("10.0.0.9", health=LEAVING), ["web2"]),
    ],
)
def test_every_difference_between_inventory_and_targets_is_named(green: dict[Target, Health], lines: list[str]) -> None:
    found = told(green=group(Color.green, targets=green))
    assert len(found) == len(lines)
    assert all(re.search(line, one) for line, one in zip(lines, found, strict=True))


def test_a_node_that_we_keep_out_is_not_missed() -> None:
    out = {color: group(color, targets=at("10.0.0.1", color=color), tags={TAG: "kept out"}) for color in Color}
    assert told(out[Color.blue], out[Color.green]) == ()


def test_a_node_that_is_kept_out_and_registered_is_a_problem() -> None:
    [line] = told(blue=group(Color.blue, targets=at("10.0.0.1", color=Color.blue), tags={TAG: "kept out"}))
    assert line.startswith(f"green: web2 (10.0.0.2) is registered although the tag {TAG} says that the node is barred")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"settings": {"Protocol": "HTTPS"}}, "Protocol is HTTP in blue's target group and HTTPS in green's"),
        (
            {"settings": {"Protocol": "HTTP", "HealthCheckPath": "/health"}},
            "HealthCheckPath is None in blue's target group and /health in green's",
        ),
        (
            {"attributes": {"stickiness.enabled": "false", "slow_start.duration_seconds": "30"}},
            "attribute slow_start.duration_seconds is None in blue's target group and 30 in green's",
        ),
    ],
)
def test_groups_that_differ(change: dict[str, Any], line: str) -> None:
    assert told(green=group(Color.green, **change)) == (line,)


def both(**found: Any) -> tuple[Group, Group]:
    return group(Color.blue, **found), group(Color.green, **found)


def test_health_checks_that_are_off() -> None:
    lines = told(*both(settings={"HealthCheckEnabled": False}))
    assert [line.split(":")[0] for line in lines] == ["blue", "green"]
    assert "health checks of web-green are off" in lines[1]


def test_target_stickiness_needs_the_rules() -> None:
    on = {"stickiness.enabled": "true", "stickiness.type": "lb_cookie"}
    lines = told(*both(attributes=on))
    assert [line.split(":")[0] for line in lines] == ["blue", "green"]
    assert "target stickiness is on while the rule's group stickiness is off" in lines[0]
    assert told(*both(attributes=on), sticky=True) == ()
    lines = told(*both(attributes=on | {"stickiness.type": "app_cookie"}), sticky=True)
    assert "app_cookie does not work with weighted target groups" in lines[0]


def test_unhealthy_targets_are_named_with_state_and_reason() -> None:
    green = group(Color.green, targets=at("10.0.0.1", health=SICK) | at("10.0.0.2", port=9000))
    found = unhealthy(green, MEMBERS, 8082)
    assert list(found) == ["web1", "web2"]
    assert refusal(Color.green, found, MEMBERS, 8082) == (
        "green must not get traffic: web1 (10.0.0.1:8082) is unhealthy (Target.ResponseCodeMismatch, Health checks "
        "failed with these codes: [503]); web2 (10.0.0.2:8082) is not registered"
    )


def test_draining_in_one_group_is_enough() -> None:
    green = group(Color.green, targets=at("10.0.0.1") | at("10.0.0.2", health=LEAVING))
    assert draining([group(Color.blue), green], MEMBERS) == ("web2",)


def test_targets_of_an_answer() -> None:
    answer: list[dict[str, Any]] = [
        {"Target": {"Id": "i-1", "Port": 8081}, "TargetHealth": {"State": "healthy"}},
        {"Target": {"Id": "i-1"}, "TargetHealth": {"State": "initial", "Reason": "Elb.RegistrationInProgress"}},
        {"Target": {"Id": "i-3"}, "TargetHealth": {"State": "unused", "Reason": "Target.NotRegistered"}},
    ]
    assert targets(answer, 80) == {
        Target("i-1", 8081): OK,
        Target("i-1", 80): Health("initial", "Elb.RegistrationInProgress"),
    }


def test_patience_follows_the_checks() -> None:
    settings = {"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2, "HealthyThresholdCount": 3}
    assert group(Color.blue, settings=settings).patience == 5 * 4 + 2 + 15
