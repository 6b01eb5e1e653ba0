"""Fixtures: a switch of kind alb on corrected moto, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.elbv2.models import elbv2_backends

from orchestrator.config.ports import Ports
from orchestrator.config.switch import AlbSwitch
from orchestrator.model import Color
from orchestrator.switches.alb.switch import Alb
from tests.alb.control import REGION, Control, Member, Names, Network, State, network_of, set_up
from tests.alb.double import Process
from tests.aws.cloud import client

MEMBERS = {"web1": "10.77.0.11", "web2": "10.77.0.12", "web3": "10.77.1.13"}
PORTS = Ports(live=8080, blue=8081, green=8082)


def section(names: Names, **more: Any) -> AlbSwitch:
    """Settings of a switch that was set up."""
    urls = more.pop("urls", ["http://shop.test/"])
    return AlbSwitch(kind="alb", urls=urls, rule=names.rule, blue=names.blue, green=names.green, **more)


@dataclass
class Place:
    """A load balancer, and what tests do to it behind the switch's back."""

    control: Control
    elb: Any
    names: Names

    def switch(self, members: dict[str, str] | None = None) -> Alb:
        """A new switch, as another process would build it. Its sleep returns at once."""
        alb = Alb(section(self.names), MEMBERS if members is None else members, PORTS)
        alb.sleep = lambda seconds: None
        alb._elb.__dict__ |= {"_elb": client("elbv2", None), "_cloudwatch": client("cloudwatch", None)}
        return alb

    def arn(self, color: Color) -> str:
        return self.names.green if color is Color.green else self.names.blue

    def rule(self) -> dict[str, Any]:
        return dict(self.elb.describe_rules(RuleArns=[self.names.rule])["Rules"][0])

    def shares(self) -> dict[str, int]:
        """The weights of the colors that the rule names."""
        config = next(action for action in self.rule()["Actions"] if action["Type"] == "forward")["ForwardConfig"]
        colors = {self.names.blue: "blue", self.names.green: "green"}
        return {colors[one["TargetGroupArn"]]: one["Weight"] for one in config["TargetGroups"]}

    def modify(self, *actions: dict[str, Any]) -> None:
        self.elb.modify_rule(RuleArn=self.names.rule, Actions=list(actions))
        self.control.calls.clear()

    def forward(self, blue: int | None, green: int | None, sticky: int = 0) -> dict[str, Any]:
        """A forward action; None leaves a color out."""
        named = [(self.names.blue, blue), (self.names.green, green)]
        tuples = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in named if weight is not None]
        stickiness: dict[str, Any] = {"Enabled": bool(sticky)} | ({"DurationSeconds": sticky} if sticky else {})
        config = {"TargetGroups": tuples, "TargetGroupStickinessConfig": stickiness}
        return {"Type": "forward", "ForwardConfig": config}

    def health(self, color: Color, node: str, state: State) -> None:
        self.control.states[self.arn(color), Member(MEMBERS[node], PORTS.of(color))] = state

    def attribute(self, color: Color, key: str, value: str) -> None:
        self.elb.modify_target_group_attributes(
            TargetGroupArn=self.arn(color), Attributes=[{"Key": key, "Value": value}]
        )

    def registered(self, color: Color) -> set[tuple[str, int]]:
        found = self.elb.describe_target_health(TargetGroupArn=self.arn(color))["TargetHealthDescriptions"]
        return {
            (one["Target"]["Id"], one["Target"]["Port"]) for one in found if one["TargetHealth"]["State"] != "draining"
        }

    def tags(self, color: Color) -> set[str]:
        arn = self.arn(color)
        return {tag["Key"] for tag in self.elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]}


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with mock_aws():
        yield network_of(client("ec2", None))


@pytest.fixture
def place(network: Network, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    control = Control()
    # the network stays: moto takes a second for one
    elbv2_backends[ACCOUNT][REGION].reset()
    with control.corrected():
        elb = client("elbv2", None)
        names = set_up(elb, network, list(MEMBERS.values()))
        control.calls.clear()
        yield Place(control, elb, names)


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    """The process of a double, for ``Double(..., process=process)``."""
    made = Process()
    yield made
    assert made.stop() == 0
