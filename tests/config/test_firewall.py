"""The settings of the firewall: when the nodes have a firewall, and which ports it protects."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config import load
from orchestrator.config.rules.traffic import firewall_knows_the_switches
from orchestrator.errors import UsageError

from .rules.table import balancer, said
from .test_settings import raw

NODE = {"kind": "node", "urls": ["http://node1:8080/"]}
ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:"
ALB = {
    "kind": "alb",
    "urls": ["https://shop.test"],
    "rule": f"{ARN}listener-rule/app/shop/1/2/3",
    "blue": f"{ARN}targetgroup/blue/1",
    "green": f"{ARN}targetgroup/green/1",
}


@pytest.mark.parametrize(
    ("switches", "ports"),
    [
        ([balancer()], [8080, 8081, 8082]),
        ([ALB], [8080, 8081, 8082]),
        # users connect to the live port
        ([NODE], [8081, 8082]),
        ([balancer(), NODE], [8081, 8082]),
    ],
)
def test_a_firewall_protects_the_ports_that_users_need_not_reach(
    switches: list[dict[str, Any]], ports: list[int]
) -> None:
    assert load(raw(switches=switches)).firewall_ports == ports


@pytest.mark.parametrize(
    ("switches", "firewall", "expected"),
    [
        ([balancer()], {}, True),
        ([NODE], {}, True),
        ([balancer(), NODE], {}, True),
        # the addresses of the load balancer are unknown
        ([ALB], {}, False),
        ([balancer(), ALB], {}, False),
        ([ALB], {"allow": ["10.0.0.0/16"]}, True),
        ([ALB], {"allow": ["10.0.0.0/16"], "enabled": False}, False),
        ([balancer()], {"enabled": False}, False),
        ([balancer()], {"enabled": True}, True),
    ],
)
def test_nodes_have_a_firewall_if_it_can_be_proved(
    switches: list[dict[str, Any]], firewall: dict[str, Any], expected: bool
) -> None:
    assert load(raw(switches=switches, firewall=firewall)).has_firewall is expected


def test_a_firewall_that_would_refuse_a_switch_is_refused() -> None:
    line = said(firewall_knows_the_switches, {"switches": [ALB], "firewall": {"enabled": True}})
    assert line is not None
    assert line.startswith("firewall.enabled: a switch behind an API sends requests from addresses that this tool does")
    assert said(firewall_knows_the_switches, {"switches": [balancer(), ALB], "firewall": {"enabled": True}}) == line
    named = {"enabled": True, "allow": ["10.0.0.0/8"]}
    assert said(firewall_knows_the_switches, {"switches": [ALB], "firewall": named}) is None
    assert said(firewall_knows_the_switches, {"switches": [ALB]}) is None
    assert said(firewall_knows_the_switches, {"switches": [balancer()], "firewall": {"enabled": True}}) is None


def test_addresses_are_written_in_one_way() -> None:
    allow = ["10.0.0.7/32", "10.1.0.0/16", "FD00::1"]
    assert load(raw(firewall={"allow": allow})).firewall.allow == ["10.0.0.7", "10.1.0.0/16", "fd00::1"]
    for wrong in ("lb1.example", "10.1.0.1/16", "10.0.0.0/8, 10.9.0.0/16"):
        with pytest.raises(UsageError, match="is neither an IP address nor a network such as"):
            load(raw(firewall={"allow": [wrong]}))
