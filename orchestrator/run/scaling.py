"""Performs a run's steps on the Auto Scaling group of the nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from orchestrator.aws import scaling
from orchestrator.aws.api import Account
from orchestrator.aws.instances import Instance, of_ids, target_group
from orchestrator.aws.scaling import Changes, Group
from orchestrator.config import Settings
from orchestrator.config.switch import AlbSwitch
from orchestrator.errors import OrchestratorError
from orchestrator.model import Color
from orchestrator.stages.scaling import Newcomers, Scaling
from orchestrator.waiting import within


def keep_still(settings: Settings, asked: Scaling) -> str:
    """Suspend or resume processes of the Auto Scaling group. Return a line of detail for the report. Idempotent.

    ``asked.do`` selects the work: "suspend", "resume", or "inherit". "inherit" changes nothing and only returns a line
    about the processes that are still suspended.

    + settings: the present settings, with the login at AWS
    + asked: the action of the step, with the group and the processes

    Raises OrchestratorError if AWS refuses a call. "suspend" also raises OrchestratorError if an instance was added or
    removed since the run first read the state of the group, or if the group is still changing.
    """
    processes, name = asked.processes, asked.group
    listed = ", ".join(processes) or "nothing, because all processes were suspended before the run"
    match asked.do:
        case "inherit":
            return f"{name} is still suspended ({listed}); the run resumes it at its end"
        case "resume":
            scaling.resume(_account(settings, asked.region).autoscaling(), name, processes)
            return f"{name}: {listed}"
        case _:
            client = _account(settings, asked.region).autoscaling()
            scaling.suspend(client, name, processes)
            # changes that AWS began before the suspension continue, so the group is read again
            now = scaling.see(client, name)
            problems = moved(scaling.changes(asked.instances, now.instances), now)
            if problems:
                raise OrchestratorError(f"{'; '.join(problems)}; repeat the command in a minute")
            return f"{name}: {listed}"


def newcomers(settings: Settings, asked: Newcomers) -> list[str]:
    """Keep new instances from traffic. Return one line for each instance that was added or removed during the run.

    This function removes new instances from the target groups of the settings' ALBs, except instances that a launch
    lifecycle hook still keeps from traffic. If a call to AWS fails, no error is raised, and the last line describes the
    error.
    """
    name, before = asked.group, asked.instances
    account = _account(settings, asked.region)
    lines: list[str] = []
    try:
        with within(asked.seconds, OrchestratorError("AWS did not answer in time")):
            now = scaling.see(account.autoscaling(), name)
            catches_up = settings.scaling is not None and settings.scaling.hook is not None
            changed, waiting = who(before, now.instances, catches_up)
            lines += scaling.advice(changed)
            lines += [
                f"{id} is starting: the instance waits until the run has ended, then catches up" for id in waiting
            ]
            if changed.came:
                _bar(settings, of_ids(account.ec2(), changed.came), changed.came)
    except OrchestratorError as error:
        lines.append(f"new instances of {name} may be getting traffic without the release: {error}")
    return lines


def who(before: Iterable[str], now: Mapping[str, str], catches_up: bool) -> tuple[Changes, tuple[str, ...]]:
    """Return how the group has changed, and separately the ids of new instances that are still starting. Pure.

    An instance that is being terminated, or that is in the warm pool, does not count as an instance of the group.

    + before: the ids of the instances when the run first read the state of the group
    + now: id -> lifecycle state, for the instances that AWS lists now
    + catches_up: whether a launch lifecycle hook keeps a new instance from traffic until the instance has the live
      release. If True, the changes do not include the new instances that are still starting. If False, the changes
      include all new instances, and no ids are returned separately
    """
    there = {id: state for id, state in now.items() if not state.startswith(("Terminat", "Warmed"))}
    changed = scaling.changes(before, there)
    waiting = tuple(id for id in changed.came if catches_up and there[id].startswith("Pending"))
    return replace(changed, came=tuple(id for id in changed.came if id not in waiting)), waiting


def _bar(settings: Settings, instances: Mapping[str, Instance], came: Sequence[str]) -> None:
    """Remove new instances from both target groups of every ALB in the settings.

    + instances: id -> instance
    + came: the ids of the new instances
    """
    for switch in settings.switches:
        if isinstance(switch, AlbSwitch):
            arns = {switch.blue: settings.ports.of(Color.blue), switch.green: settings.ports.of(Color.green)}
            elb = Account(switch.region or switch.rule.split(":")[3], switch.profile, switch.endpoint_url).elb()
            groups = [target_group(elb, arn, port) for arn, port in arns.items()]
            scaling.bar(elb, scaling.to_bar(came, instances, groups), list(arns))


def moved(changed: Changes, now: Group) -> list[str]:
    """Return one line for each change of the Auto Scaling group that makes a run impossible. Pure.

    A line names a change that is still in progress, or an instance in ``changed``.

    + changed: the instances that were added or removed since the run first read the state of the group
    + now: the present state of the group
    """
    unrest = scaling.unrest(now)
    named = " ".join(unrest)
    return [
        *unrest,
        *(f"{id} came to the Auto Scaling group {now.name} just now" for id in changed.came if id not in named),
        *(f"{id} left the Auto Scaling group {now.name} just now" for id in changed.went),
    ]


def _account(settings: Settings, region: str | None) -> Account:
    """Return access to the AWS account, with the login from the present settings.

    If the present settings have no ``scaling``, use boto3's default login.

    + region: the region from the run's plan; None for the default region
    """
    mine = settings.scaling
    return Account(region, mine.profile, mine.endpoint_url) if mine else Account(region)
