"""Read from the answers of AWS which targets an ALB's target groups have, and whether they are healthy. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from typing_extensions import override

from orchestrator.config.ports import Ports
from orchestrator.model import Color

BARRED = "orchestrator:barred:"
"""Prefix of the key of a tag that marks a target as barred. After the prefix, the key has the id of the target.

While a target is barred, the target groups of both colors have this tag.
"""

SAME_SETTINGS = (
    "Protocol",
    "ProtocolVersion",
    "TargetType",
    "VpcId",
    "HealthCheckProtocol",
    "HealthCheckPort",
    "HealthCheckPath",
    "HealthCheckEnabled",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
    "Matcher",
)
"""The settings that must be equal in the target groups of both colors.

Users would notice a difference only after traffic has moved to the other color.
"""

DRAINING = "draining"
"""The state of a target that was deregistered and still answers its requests in flight.

The state ``unhealthy.draining`` has another meaning: the target is registered, but unhealthy. Only Network Load
Balancers use this state.
"""


class Target(NamedTuple):
    """A target of a target group.

    + id: instance id or IP address
    + port: the port on which the target gets requests
    """

    id: str
    port: int

    @override
    def __str__(self) -> str:
        return f"{self.id}:{self.port}"


@dataclass(frozen=True)
class Health:
    """The health of a target, as the AWS call DescribeTargetHealth returns it.

    + state: for example ``healthy``, ``unhealthy`` or ``draining``
    + reason: AWS's code for the reason of the state; empty if AWS gave no reason
    + description: AWS's explanation of the reason; empty if AWS gave no explanation
    """

    state: str
    reason: str = ""
    description: str = ""

    @override
    def __str__(self) -> str:
        why = ", ".join(" ".join(part.split()) for part in (self.reason, self.description) if part)
        return f"{self.state} ({why})" if why else self.state


NOT_REGISTERED = Health("not registered")
"""The health of a target that is not in the target group."""


@dataclass(frozen=True)
class Group:
    """A color's target group.

    + settings: name -> value of each setting, as DescribeTargetGroups returns them
    + attributes, tags: key -> value, as AWS returns them
    + targets: target -> health of the target; draining targets are included
    """

    color: Color
    arn: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[Target, Health] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def registered(self) -> frozenset[Target]:
        """Return the members of the target group: all targets that are not draining."""
        return registered(self.targets)

    @property
    def barred(self) -> frozenset[str]:
        """Return the ids of the barred targets. For each barred target, this target group has a tag."""
        return frozenset(key.removeprefix(BARRED) for key in self.tags if key.startswith(BARRED))

    @property
    def patience(self) -> float:
        """Return the largest number of seconds until health checks have a result for a newly registered target."""
        number = self.settings.get
        interval, timeout = number("HealthCheckIntervalSeconds", 30), number("HealthCheckTimeoutSeconds", 5)
        # a new target must pass one check, an unhealthy target HealthyThresholdCount checks; registering takes seconds
        return float(interval) * (int(number("HealthyThresholdCount", 5)) + 1) + float(timeout) + 15.0


def targets(descriptions: Iterable[Mapping[str, Any]], port: int) -> dict[Target, Health]:
    """Return target -> health of the target, from an answer of AWS. Targets that are not registered are left out.

    + descriptions: the list ``TargetHealthDescriptions`` in the answer of DescribeTargetHealth
    + port: the port that is used if AWS names no port for a target
    """
    found = {}
    for one in descriptions:
        health = one.get("TargetHealth", {})
        if health.get("Reason") != "Target.NotRegistered":
            target = Target(str(one["Target"]["Id"]), int(one["Target"].get("Port", port)))
            state = health.get("State", "unknown")
            found[target] = Health(state, health.get("Reason", ""), health.get("Description", ""))
    return found


def registered(targets: Mapping[Target, Health]) -> frozenset[Target]:
    """Return the members of a target group: all targets that are not draining.

    + targets: target -> health of the target
    """
    return frozenset(target for target, health in targets.items() if health.state != DRAINING)


def barred(groups: Iterable[Group]) -> frozenset[str]:
    """Return the ids of the targets that are marked as barred by a tag of at least one of these target groups."""
    return frozenset(id for group in groups for id in group.barred)


def unhealthy(group: Group, members: Mapping[str, str], port: int) -> dict[str, Health]:
    """Return node -> health for each node whose target in this target group is not ``healthy``.

    The nodes are in the order of ``members``. If a node has no target in the group, its health is NOT_REGISTERED.

    + members: node -> id of the node's target
    + port: port of the color
    """
    found = {name: group.targets.get(Target(id, port), NOT_REGISTERED) for name, id in members.items()}
    return {name: health for name, health in found.items() if health.state != "healthy"}


def refusal(color: Color, found: Mapping[str, Health], members: Mapping[str, str], port: int) -> str:
    """Return an error message of one line: a color must not get traffic, because some of its targets are unhealthy.

    The ALB itself would not refuse the traffic. If all targets of a target group are unhealthy, the ALB sends requests
    to all of them (fail open).

    + color: the color that must not get traffic
    + found: node -> health of the node's target, from ``unhealthy``
    + members: node -> id of the node's target
    + port: port of the color
    """
    lines = [f"{name} ({Target(members[name], port)}) is {health}" for name, health in found.items()]
    return f"{color} must not get traffic: {'; '.join(lines)}"


def draining(groups: Iterable[Group], members: Mapping[str, str]) -> tuple[str, ...]:
    """Return the nodes that have a draining target in at least one of the target groups.

    + members: node -> id of the node's target
    """
    leaving = {target.id for group in groups for target, health in group.targets.items() if health.state == DRAINING}
    return tuple(name for name, id in members.items() if id in leaving)


def problems(groups: Mapping[Color, Group], members: Mapping[str, str], ports: Ports, sticky: bool) -> tuple[str, ...]:
    """Return the reasons why no run may begin, one line for each; empty if a run may begin.

    The lines name, in this order:

    * nodes that are missing in a target group, and targets that should not be registered;
    * settings that differ between the two target groups;
    * stickiness settings that do not work while two target groups share the traffic by weights.

    + groups: color -> target group of the color
    + members: node -> id of the node's target, for all nodes of the inventory
    + ports: ports of the colors
    + sticky: whether the listener rule keeps a client on one color (group stickiness)
    """
    kept_out = barred(groups.values())
    found = [line for color in Color for line in _members(groups[color], members, ports, kept_out)]
    return (*found, *_differences(groups[Color.blue], groups[Color.green]), *_stickiness(groups.values(), sticky))


def _members(group: Group, members: Mapping[str, str], ports: Ports, kept_out: frozenset[str]) -> Iterable[str]:
    color, port = group.color, ports.of(group.color)
    leaving = {target for target in group.targets if target not in group.registered}
    for name, id in members.items():
        there = Target(id, port) in group.registered
        if id in kept_out:
            if there:
                yield (
                    f"{color}: {name} ({id}) is registered although the tag {BARRED}{id} says that the node is barred: "
                    "deregister the node, or remove the tag"
                )
        elif not there and Target(id, port) not in leaving:
            yield f"{color}: {name} ({id}:{port}) is not registered in {_name(group)}: register {id}"
    expected = {Target(id, port) for id in members.values()}
    for target in sorted(group.registered - expected):
        owner = next((name for name, id in members.items() if id == target.id), None)
        if owner is None:
            yield (
                f"{color}: {target} is registered in {_name(group)}, but no node of the inventory has this "
                "target: deregister the target, or add the node to the inventory"
            )
        else:
            yield (
                f"{color}: {owner} is registered in {_name(group)} with port {target.port}, "
                f"but the port of {color} is {port}: deregister {target}"
            )


def _differences(blue: Group, green: Group) -> Iterable[str]:
    for key in SAME_SETTINGS:
        if blue.settings.get(key) != green.settings.get(key):
            yield f"{key} is {blue.settings.get(key)} in blue's target group and {green.settings.get(key)} in green's"
    for key in sorted({*blue.attributes, *green.attributes}):
        if blue.attributes.get(key) != green.attributes.get(key):
            yield (
                f"attribute {key} is {blue.attributes.get(key)} in blue's target group "
                f"and {green.attributes.get(key)} in green's"
            )
    for group in (blue, green):
        if group.settings.get("HealthCheckEnabled") is False:
            yield (
                f"{group.color}: health checks of {_name(group)} are off, so the health of its targets is unknown: "
                "turn the health checks on"
            )


def _stickiness(groups: Iterable[Group], sticky: bool) -> Iterable[str]:
    for group in groups:
        if group.attributes.get("stickiness.enabled") != "true":
            continue
        if group.attributes.get("stickiness.type") == "app_cookie":
            yield f"{group.color}: app_cookie does not work with weighted target groups: use lb_cookie"
        elif not sticky:
            yield (
                f"{group.color}: target stickiness is on while the rule's group stickiness is off: AWS refuses to "
                "change such a rule; turn group stickiness on, or target stickiness off"
            )


def _name(group: Group) -> str:
    return group.arn.split("/")[1] if "/" in group.arn else group.arn
