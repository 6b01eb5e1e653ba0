"""Requests to AWS (Elastic Load Balancing and CloudWatch) about one listener rule and its two target groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from orchestrator.aws.api import Account, asking
from orchestrator.aws.target_groups import Group, Target, targets
from orchestrator.config.switch import AlbSwitch
from orchestrator.errors import NotDone, OrchestratorError
from orchestrator.model import Color
from orchestrator.switches.alb.listener_rule import Action, short

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.client import CloudWatchClient
    from mypy_boto3_elbv2.client import ElasticLoadBalancingv2Client


class Elb:
    """Sends to AWS the requests that one switch needs. Every method raises NotDone if AWS refuses or does not answer.

    + section: settings of the switch

    The attribute ``groups`` maps each color to the ARN of its target group.
    """

    def __init__(self, section: AlbSwitch) -> None:
        self._section = section
        self.groups = {Color.blue: section.blue, Color.green: section.green}

    def rule(self) -> Mapping[str, Any]:
        """Return the listener rule: a dictionary, as AWS's call DescribeRules returns it.

        Raises NotDone if AWS has no such rule.
        """
        with self._calling("DescribeRules", self._section.rule):
            found: Sequence[Any] = self._elb.describe_rules(RuleArns=[self._section.rule])["Rules"]
        if not found:
            raise NotDone(f"DescribeRules of {short(self._section.rule)}: AWS has no such rule; correct its ARN")
        rule: Mapping[str, Any] = found[0]
        return rule

    def modify(self, actions: list[Action]) -> None:
        """Replace the whole action list of the listener rule. A second call with the same list does no harm."""
        with self._calling("ModifyRule", self._section.rule):
            self._elb.modify_rule(RuleArn=self._section.rule, Actions=actions)  # type: ignore[arg-type]

    def target_groups(self) -> dict[Color, Group]:
        """Return both target groups, with their settings, attributes, targets and tags: color -> target group."""
        arns = list(self.groups.values())
        with self._calling("DescribeTargetGroups", *arns):
            settings = self._elb.describe_target_groups(TargetGroupArns=arns)["TargetGroups"]
        with self._calling("DescribeTags", *arns):
            tags = self._elb.describe_tags(ResourceArns=arns)["TagDescriptions"]
        of = {one["TargetGroupArn"]: one for one in settings}
        tags_of = {
            one["ResourceArn"]: {tag["Key"]: tag.get("Value", "") for tag in one.get("Tags", [])} for one in tags
        }
        found = {}
        for color, arn in self.groups.items():
            with self._calling("DescribeTargetGroupAttributes", arn):
                attributes = self._elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
            with self._calling("DescribeTargetHealth", arn):
                health = self._elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            group = of[arn]
            found[color] = Group(
                color,
                arn,
                dict(group),
                {one["Key"]: one["Value"] for one in attributes},
                targets(health, group.get("Port", 0)),
                tags_of.get(arn, {}),
            )
        return found

    def health(self, color: Color, port: int) -> Group:
        """Return the target group of a color with the health of its targets only. Sends one request.

        + port: the port that is used if AWS names no port for a target
        """
        arn = self.groups[color]
        with self._calling("DescribeTargetHealth", arn):
            health = self._elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return Group(color, arn, targets=targets(health, port))

    def register(self, color: Color, members: Sequence[Target]) -> None:
        """Register targets in the target group of a color. When a target is healthy, it gets requests of the color.

        Targets that were registered before stay registered.
        """
        arn = self.groups[color]
        with self._calling("RegisterTargets", arn):
            self._elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": id, "Port": port} for id, port in members])

    def deregister(self, color: Color, members: Sequence[Target]) -> None:
        """Deregister targets from the target group of a color. The targets then get no new requests of the color.

        If a target is not registered, nothing happens to this target.
        """
        arn = self.groups[color]
        with self._calling("DeregisterTargets", arn):
            self._elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": id, "Port": port} for id, port in members])

    def tag(self, keys: Sequence[str], value: str) -> None:
        """Add tags to both target groups.

        + keys: keys of the tags
        + value: value of each tag
        """
        arns = list(self.groups.values())
        with self._calling("AddTags", *arns):
            self._elb.add_tags(ResourceArns=arns, Tags=[{"Key": key, "Value": value} for key in keys])

    def untag(self, keys: Sequence[str]) -> None:
        """Remove the tags with these keys from both target groups."""
        arns = list(self.groups.values())
        with self._calling("RemoveTags", *arns):
            self._elb.remove_tags(ResourceArns=arns, TagKeys=list(keys))

    def metrics(self, queries: list[Any], begin: float, end: float) -> list[Any]:
        """Ask CloudWatch for metrics. Returns the MetricDataResults from all pages of GetMetricData.

        + queries: the MetricDataQueries
        + begin, end: begin and end of the window, in epoch seconds
        """
        found: list[Any] = []
        with self._calling("GetMetricData", *self.groups.values()):
            pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries,
                StartTime=datetime.fromtimestamp(begin, UTC),
                EndTime=datetime.fromtimestamp(end, UTC),
                ScanBy="TimestampAscending",
            )
            for page in pages:
                found += page["MetricDataResults"]
        return found

    @cached_property
    def _elb(self) -> ElasticLoadBalancingv2Client:
        return self._account.elb()

    @cached_property
    def _cloudwatch(self) -> CloudWatchClient:
        return self._account.cloudwatch()

    @property
    def _account(self) -> Account:
        section = self._section
        return Account(section.region or section.rule.split(":")[3], section.profile, section.endpoint_url)

    @contextmanager
    def _calling(self, call: str, *arns: str) -> Iterator[None]:
        try:
            with asking(f"{call} of {' and '.join(short(arn) for arn in arns)}", "docs/aws.md"):
                yield
        except OrchestratorError as error:
            raise NotDone(str(error)) from error
