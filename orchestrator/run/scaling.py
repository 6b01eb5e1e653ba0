"""Performs a run's steps on the Auto Scaling group: from the arguments in the plan to a line of detail."""

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
    """Suspend processes of the group, or resume them, as the plan says. Doing it twice does no harm.

    + settings: the present settings; the group and the processes come from the run's own journal

    Raises OrchestratorError, for example if the group has changed since the run looked at it.
    """
    processes, name = asked.processes, asked.group
    listed = ", ".join(processes) or "nothing, all is already"
    match asked.do:
        case "inherit":
            return f"{name} is still suspended ({listed}): resumed at the end"
        case "resume":
            scaling.resume(_account(settings, asked.region).autoscaling(), name, processes)
            return f"{name}: {listed}"
        case _:
            client = _account(settings, asked.region).autoscaling()
            scaling.suspend(client, name, processes)
            # changes that began before the suspension go on
            now = scaling.see(client, name)
            problems = moved(scaling.changes(asked.instances, now.instances), now)
            if problems:
                raise OrchestratorError(f"{'; '.join(problems)}; repeat the command in a minute")
            return f"{name}: {listed}"


def newcomers(settings: Settings, asked: Newcomers) -> list[str]:
    """One line for each instance that came to the group or left it since the run looked at it.

    New instances are removed from the target groups of the settings' ALBs. A failure to look or act is also a line.
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
            lines += [f"{id} is on its way: it waits until the run has ended, then catches up" for id in waiting]
            if changed.came:
                _bar(settings, of_ids(account.ec2(), changed.came), changed.came)
    except OrchestratorError as error:
        lines.append(f"new instances of {name} may be getting traffic without the release: {error}")
    return lines


def who(before: Iterable[str], now: Mapping[str, str], catches_up: bool) -> tuple[Changes, tuple[str, ...]]:
    """The instances that came and left, and the instances that are still getting themselves ready. Pure.

    + now: id -> lifecycle state
    + catches_up: whether a launch lifecycle hook holds new instances back until they are ready
    """
    there = {id: state for id, state in now.items() if not state.startswith(("Terminat", "Warmed"))}
    changed = scaling.changes(before, there)
    waiting = tuple(id for id in changed.came if catches_up and there[id].startswith("Pending"))
    return replace(changed, came=tuple(id for id in changed.came if id not in waiting)), waiting


def _bar(settings: Settings, instances: Mapping[str, Instance], came: Sequence[str]) -> None:
    for switch in settings.switches:
        if isinstance(switch, AlbSwitch):
            arns = {switch.blue: settings.ports.of(Color.blue), switch.green: settings.ports.of(Color.green)}
            elb = Account(switch.region or switch.rule.split(":")[3], switch.profile, switch.endpoint_url).elb()
            groups = [target_group(elb, arn, port) for arn, port in arns.items()]
            scaling.bar(elb, scaling.to_bar(came, instances, groups), list(arns))


def moved(changed: Changes, now: Group) -> list[str]:
    """The differences between a group and its state before the suspension, one line each. Pure."""
    unrest = scaling.unrest(now)
    named = " ".join(unrest)
    return [
        *unrest,
        *(f"{id} came to the Auto Scaling group {now.name} just now" for id in changed.came if id not in named),
        *(f"{id} left the Auto Scaling group {now.name} just now" for id in changed.went),
    ]


def _account(settings: Settings, region: str | None) -> Account:
    """The AWS account in the run's own region, with the login of the present settings."""
    mine = settings.scaling
    return Account(region, mine.profile, mine.endpoint_url) if mine else Account(region)
