"""Suspend the nodes' Auto Scaling group during a run, or find out how the group changed during the run.

An Auto Scaling group has several processes, such as ``Launch`` and ``Terminate``. To suspend the group means to suspend
all processes that add or remove instances. A process that was already suspended before the run must stay suspended
after the run. Therefore a run first decides which processes to suspend (``to_suspend``), then records the names of
these processes, and then suspends them. If the run dies, the next command resumes exactly the recorded processes.

If a run does not suspend the group, ``changes`` returns the instances that were added and removed during the run.
``to_bar`` returns the added instances that must not get traffic.

The AWS calls that change a group are SuspendProcesses and ResumeProcesses. For both calls, an empty list means all
processes. Therefore this module never sends an empty list.

When a group is suspended, activities that began earlier continue. Therefore, after suspending a group, the caller must
read the group again and check it with ``unrest``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.aws.api import asking
from orchestrator.aws.instances import IN_SERVICE, Instance, TargetGroup, described_group, states
from orchestrator.aws.target_groups import BARRED, Target

if TYPE_CHECKING:
    from mypy_boto3_autoscaling.client import AutoScalingClient
    from mypy_boto3_elbv2.client import ElasticLoadBalancingv2Client

PROCESSES = (
    "Launch",
    "Terminate",
    # while an idle color restarts, its health check fails; therefore the group must not mark the instance as unhealthy
    "HealthCheck",
    "ReplaceUnhealthy",
    "AZRebalance",
    "AddToLoadBalancer",
    "AlarmNotification",
    "ScheduledActions",
    "InstanceRefresh",
)
"""The processes of an Auto Scaling group that a run suspends.

With these processes, the group adds and removes instances, and registers instances in target groups.
"""

REFRESHES = ("Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking")
"""The states of an instance refresh that is still in progress.

In an instance refresh, an Auto Scaling group replaces its instances by new instances.
"""

TRIES = 6
"""Number of attempts to suspend or resume processes of a group.

