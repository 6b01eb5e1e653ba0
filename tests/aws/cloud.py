"""A fleet in moto: an Auto Scaling group of tagged instances, registered in two target groups of a load balancer."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult

REGION = "eu-central-1"
KEYS: dict[str, Any] = {"aws_access_key_id": "id", "aws_secret_access_key": "secret", "region_name": REGION}
TAGS = {"App": "shop", "Env": "prod"}
PORTS = {"blue": 8081, "green": 8082}
IMAGE = "ami-12c6146b"
"""One that moto knows; to ask it for all takes seconds."""

REFRESHES: list[dict[str, str]] = []
"""Instance refreshes: moto has none, so this is what it says."""

AutoScalingResponse.describe_instance_refreshes = lambda self: ActionResult({"InstanceRefreshes": REFRESHES})  # type: ignore[attr-defined]


@cache
def client(service: str, endpoint_url: str | None) -> Any:
    """A client, made once for all tests: making one takes longer than a test."""
    return boto3.Session(**KEYS).client(service, endpoint_url=endpoint_url)  # type: ignore[call-overload]


class Cloud:
    """The AWS account that a test builds and changes.

    + endpoint_url: URL of a moto server, None inside ``mock_aws``
    """

    GROUP = "shop-prod"
    BUCKET = "deploys"

    def __init__(self, endpoint_url: str | None = None, size: int = 3, by: str = "instance") -> None:
        self.by = by
        self.ec2, self.autoscaling, self.elb, self.s3 = (
            client(name, endpoint_url) for name in ("ec2", "autoscaling", "elbv2", "s3")
        )
        self.vpc = self.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        self.subnets = sorted(one["SubnetId"] for one in self.ec2.describe_subnets()["Subnets"])[:2]
        self._make_group(size)
        self.arns = {color: self._make_target_group(color) for color in PORTS}
        self.rule = self._make_rule()
        for id in self.ids:
            self.register(id)

    @property
    def ids(self) -> list[str]:
        """Instances of the Auto Scaling group, sorted."""
        return sorted(one["InstanceId"] for one in self._group()["Instances"])

    @property
    def suspended(self) -> set[str]:
        return {one["ProcessName"] for one in self._group()["SuspendedProcesses"]}

    def _group(self) -> Any:
        found = self.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self.GROUP])
        return found["AutoScalingGroups"][0]

    def address(self, id: str) -> str:
        (reservation,) = self.ec2.describe_instances(InstanceIds=[id])["Reservations"]
        return str(reservation["Instances"][0]["PrivateIpAddress"])

    def register(self, id: str, *colors: str, port: int | None = None) -> None:
        for color in colors or PORTS:
            self.elb.register_targets(TargetGroupArn=self.arns[color], Targets=[self._target(id, port or PORTS[color])])

    def deregister(self, id: str, *colors: str) -> None:
        for color in colors or PORTS:
            self.elb.deregister_targets(TargetGroupArn=self.arns[color], Targets=[self._target(id, PORTS[color])])

    def launch(self, count: int = 1, tags: dict[str, str] = TAGS) -> list[str]:
        """Launch instances outside the Auto Scaling group."""
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        made = self.ec2.run_instances(
            ImageId=IMAGE,
            MinCount=count,
            MaxCount=count,
            SubnetId=self.subnets[0],
            TagSpecifications=[{"ResourceType": "instance", "Tags": pairs}] if pairs else [],
        )
        return [one["InstanceId"] for one in made["Instances"]]

    def resize(self, size: int) -> None:
        self.autoscaling.update_auto_scaling_group(AutoScalingGroupName=self.GROUP, DesiredCapacity=size)

    def _target(self, id: str, port: int) -> dict[str, Any]:
        return {"Id": self.address(id) if self.by == "ip" else id, "Port": port}

    def _make_group(self, size: int) -> None:
        self.autoscaling.create_launch_configuration(
            LaunchConfigurationName="shop", ImageId=IMAGE, InstanceType="t3.small"
        )
        self.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=self.GROUP,
            LaunchConfigurationName="shop",
            MinSize=0,
            MaxSize=20,
            DesiredCapacity=size,
            VPCZoneIdentifier=",".join(self.subnets),
            Tags=[{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in TAGS.items()],
        )

    def _make_target_group(self, color: str) -> str:
        made = self.elb.create_target_group(
            Name=f"shop-{color}", Protocol="HTTP", Port=PORTS[color], VpcId=self.vpc, TargetType=self.by
        )
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    def _make_rule(self) -> str:
        balancer = self.elb.create_load_balancer(Name="shop", Subnets=self.subnets)["LoadBalancers"][0]
        refuse = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
        listener = self.elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=[refuse]
        )["Listeners"][0]
        weights = [
            {"TargetGroupArn": self.arns["blue"], "Weight": 100},
            {"TargetGroupArn": self.arns["green"], "Weight": 0},
        ]
        made = self.elb.create_rule(
            ListenerArn=listener["ListenerArn"],
            Priority=10,
            Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}],
        )
        return str(made["Rules"][0]["RuleArn"])


def environment_of(cloud: Cloud) -> dict[str, str]:
    """The variables that an operator's .env has for a fleet."""
    return {
        "ORCHESTRATOR_TAGS": "App=shop, Env=prod",
        "ORCHESTRATOR_GROUP": cloud.GROUP,
        "ORCHESTRATOR_RULE": cloud.rule,
        "ORCHESTRATOR_BLUE": cloud.arns["blue"],
        "ORCHESTRATOR_GREEN": cloud.arns["green"],
        "ORCHESTRATOR_BUCKET": "deploys",
        "ORCHESTRATOR_PROBE_TOKEN": "hush",
    }
