"""Suspend the nodes' Auto Scaling group during a run, or find out how the group changed during the run.

A suspended group adds and removes no instances. A process of the group that was already suspended before the run must
stay suspended after the run. Therefore a run first decides which processes to suspend (``to_suspend``), then records
them, and only then suspends them. If the run dies, the next command resumes exactly the recorded processes.

If the group is not suspended, ``changes`` returns the instances that were added and removed, and ``to_bar`` returns
which added instances must be kept from traffic.

The AWS calls are SuspendProcesses, ResumeProcesses and DescribeAutoScalingGroups. For the first two, an empty list
means all processes, so an empty list is never sent. Activities that began before the suspension continue. Therefore the
caller must read the group again after suspending it (``unrest``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.aws.api import asking
from orchestrator.aws.instances import IN_SERVICE, Instance, TargetGroup
from orchestrator.aws.target_groups import BARRED, Target
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from mypy_boto3_autoscaling.client import AutoScalingClient
    from mypy_boto3_elbv2.client import ElasticLoadBalancingv2Client

PROCESSES = (
    "Launch",
    "Terminate",
    # while an idle color restarts, it fails its health check; its instance must not be marked for replacement
    "HealthCheck",
    "ReplaceUnhealthy",
    "AZRebalance",
    "AddToLoadBalancer",
    "AlarmNotification",
    "ScheduledActions",
    "InstanceRefresh",
)
"""The processes of a group that add or remove instances, or register instances in target groups."""

REFRESHES = ("Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking")
"""States of an instance refresh that is still in progress."""

TRIES = 6
"""Number of attempts to change a group, one second apart, while another change of the group is in progress."""


@dataclass(frozen=True)
class Group:
    """The state of an Auto Scaling group.

    + instances: instance id -> lifecycle state
    + suspended: names of the suspended processes
    + refreshing: status of an instance refresh in progress; None if there is none
    + checks: the group's health check type: ``EC2``, or ``ELB`` if the target groups decide which instance is healthy
    """

    name: str
    instances: Mapping[str, str]
    suspended: frozenset[str] = frozenset()
    refreshing: str | None = None
    checks: str = "EC2"


@dataclass(frozen=True)
class Changes:
    """The difference between two readings of the group.

    + came, went: sorted ids of the instances that were added, and of those that were removed
    """

    came: tuple[str, ...] = ()
    went: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.came or self.went)


def see(autoscaling: AutoScalingClient, name: str) -> Group:
    """Return the state of an Auto Scaling group.

    Raises UsageError if no group has this name, and OrchestratorError if AWS refuses the request.
    """
    with asking(f"Auto Scaling group {name}"):
        found = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        if not found:
            raise UsageError(f"there is no Auto Scaling group {name} in this account and region")
        # AWS keeps six weeks of refreshes; at most one is in progress
        refreshes = autoscaling.describe_instance_refreshes(AutoScalingGroupName=name, MaxRecords=100)
    group = found[0]
    running = [str(one.get("Status")) for one in refreshes.get("InstanceRefreshes", [])]
    return Group(
        name,
        dict(sorted((one["InstanceId"], str(one["LifecycleState"])) for one in group.get("Instances", []))),
        frozenset(one["ProcessName"] for one in group.get("SuspendedProcesses", []) if "ProcessName" in one),
        next((status for status in running if status in REFRESHES), None),
        str(group.get("HealthCheckType", "EC2")),
    )


def to_suspend(group: Group) -> tuple[str, ...]:
    """Return the processes that a run must suspend and later resume: those not suspended before the run. Pure."""
    return tuple(process for process in PROCESSES if process not in group.suspended)


def suspend(autoscaling: AutoScalingClient, name: str, processes: Sequence[str]) -> None:
    """Suspend processes of a group. A second call changes nothing, and neither does an empty list of processes.

    + processes: result of ``to_suspend``. The caller must have recorded it, so that the processes can be resumed.

    Raises OrchestratorError if AWS refuses the request or does not answer.
    """
    _change(autoscaling.suspend_processes, name, processes)


def resume(autoscaling: AutoScalingClient, name: str, processes: Sequence[str]) -> None:
    """Resume processes of a group. For a process that is not suspended, this changes nothing.

    + processes: exactly the processes that the run decided to suspend

    Raises OrchestratorError if AWS refuses the request or does not answer.
    """
    _change(autoscaling.resume_processes, name, processes)


def _change(call: Callable[..., Any], name: str, processes: Sequence[str]) -> None:
    from botocore.exceptions import ClientError

    # AWS takes an empty list to mean all processes
    if not processes:
        return
    with asking(f"Auto Scaling group {name}"):
        for tried in range(TRIES):
            try:
                call(AutoScalingGroupName=name, ScalingProcesses=list(processes))
                return
            except ClientError as error:
                # ResourceContention means that another change of the group is in progress
                if error.response["Error"].get("Code") != "ResourceContention" or tried == TRIES - 1:
                    raise
            time.sleep(1.0)


def unrest(group: Group) -> list[str]:
    """Return the reasons why no run may begin, one line for each. Pure.

    The reasons are instances that are starting or terminating, and an instance refresh.
    """
    lines = [
        f"{id} is {state} in the Auto Scaling group {group.name}"
        for id, state in group.instances.items()
        if state not in (IN_SERVICE, "Standby") and not state.startswith("Warmed")
    ]
    if group.refreshing:
        lines.append(f"an instance refresh of the Auto Scaling group {group.name} is {group.refreshing}")
    return lines


def risks(group: Group, suspended: bool) -> list[str]:
    """Return the warnings about a group that the plan shows to the operator, one line for each. Pure.

    + suspended: whether the run suspends the group
    """
    if group.checks == "ELB" and not suspended:
        return [
            f"the Auto Scaling group {group.name} checks health by its target groups and is not suspended: a node "
            "may be replaced because its idle color restarts"
        ]
    return []


def changes(before: Iterable[str], now: Iterable[str]) -> Changes:
    """Return which instances were added and which were removed. Pure.

    + before: ids of the instances when the run began
    + now: ids of the instances now
    """
    earlier, later = set(before), set(now)
    return Changes(tuple(sorted(later - earlier)), tuple(sorted(earlier - later)))


def to_bar(
    came: Iterable[str], instances: Mapping[str, Instance], targets: Sequence[TargetGroup]
) -> list[tuple[str, Target]]:
    """Return the target group members that a run must bar, because they were added during the run. Pure.

    These instances do not have the release of the run.

    + came: ids of the added instances, from ``changes``
    + instances: id -> tagged instance, read again after the instances were added
    + targets: both target groups, read again after the instances were added

    Returns pairs of a target group's ARN and a member; empty if the added instances are in neither target group. AWS
    may register an instance later. Therefore the caller must repeat this call until the run has ended.
    """
    found = []
    for id in sorted(set(came) & set(instances)):
        for group in targets:
            known = group.knows_as(instances[id])
            found += [(group.arn, member) for member in sorted(group.members) if member.id == known]
    return found


def bar(elb: ElasticLoadBalancingv2Client, places: Sequence[tuple[str, Target]], arns: Sequence[str]) -> None:
    """Deregister members from their target groups, and tag them as barred, as the switch ``alb`` does.

    Requests in flight continue. A second call changes nothing.

    + places: result of ``to_bar``
    + arns: ARNs of both target groups, which get the tags

    Raises OrchestratorError if AWS refuses a request or does not answer.
    """
    # tag before deregistering, because a deregistered target without the tag counts as a problem
    for id in sorted({member.id for _, member in places}):
        with asking(f"target groups: {id}"):
            elb.add_tags(
                ResourceArns=list(arns), Tags=[{"Key": BARRED + id, "Value": "kept out until it has caught up"}]
            )
    for arn, member in places:
        with asking(f"target group {arn}: {member.id}"):
            elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": member.id, "Port": member.port}])


def advice(changed: Changes) -> list[str]:
    """Return one line for each changed instance: what happened, and what the operator should do about it. Pure."""
    return [
        *(
            f"{id} was added during the run and does not have its release: it gets no traffic until "
            f"you run deploys/join.py --data node={id}"
            for id in changed.came
        ),
        *(f"{id} was removed during the run: the Auto Scaling group terminated it, or it died" for id in changed.went),
    ]