An attempt fails while AWS makes another change to the group. The attempts are one second apart.
"""


@dataclass(frozen=True)
class Group:
    """The state of an Auto Scaling group.

    + instances: instance id -> lifecycle state, such as ``InService``
    + suspended: names of the suspended processes
    + refreshing: status of the instance refresh that is in progress; None if no instance refresh is in progress
    + checks: health check type of the group. ``ELB`` means that the health checks of the target groups decide which
      instance is healthy; ``EC2`` means that EC2 alone decides
    """

    name: str
    instances: Mapping[str, str]
    suspended: frozenset[str] = frozenset()
    refreshing: str | None = None
    checks: str = "EC2"


@dataclass(frozen=True)
class Changes:
    """The instances that were added to the Auto Scaling group, or removed from the group, between two points in time.

    + came: ids of the instances that were added, sorted
    + went: ids of the instances that were removed, sorted
    """

    came: tuple[str, ...] = ()
    went: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.came or self.went)


def see(autoscaling: AutoScalingClient, name: str) -> Group:
    """Ask AWS for the state of an Auto Scaling group.

    + name: name of the group

    Raises UsageError if no group has this name. Raises OrchestratorError if AWS refuses the request or does not answer.
    """
    group = described_group(autoscaling, name)
    with asking(f"Auto Scaling group {name}"):
        # AWS keeps six weeks of refreshes; at most one is in progress
        refreshes = autoscaling.describe_instance_refreshes(AutoScalingGroupName=name, MaxRecords=100)
    running = [str(one.get("Status")) for one in refreshes.get("InstanceRefreshes", [])]
    return Group(
        name,
        states(group),
        frozenset(one["ProcessName"] for one in group.get("SuspendedProcesses", []) if "ProcessName" in one),
        next((status for status in running if status in REFRESHES), None),
        str(group.get("HealthCheckType", "EC2")),
    )


def to_suspend(group: Group) -> tuple[str, ...]:
    """Return the names of the processes that a run must suspend and later resume. Pure.

    These are the processes that can change instances (PROCESSES), without the processes that are already suspended.

    + group: state of the group before the run
    """
    return tuple(process for process in PROCESSES if process not in group.suspended)


def suspend(autoscaling: AutoScalingClient, name: str, processes: Sequence[str]) -> None:
    """Suspend processes of an Auto Scaling group. If all of them are suspended already, nothing changes.

    + name: name of the group
    + processes: result of ``to_suspend``; empty to change nothing. The caller must record the result before this call,
      so that the next command can resume the processes if the run dies.

    Raises OrchestratorError if AWS refuses the request or does not answer.
    """
    _change(autoscaling.suspend_processes, name, processes)


def resume(autoscaling: AutoScalingClient, name: str, processes: Sequence[str]) -> None:
    """Resume processes of an Auto Scaling group. If a process is not suspended, nothing changes for this process.

    + name: name of the group
    + processes: the processes that the run has recorded before suspending them; empty to change nothing

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
    """Return the reasons why no run may begin, one line for each; empty if a run may begin. Pure.

    A reason is an instance of the group that is starting or terminating, or an instance refresh in progress.
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
    """Return one line for each warning about a group. The operator reads the lines in the plan of a run. Pure.

    + group: state of the group before the run
    + suspended: whether the run suspends the group
    """
    if group.checks == "ELB" and not suspended:
        return [
            f"the Auto Scaling group {group.name} checks health by its target groups and is not suspended: a node "
            "may be replaced because its idle color restarts"
        ]
    return []


def changes(before: Iterable[str], now: Iterable[str]) -> Changes:
    """Return which instances were added to a group, and which were removed from the group, since a run began. Pure.

    + before: ids of the instances when the run began
    + now: ids of the instances now
    """
    earlier, later = set(before), set(now)
    return Changes(tuple(sorted(later - earlier)), tuple(sorted(earlier - later)))


def to_bar(
    came: Iterable[str], instances: Mapping[str, Instance], targets: Sequence[TargetGroup]
) -> list[tuple[str, Target]]:
    """Return the targets that a run must bar: instances that were added during the run. Pure.

    These instances do not have the release of the run.

    Returns one pair for each target: the ARN of the target group, and the target. The list is empty if no added
    instance is registered in a target group. Because AWS may register an instance later, the caller must repeat this
    call until the run has ended. The caller must ask AWS for ``instances`` and ``targets`` when the instances have
    already been added.

    + came: ids of the added instances, from ``changes``
    + instances: instance id -> instance with the tags
    + targets: both target groups
    """
    found = []
    for id in sorted(set(came) & set(instances)):
        for group in targets:
            known = group.knows_as(instances[id])
            found += [(group.arn, member) for member in sorted(group.members) if member.id == known]
    return found


def bar(elb: ElasticLoadBalancingv2Client, places: Sequence[tuple[str, Target]], arns: Sequence[str]) -> None:
    """Bar instances: deregister targets from target groups, and mark the targets as barred.

    The mark consists of tags of both target groups. The switch ``alb`` bars nodes in the same way. Requests in flight
    continue. If the instances are already barred, nothing changes.

    + places: result of ``to_bar``
    + arns: ARNs of both target groups, which get the tags

    Raises OrchestratorError if AWS refuses a request or does not answer.
    """
    # tag before deregistering, because a deregistered target without the tag counts as a problem
    for id in sorted({member.id for _, member in places}):
        with asking(f"target groups: {id}"):
            elb.add_tags(ResourceArns=list(arns), Tags=[{"Key": BARRED + id, "Value": "kept out until it has joined"}])
    for arn, member in places:
        with asking(f"target group {arn}: {member.id}"):
            elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": member.id, "Port": member.port}])


def advice(changed: Changes) -> list[str]:
    """Return one line for each instance that was added or removed during a run. Pure.

    The line says what happened, and what the operator should do.
    """
    return [
        *(
            f"{id} was added during the run and does not have the run's release: the instance gets no traffic until "
            f"you run deploys/join.py --data node={id}"
            for id in changed.came
        ),
        *(
            f"{id} was removed during the run: the Auto Scaling group terminated the instance, or the instance died"
            for id in changed.went
        ),
    ]
