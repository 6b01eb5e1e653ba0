"""The Auto Scaling group of the nodes during a run: kept still, or watched.

Two ways. ``suspend`` keeps instances from coming and going; what was suspended before the run stays so after it. For
that the processes to suspend are decided first (``to_suspend``), recorded, and only then suspended: whoever settles a
run that died resumes exactly those. Without it, ``changes`` says who came and went, and ``to_bar`` which of them have
to be kept from traffic.

Sources: Auto Scaling's SuspendProcesses, ResumeProcesses and DescribeAutoScalingGroups. Both calls take "no processes"
for "all processes", so an empty list is never sent. Activities that began before the suspension go on: look again
after it (``unrest``).
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
    # an instance whose idle color restarts fails that color's health check: it must not be marked for replacement
    "HealthCheck",
    "ReplaceUnhealthy",
    "AZRebalance",
    "AddToLoadBalancer",
    "AlarmNotification",
    "ScheduledActions",
    "InstanceRefresh",
)
"""What makes instances come or go, or puts them into target groups."""

REFRESHES = ("Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking")
"""States of an instance refresh that is not over."""

TRIES = 6
"""Calls until we give up because another change of the group is always under way; a second apart."""


@dataclass(frozen=True)
class Group:
    """An Auto Scaling group as it was seen.

    + instances: id -> lifecycle state
    + suspended: names of processes that are suspended
    + refreshing: status of an instance refresh that is not over, None if there is none
    + checks: ``EC2``, or ``ELB`` if target groups decide which instance is healthy
    """

    name: str
    instances: Mapping[str, str]
    suspended: frozenset[str] = frozenset()
    refreshing: str | None = None
    checks: str = "EC2"


@dataclass(frozen=True)
class Changes:
    """Instances that came and went between two looks, sorted."""

    came: tuple[str, ...] = ()
    went: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.came or self.went)


def see(autoscaling: AutoScalingClient, name: str) -> Group:
    """Look at an Auto Scaling group. Raises UsageError if there is none of this name, OrchestratorError."""
    with asking(f"Auto Scaling group {name}"):
        found = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        if not found:
            raise UsageError(f"there is no Auto Scaling group {name} in this account and region")
        # of the last six weeks; one at the most is not over
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
    """The processes that a run has to suspend, and so to resume: those that are not suspended already. Pure."""
    return tuple(process for process in PROCESSES if process not in group.suspended)


def suspend(autoscaling: AutoScalingClient, name: str, processes: Sequence[str]) -> None:
    """Suspend these processes of a group. Doing it twice does no harm. Raises OrchestratorError.

    + processes: what ``to_suspend`` said, recorded before this is called
    """
    _change(autoscaling.suspend_processes, name, processes)


def resume(autoscaling: AutoScalingClient, name: str, processes: Sequence[str]) -> None:
    """Undo of ``suspend``, right whether it was done, half done or not at all. Raises OrchestratorError.

    + processes: those that were suspended by the run, and no others
    """
    _change(autoscaling.resume_processes, name, processes)


def _change(call: Callable[..., Any], name: str, processes: Sequence[str]) -> None:
    from botocore.exceptions import ClientError

    # to AWS, none means all
    if not processes:
        return
    with asking(f"Auto Scaling group {name}"):
        for tried in range(TRIES):
            try:
                call(AutoScalingGroupName=name, ScalingProcesses=list(processes))
                return
            except ClientError as error:
                # another change of the group is under way
                if error.response["Error"].get("Code") != "ResourceContention" or tried == TRIES - 1:
                    raise
            time.sleep(1.0)


def unrest(group: Group) -> list[str]:
    """Lines that say why no run may begin: instances on their way in or out, an instance refresh. Pure."""
    lines = [
        f"{id} is {state} in the Auto Scaling group {group.name}"
        for id, state in group.instances.items()
        if state not in (IN_SERVICE, "Standby") and not state.startswith("Warmed")
    ]
    if group.refreshing:
        lines.append(f"an instance refresh of the Auto Scaling group {group.name} is {group.refreshing}")
    return lines


def risks(group: Group, suspended: bool) -> list[str]:
    """Warnings for the plan. Pure.

    + suspended: whether the run keeps the group still
    """
    if group.checks == "ELB" and not suspended:
        return [
            f"the Auto Scaling group {group.name} checks health by its target groups and is not suspended: a node "
            "may be replaced because its idle color restarts"
        ]
    return []


def changes(before: Iterable[str], now: Iterable[str]) -> Changes:
    """Which instances came and which went. Pure.

    + before: ids the run began with
    + now: ids that are there
    """
    earlier, later = set(before), set(now)
    return Changes(tuple(sorted(later - earlier)), tuple(sorted(earlier - later)))


def to_bar(
    came: Iterable[str], instances: Mapping[str, Instance], targets: Sequence[TargetGroup]
) -> list[tuple[str, Target]]:
    """The places from which instances that came during a run have to be taken: they do not have its release. Pure.

    + came: from ``changes``
    + instances: the tagged ones, looked up anew
    + targets: both target groups, looked up anew

    Returns ARN of a target group and the member there; empty once they are in neither. An instance that is not
    registered yet may be a moment later: ask again until the run has ended, or suspend the group.
    """
    found = []
    for id in sorted(set(came) & set(instances)):
        for group in targets:
            known = group.knows_as(instances[id])
            found += [(group.arn, member) for member in sorted(group.members) if member.id == known]
    return found


def bar(elb: ElasticLoadBalancingv2Client, places: Sequence[tuple[str, Target]], arns: Sequence[str]) -> None:
    """Deregister members, as ``to_bar`` named them, and mark them as barred.

    The ALB's own switch marks them in the same way. Requests in flight go on. A repetition does no harm.
    Raises OrchestratorError.

    + arns: of both target groups
    """
    # the tag first: without it a target that is out looks lost
    for id in sorted({member.id for _, member in places}):
        with asking(f"target groups: {id}"):
            elb.add_tags(
                ResourceArns=list(arns), Tags=[{"Key": BARRED + id, "Value": "kept out until it has caught up"}]
            )
    for arn, member in places:
        with asking(f"target group {arn}: {member.id}"):
            elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": member.id, "Port": member.port}])


def advice(changed: Changes) -> list[str]:
    """What the operator should know and do about them, a line each. Pure."""
    return [
        *(
            f"{id} came during the run and does not have its release: it is kept from traffic until "
            f"deploys/join.py --data node={id} has brought it in"
            for id in changed.came
        ),
        *(f"{id} went during the run: the Auto Scaling group ended it, or it died" for id in changed.went),
    ]
