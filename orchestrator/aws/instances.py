"""Find the nodes of a fleet on AWS, and compare the three sources that must agree about the nodes.

The tags say which instances should be nodes. The Auto Scaling group says which instances it manages. The target groups
say which instances get traffic. While these sources differ, a run must not begin. For example, if an instance is in a
target group, but not in the inventory, the run would leave the old release on this instance.

This module accepts an instance that is in NEITHER target group, and makes it a node of the inventory. Such an instance
may be a barred node, and the command ``join`` can bring back only nodes of the inventory. While a node is barred, the
preflight refuses a release, unless the operator leaves the node out (``--data allow_missing=``).

The AWS calls are EC2 DescribeInstances, Auto Scaling DescribeAutoScalingGroups, ELB DescribeTargetGroups and ELB
DescribeTargetHealth. For some seconds after a change, the answers of AWS may contradict each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.aws.api import Account, asking
from orchestrator.aws.target_groups import Target, registered, targets
from orchestrator.errors import Refused, UsageError

if TYPE_CHECKING:
    from mypy_boto3_autoscaling.client import AutoScalingClient
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_elbv2.client import ElasticLoadBalancingv2Client

IN_SERVICE = "InService"
"""The lifecycle state of an instance that the Auto Scaling group counts as available."""

PAGE = 1000
"""Number of instances that EC2 sends on one page of its answer. 1000 is the largest number that EC2 allows."""


@dataclass(frozen=True)
class Instance:
    """An instance of EC2.

    + id: instance id
    + private, public: IPv4 addresses; None if the instance has no such address
    """

    id: str
    private: str | None
    public: str | None


@dataclass(frozen=True)
class TargetGroup:
    """A color's target group, reduced to the fields that the inventory needs.

    + by: target type of the group, normally ``instance`` or ``ip``
    + port: port of the color. Each member must get its requests on this port
    + members: the registered targets, without draining targets
    """

    name: str
    by: str
    port: int
    members: frozenset[Target]
    arn: str = ""

    def knows_as(self, instance: Instance) -> str | None:
        """Return the id under which this target group registers an instance.

        If the target type ``by`` is ``ip``, this is the private address (None if the instance has no such address).
        Otherwise this is the instance id.
        """
        return instance.private if self.by == "ip" else instance.id


@dataclass(frozen=True)
class Found:
    """The instances of a fleet, as the tags, the Auto Scaling group and the target groups name them.

    + tagged: instance id -> running instance with the tags
    + in_group: instance id -> lifecycle state (``InService``, ``Pending:Wait``, ...) in the Auto Scaling group; None
      if the fleet has no Auto Scaling group
    + targets: the target groups of both colors
    """

    tagged: Mapping[str, Instance]
    in_group: Mapping[str, str] | None
    targets: Sequence[TargetGroup]


def tagged(ec2: EC2Client, tags: Mapping[str, str]) -> dict[str, Instance]:
    """Return instance id -> instance for all running instances that have all these tags, sorted by id.

    + tags: key -> value of each tag

    Raises OrchestratorError if AWS refuses the request or does not answer.
    """
    filters: list[Any] = [{"Name": "instance-state-name", "Values": ["running"]}]
    filters += [{"Name": f"tag:{key}", "Values": [value]} for key, value in sorted(tags.items())]
    return _instances(ec2, filters)


def of_ids(ec2: EC2Client, ids: Sequence[str]) -> dict[str, Instance]:
    """Return instance id -> instance for the given ids, sorted by id. Instances that no longer exist are left out.

    + ids: instance ids, at most 200

    Raises OrchestratorError if AWS refuses the request or does not answer.
    """
    return _instances(ec2, [{"Name": "instance-id", "Values": list(ids)}])


def _instances(ec2: EC2Client, filters: list[Any]) -> dict[str, Instance]:
    with asking("EC2 instances"):
        pages = ec2.get_paginator("describe_instances").paginate(Filters=filters, PaginationConfig={"PageSize": PAGE})
        found = [
            Instance(one["InstanceId"], one.get("PrivateIpAddress"), one.get("PublicIpAddress"))
            for page in pages
            for reservation in page.get("Reservations", [])
            for one in reservation.get("Instances", [])
        ]
    return {one.id: one for one in sorted(found, key=lambda one: one.id)}


def described_group(autoscaling: AutoScalingClient, name: str) -> Mapping[str, Any]:
    """Return an Auto Scaling group: a dictionary, as AWS's call DescribeAutoScalingGroups returns it.

    Raises UsageError if there is no such group, and OrchestratorError if AWS refuses the request or does not answer.
    """
    with asking(f"Auto Scaling group {name}"):
        # the answer about one group has one page, with all its instances
        found: Sequence[Any] = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])[
            "AutoScalingGroups"
        ]
    if not found:
        raise UsageError(
            f"there is no Auto Scaling group {name} in this account and region: correct the name, "
            "the profile or the region"
        )
    group: Mapping[str, Any] = found[0]
    return group


def states(group: Mapping[str, Any]) -> dict[str, str]:
    """Return instance id -> lifecycle state for each instance of an Auto Scaling group, sorted by id. Pure.

    + group: the result of ``described_group``
    """
    return dict(sorted((one["InstanceId"], str(one["LifecycleState"])) for one in group.get("Instances", [])))


def in_group(autoscaling: AutoScalingClient, group: str) -> dict[str, str]:
    """Return instance id -> lifecycle state for each instance of an Auto Scaling group, sorted by id.

    Raises UsageError if there is no such group, and OrchestratorError if AWS refuses the request or does not answer.
    """
    return states(described_group(autoscaling, group))


def target_group(elb: ElasticLoadBalancingv2Client, arn: str, port: int) -> TargetGroup:
    """Ask AWS for a target group and its members. Draining targets are not members.

    + arn: ARN of the target group
    + port: port of the target group's color

    Raises OrchestratorError if AWS refuses a request or does not answer.
    """
    with asking(f"target group {arn}"):
        group = elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
        health = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    members = registered(targets(health, port))
    return TargetGroup(group["TargetGroupName"], str(group["TargetType"]), port, members, arn)


def ask_sources(account: Account, tags: Mapping[str, str], group: str | None, groups: Mapping[str, int]) -> Found:
    """Ask AWS for the instances with the tags, the Auto Scaling group and the target groups.

    + tags: key -> value of each tag. An instance with all these tags is a node
    + group: name of the Auto Scaling group; None if the fleet has no such group
    + groups: ARN of each target group -> port of the target group's color

    Raises UsageError if no tags are given, or if the Auto Scaling group does not exist. Raises OrchestratorError if AWS
    refuses a request or does not answer.
    """
    if not tags:
        raise UsageError("no tags are given, so every instance of the account would be a node: set ORCHESTRATOR_TAGS")
    elb = account.elb()
    return Found(
        tagged(account.ec2(), tags),
        in_group(account.autoscaling(), group) if group else None,
        [target_group(elb, arn, port) for arn, port in groups.items()],
    )


def cross_check(
    tagged: Mapping[str, Instance], in_group: Mapping[str, str] | None, targets: Sequence[TargetGroup]
) -> list[str]:
    """Return all differences between the tags, the Auto Scaling group and the target groups, one line for each. Pure.

    + tagged: instance id -> running instance with the tags
    + in_group: instance id -> lifecycle state in the Auto Scaling group; None if the fleet has no such group
    + targets: the target groups of both colors
    """
    lines: list[tuple[str, str]] = []
    states = in_group or {}
    for id in sorted({*tagged, *states}):
        state = states.get(id)
        if id not in tagged:
            if state == IN_SERVICE:
                lines.append(
                    (id, "is in service in the Auto Scaling group, but is not a running instance with the tags")
                )
        elif in_group is not None and state is None:
            lines.append((id, "has the tags, but is not in the Auto Scaling group"))
        elif in_group is not None and state != IN_SERVICE:
            lines.append((id, f"is {state} in the Auto Scaling group, not {IN_SERVICE}"))
    for id, instance in tagged.items():
        lines += [(id, line) for line in _memberships(instance, targets)]
    for group in targets:
        ours = {group.knows_as(instance) for instance in tagged.values()}
        for member in sorted(group.members):
            if member.id not in ours:
                lines.append(
                    (member.id, f"is a target of {group.name} (port {member.port}), but not a node of the fleet")
                )
    return [f"{id} {line}" for id, line in lines]


def _memberships(instance: Instance, targets: Sequence[TargetGroup]) -> list[str]:
    """Return one line for each error in the way a node is registered in the target groups.

    The errors are a wrong port, and a node that is in only one of the target groups.
    """
    lines, without = [], []
    for group in targets:
        ports = sorted(member.port for member in group.members if member.id == group.knows_as(instance))
        if not ports:
            without.append(group.name)
        elif ports != [group.port]:
            at = " and ".join(str(port) for port in ports)
            lines.append(f"is a target of {group.name} on port {at}, not {group.port}")
    if without and len(without) < len(targets):
        others = ", ".join(group.name for group in targets if group.name not in without)
        lines.append(f"is a target of {others}, but not of {', '.join(without)}")
    return lines


def nodes(found: Found, public: bool = False) -> list[tuple[str, dict[str, str]]]:
    """Return the hosts of the inventory, sorted by instance id: pairs of a name (the instance id) and data. Pure.

    + public: whether to log in at the public address instead of the private address

    The data of a host has three keys:

    * ``ssh_hostname``: the address at which pyinfra logs in;
    * ``address``: the private address, at which the load balancer reaches the node;
    * ``target``: the node's id in the target groups: the instance id or the private address.

    Raises Refused in these cases: an instance has no private address; ``public`` is True and an instance has no public
    address; the types of the target groups differ, or are neither ``instance`` nor ``ip``.
    """
    kinds = {group.by for group in found.targets}
    if kinds - {"instance", "ip"} or len(kinds) > 1:
        raise Refused(f"the target groups are of type {' and '.join(sorted(kinds))}: both must be instance, or both ip")
    by_ip = kinds == {"ip"}
    hosts = []
    for id, instance in sorted(found.tagged.items()):
        login = instance.public if public else instance.private
        if instance.private is None or login is None:
            raise Refused(f"{id} has no {'private' if instance.private is None else 'public'} IPv4 address")
        data = {"ssh_hostname": login, "address": instance.private, "target": instance.private if by_ip else id}
        hosts.append((id, data))
    return hosts


def refuse(differences: Iterable[str]) -> None:
    """Raise Refused if the tags, the Auto Scaling group and the target groups do not agree about the nodes.

    + differences: the result of ``cross_check``. The error message has one line for each difference
    """
    lines = list(differences)
    if lines:
        head = "tags, Auto Scaling group and target groups do not agree about the nodes; nothing was changed:"
        raise Refused("\n".join([head, *(f"    {line}" for line in lines)]))
