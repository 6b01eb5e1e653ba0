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
    """Suspend or resume processes of the Auto Scaling group, as ``asked.do`` says. Return a line of detail. Idempotent.

    If ``asked.do`` is "inherit", only return a line about the processes that are still suspended.

    + settings: the present settings, with the login at AWS
    + asked: the action of the step, with the group and the processes

    Raises OrchestratorError if AWS refuses a call. If the processes are suspended, also raises OrchestratorError if an
    instance came or left since the run first looked at the group, or if the group is still changing.
    """
    processes, name = asked.processes, asked.group
    listed = ", ".join(processes) or "nothing: all processes were suspended before the run"
    match asked.do:
        case "inherit":
            return f"{name} is still suspended ({listed}): resumed at the end"
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
    """Keep new instances from traffic. Return one line for each instance that came to the group or left it.

    Only changes since the run first looked at the group count. New instances are removed from the target groups of the
    settings' ALBs, except instances that a launch lifecycle hook still keeps from traffic. If a call to AWS fails, one
    line says so, and nothing is raised.
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
    """Return the instances that came and left, and, separately, the new instances that are not ready yet. Pure.

    An instance that is being terminated counts as left.

    + before: the ids of the instances when the run first looked at the group
    + now: id -> lifecycle state, for the instances that the group has now
    + catches_up: whether a launch lifecycle hook keeps new instances from traffic until they have caught up. Without
      such a hook, no instance is returned as not ready
    """
    there = {id: state for id, state in now.items() if not state.startswith(("Terminat", "Warmed"))}
    changed = scaling.changes(before, there)
    waiting = tuple(id for id in changed.came if catches_up and there[id].startswith("Pending"))
    return replace(changed, came=tuple(id for id in changed.came if id not in waiting)), waiting


def _bar(settings: Settings, instances: Mapping[str, Instance], came: Sequence[str]) -> None:
    """Remove new instances from both target groups of every ALB in the settings."""
    for switch in settings.switches:
        if isinstance(switch, AlbSwitch):
            arns = {switch.blue: settings.ports.of(Color.blue), switch.green: settings.ports.of(Color.green)}
            elb = Account(switch.region or switch.rule.split(":")[3], switch.profile, switch.endpoint_url).elb()
            groups = [target_group(elb, arn, port) for arn, port in arns.items()]
            scaling.bar(elb, scaling.to_bar(came, instances, groups), list(arns))


def moved(changed: Changes, now: Group) -> list[str]:
    """Return one line for each change of the group since the run first looked at the group. Pure.

    Each change that is still in progress also gets a line.
    """
    unrest = scaling.unrest(now)
    named = " ".join(unrest)
    return [
        *unrest,
        *(f"{id} came to the Auto Scaling group {now.name} just now" for id in changed.came if id not in named),
        *(f"{id} left the Auto Scaling group {now.name} just now" for id in changed.went),
    ]


def _account(settings: Settings, region: str | None) -> Account:
    """Return the AWS account: the region from the run's plan, the login from the present settings.

    If the present settings have no ``scaling``, the account has the default login.
    """
    mine = settings.scaling
    return Account(region, mine.profile, mine.endpoint_url) if mine else Account(region)
