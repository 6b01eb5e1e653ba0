"""The rules and targets that the control plane has at one instant; ALB nodes work with such a snapshot."""

from __future__ import annotations

import base64
import fnmatch
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.elbv2.models import ELBv2Backend, FakeTargetGroup

from tests.alb.control import Member, arns_of

COOKIE = "AWSALBTG"


@dataclass(frozen=True)
class Group:
    """A target group and how its targets are checked."""

    arn: str
    members: tuple[Member, ...]
    path: str
    codes: str
    timeout: float
    healthy_after: int
    unhealthy_after: int

    @property
    def name(self) -> str:
        """The name that CloudWatch uses."""
        return self.arn.split(":", 5)[-1]


@dataclass(frozen=True)
class Rule:
    """Conditions (path and headers), and where requests go: weights by group, or a fixed status."""

    paths: tuple[str, ...]
    headers: tuple[tuple[str, tuple[str, ...]], ...]
    weights: tuple[tuple[str, int], ...]
    sticky: int
    status: int

    def takes(self, path: str, headers: Mapping[str, str]) -> bool:
        if self.paths and not any(fnmatch.fnmatchcase(path, pattern) for pattern in self.paths):
            return False
        return all(
            any(fnmatch.fnmatchcase(headers.get(name, ""), value) for value in values) for name, values in self.headers
        )

    def choose(self, rng: random.Random, cookie: str | None, now: float) -> str | None:
        """The group of a request; None if every weight is 0. A cookie wins over the weights, 0 included."""
        if self.sticky and cookie:
            arn, end = decoded(cookie)
            # a group that the rule no longer names cannot be chosen
            if now < end and any(arn == one for one, _ in self.weights):
                return arn
        total = sum(weight for _, weight in self.weights)
        if not total:
            return None
        point = rng.random() * total
        for arn, weight in self.weights:
            point -= weight
            if point < 0:
                return arn
        return self.weights[-1][0]


def encoded(arn: str, end: float) -> str:
    """The value of a cookie that keeps a client on a group until ``until`` (epoch seconds)."""
    return base64.urlsafe_b64encode(json.dumps([arn, end]).encode()).decode()


def decoded(cookie: str) -> tuple[str, float]:
    """Read a value that ``encoded`` made. Any other value names no group."""
    try:
        arn, end = json.loads(base64.urlsafe_b64decode(cookie))
        return str(arn), float(end)
    except (ValueError, TypeError):
        return "", 0.0


@dataclass(frozen=True)
class Snapshot:
    """The rules of a listener by priority, the default one last, and the groups that they name."""

    rules: tuple[Rule, ...] = ()
    groups: tuple[Group, ...] = ()


def taken(backend: ELBv2Backend, listener_arn: str) -> Snapshot:
    """Take the control plane's current state of one listener."""
    listener = next(
        listener
        for balancer in list(backend.load_balancers.values())
        for listener in balancer.listeners.values()
        if listener.arn == listener_arn
    )
    rules = sorted(listener.rules.values(), key=lambda rule: (rule.is_default, 0 if rule.is_default else rule.priority))
    named = [arn for rule in rules for action in rule.actions for arn in arns_of(action.data)]
    groups = tuple(_group(backend.target_groups[arn]) for arn in dict.fromkeys(named))
    return Snapshot(tuple(_rule(rule) for rule in rules), groups)


def _rule(rule: Any) -> Rule:
    paths: tuple[str, ...] = ()
    headers: list[tuple[str, tuple[str, ...]]] = []
    for condition in rule.conditions:
        if condition["Field"] == "path-pattern":
            config = condition.get("PathPatternConfig") or {}
            paths = tuple(condition.get("Values") or config.get("Values") or ())
        elif condition["Field"] == "http-header":
            config = condition["HttpHeaderConfig"]
            headers.append((config["HttpHeaderName"].lower(), tuple(config["Values"])))
        else:
            raise NotImplementedError(condition["Field"])
    action = rule.actions[-1].data
    if action["Type"] != "forward":
        status = int(action.get("FixedResponseConfig", {}).get("StatusCode", 503))
        return Rule(paths, tuple(headers), (), 0, status)
    config = action.get("ForwardConfig") or {}
    tuples = [(one["TargetGroupArn"], int(one.get("Weight", 1))) for one in config.get("TargetGroups", [])]
    stickiness = config.get("TargetGroupStickinessConfig") or {}
    sticky = int(stickiness.get("DurationSeconds", 0)) if stickiness.get("Enabled") else 0
    return Rule(paths, tuple(headers), tuple(tuples or [(action["TargetGroupArn"], 1)]), sticky, 0)


def _group(group: FakeTargetGroup) -> Group:
    members: Any = tuple(group.targets)
    return Group(
        arn=group.arn,
        members=members,
        path=group.health_check_path or "/",
        codes=str((group.matcher or {}).get("HttpCode", "200")),
        timeout=float(group.health_check_timeout_seconds),
        healthy_after=int(group.healthy_threshold_count),
        unhealthy_after=int(group.unhealthy_threshold_count),
    )
