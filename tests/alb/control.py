"""The control plane: moto's, made as strict as AWS is and with targets that have a health state.

moto 5.2.5 calls every target healthy, keys targets by address alone, takes any weight, and knows neither draining nor a
group that is in no rule. What AWS does instead is documented, or was met by others; docs/aws.md says which.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from unittest.mock import patch

from moto.cloudwatch.models import CloudWatchBackend
from moto.elbv2.exceptions import ELBClientError, TargetGroupNotFoundError
from moto.elbv2.models import ELBv2Backend, FakeAction, FakeHealthStatus, FakeTargetGroup
from moto.elbv2.responses import ELBV2Response
from werkzeug.exceptions import HTTPException

from tests.alb.metrics import Metrics

REGION = "eu-central-1"


class Member(NamedTuple):
    id: str
    port: int


class State(NamedTuple):
    """The health of a target, as DescribeTargetHealth describes it."""

    state: str
    reason: str | None = None
    description: str | None = None


HEALTHY = State("healthy")
INITIAL = State("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
NOT_IN_USE = State(
    "unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"
)
NOT_REGISTERED = State("unused", "Target.NotRegistered", "Target is not registered to the target group")
DRAINING = State("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")


@dataclass
class Control:
    """State of the control plane that moto does not keep.

    + health: gives the health of a registered target of a group in use; the default looks into ``states``, else healthy
    + states: group ARN and member -> its health
    + shape: how a rule with a single target group is answered: ``arn``, ``config`` or ``both``
    + calls: names of the calls that changed something, in their order
    + expired: whether the token has expired, so that every call is refused
    """

    health: Callable[[str, Member], State] | None = None
    states: dict[tuple[str, Member], State] = field(default_factory=dict)
    shape: str = "both"
    metrics: Metrics = field(default_factory=Metrics)
    calls: list[str] = field(default_factory=list)
    expired: bool = False
    clock: Callable[[], float] = time.monotonic
    draining: dict[str, dict[Member, float]] = field(default_factory=dict)

    def state_of(self, backend: ELBv2Backend, group: FakeTargetGroup, member: Member) -> State:
        if member in self._draining(group):
            return DRAINING
        if member not in _registered(group):
            return NOT_REGISTERED
        if not in_use(backend, group.arn):
            return NOT_IN_USE
        if self.health:
            return self.health(group.arn, member)
        return self.states.get((group.arn, member), HEALTHY)

    def _draining(self, group: FakeTargetGroup) -> list[Member]:
        left = {member: end for member, end in self.draining.get(group.arn, {}).items() if end > self.clock()}
        self.draining[group.arn] = left
        return list(left)

    def register(self, group: FakeTargetGroup, targets: Sequence[Mapping[str, Any]]) -> None:
        self.calls.append("register")
        for member in _members(group, targets):
            _registered(group)[member] = {"Id": member.id, "Port": member.port}
            self.draining.get(group.arn, {}).pop(member, None)

    def deregister(self, group: FakeTargetGroup, targets: Sequence[Mapping[str, Any]]) -> None:
        self.calls.append("deregister")
        delay = float(str(group.attributes["deregistration_delay.timeout_seconds"]))
        for member in _members(group, targets):
            # removing a missing target does no harm
            if _registered(group).pop(member, None):
                self.draining.setdefault(group.arn, {})[member] = self.clock() + delay

    def describe(self, backend: ELBv2Backend, arn: str, targets: Sequence[Mapping[str, Any]]) -> list[FakeHealthStatus]:
        group = backend.target_groups.get(arn)
        if group is None:
            raise TargetGroupNotFoundError
        members = _members(group, targets) if targets else [*_registered(group), *self._draining(group)]
        port: Any = group.health_check_port
        return [
            FakeHealthStatus(member.id, str(member.port), port, *self.state_of(backend, group, member))
            for member in members
        ]

    @contextmanager
    def corrected(self) -> Iterator[None]:
        """moto with these corrections, for the duration of the context."""
        create_rule, modify_rule = ELBv2Backend.create_rule, ELBv2Backend.modify_rule
        create_listener, modify_listener = ELBv2Backend.create_listener, ELBv2Backend.modify_listener
        attributes = ELBv2Backend.modify_target_group_attributes
        get_metric_data = CloudWatchBackend.get_metric_data
        authorize = ELBV2Response._authenticate_and_authorize_normal_action

        def authorized(response: ELBV2Response, resource: str) -> None:
            if self.expired:
                raise ExpiredToken
            authorize(response, resource)

        def after(backend: ELBv2Backend) -> None:
            for rule in _rules(backend):
                rule.actions = [FakeAction(_told(action.data, self.shape)) for action in rule.actions]
            for group in backend.target_groups.values():
                group.load_balancer_arns = _balancers(backend, group.arn)

        def created_rule(backend: ELBv2Backend, **given: Any) -> Any:
            validate(backend, given["actions"])
            rule = create_rule(backend, **given)
            after(backend)
            return rule

        def modified_rule(backend: ELBv2Backend, rule_arn: str, conditions: Any, actions: Any) -> Any:
            self.calls.append("modify_rule")
            if any(rule.arn == rule_arn and rule.is_default for rule in _rules(backend)):
                raise ELBClientError("OperationNotPermitted", f"Default rule '{rule_arn}' cannot be modified")
            validate(backend, actions)
            rule = modify_rule(backend, rule_arn, conditions, actions)
            after(backend)
            return rule

        def created_listener(backend: ELBv2Backend, **given: Any) -> Any:
            validate(backend, given["actions"])
            listener = create_listener(backend, **given)
            after(backend)
            return listener

        def modified_listener(backend: ELBv2Backend, **given: Any) -> Any:
            validate(backend, given.get("actions") or [])
            listener = modify_listener(backend, **given)
            after(backend)
            return listener

        def modified_attributes(backend: ELBv2Backend, target_group_arn: str, given: dict[str, Any]) -> None:
            if given.get("stickiness.enabled") == "true" and _unsticky(backend, target_group_arn):
                raise ELBClientError("InvalidConfigurationRequest", STICKY_TARGETS)
            attributes(backend, target_group_arn, given)

        def metric_data(backend: CloudWatchBackend, queries: Any, start_time: Any, end_time: Any, **given: Any) -> Any:
            ours = [query for query in queries if Metrics.knows(query)]
            others = [query for query in queries if not Metrics.knows(query)]
            found = get_metric_data(backend, others, start_time, end_time, **given) if others else []
            return [*found, *(self.metrics.answer(query, start_time, end_time) for query in ours)]

        corrections: list[tuple[type, str, Callable[..., Any]]] = [
            (ELBV2Response, "_authenticate_and_authorize_normal_action", authorized),
            (FakeTargetGroup, "register", lambda group, targets: self.register(group, targets)),
            (FakeTargetGroup, "deregister", lambda group, targets: self.deregister(group, targets)),
            (ELBv2Backend, "describe_target_health", lambda backend, arn, ids: self.describe(backend, arn, ids)),
            (ELBv2Backend, "create_rule", created_rule),
            (ELBv2Backend, "modify_rule", modified_rule),
            (ELBv2Backend, "create_listener", created_listener),
            (ELBv2Backend, "modify_listener", modified_listener),
            (ELBv2Backend, "modify_target_group_attributes", modified_attributes),
            (CloudWatchBackend, "get_metric_data", metric_data),
        ]
        with ExitStack() as stack:
            for owner, name, correction in corrections:
                stack.enter_context(patch.object(owner, name, correction))
            yield


class ExpiredToken(HTTPException):
    """How AWS answers every call after the token has expired."""

    code = 403
    description = (
        "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code>"
        "<Message>The security token included in the request is expired</Message></Error></ErrorResponse>"
    )


STICKY_TARGETS = (
    "This target group appears behind a rule with group stickiness disabled. "
    "You must enable group stickiness before enabling target stickiness."
)


def validate(backend: ELBv2Backend, actions: Sequence[Mapping[str, Any]]) -> None:
    """Refuse the action lists that AWS refuses and moto accepts."""
    for action in actions:
        if action["Type"] == "authenticate-oidc":
            config = action["AuthenticateOidcConfig"]
            if "ClientSecret" not in config and not config.get("UseExistingClientSecret"):
                raise ELBClientError(
                    "ValidationError", "ClientSecret is missing, and UseExistingClientSecret is not set"
                )
        if action["Type"] != "forward":
            continue
        config = action.get("ForwardConfig") or {}
        tuples = config.get("TargetGroups", [])
        arns = [one["TargetGroupArn"] for one in tuples]
        alone = action.get("TargetGroupArn")
        if alone and tuples and arns != [alone]:
            raise ELBClientError("InvalidLoadBalancerAction", "TargetGroupArn and ForwardConfig differ")
        if not alone and not 1 <= len(arns) <= 5:
            raise ELBClientError("TooManyTargetGroups", f"{len(arns)} target groups in an action: 1 to 5")
        if len(set(arns)) != len(arns):
            raise ELBClientError("ValidationError", "A target group is specified twice")
        for arn in {*arns, *([alone] if alone else [])}:
            if arn not in backend.target_groups:
                raise TargetGroupNotFoundError
        # a target group without a weight would get 1
        weights = [int(one.get("Weight", 1)) for one in tuples]
        if any(not 0 <= weight <= 999 for weight in weights) or (weights and not any(weights)):
            raise ELBClientError("ValidationError", f"Weights {weights}: 0 to 999, not all 0")
        stickiness = config.get("TargetGroupStickinessConfig") or {}
        sticky = bool(stickiness.get("Enabled"))
        if sticky and not 1 <= int(stickiness.get("DurationSeconds", 0)) <= 604_800:
            raise ELBClientError("ValidationError", "DurationSeconds must be 1 to 604800")
        on = [arn for arn in arns if backend.target_groups[arn].attributes["stickiness.enabled"] == "true"]
        if on and len(arns) > 1 and not sticky:
            raise ELBClientError("InvalidConfigurationRequest", STICKY_TARGETS)


def in_use(backend: ELBv2Backend, arn: str) -> bool:
    return bool(_balancers(backend, arn))


def _balancers(backend: ELBv2Backend, arn: str) -> list[str]:
    found = []
    for balancer in backend.load_balancers.values():
        rules = [rule for listener in balancer.listeners.values() for rule in listener.rules.values()]
        if any(arn in arns_of(action.data) for rule in rules for action in rule.actions):
            found.append(balancer.arn)
    return found


def _rules(backend: ELBv2Backend) -> list[Any]:
    return [
        rule
        for balancer in backend.load_balancers.values()
        for listener in balancer.listeners.values()
        for rule in listener.rules.values()
    ]


def arns_of(action: Mapping[str, Any]) -> list[str]:
    """The target groups that an action names."""
    config = action.get("ForwardConfig") or {}
    named = [str(one["TargetGroupArn"]) for one in config.get("TargetGroups", [])]
    return named or ([str(action["TargetGroupArn"])] if action.get("TargetGroupArn") else [])


def _unsticky(backend: ELBv2Backend, arn: str) -> bool:
    """Whether a group is one of several in a rule without group stickiness."""
    for rule in _rules(backend):
        for action in rule.actions:
            arns = arns_of(action.data)
            config = (action.data.get("ForwardConfig") or {}).get("TargetGroupStickinessConfig") or {}
            if arn in arns and len(arns) > 1 and not config.get("Enabled"):
                return True
    return False


def _told(action: Mapping[str, Any], shape: str) -> dict[str, Any]:
    """An action as AWS answers it: no secret, and a single target group in one of three shapes."""
    told = deepcopy(dict(action))
    if told["Type"] == "authenticate-oidc":
        for secret in ("ClientSecret", "UseExistingClientSecret"):
            told["AuthenticateOidcConfig"].pop(secret, None)
    arns = arns_of(told) if told["Type"] == "forward" else []
    if len(arns) == 1:
        config = told.get("ForwardConfig") or {"TargetGroups": [{"TargetGroupArn": arns[0], "Weight": 1}]}
        told |= {"TargetGroupArn": arns[0], "ForwardConfig": config}
        if shape != "both":
            del told["ForwardConfig" if shape == "arn" else "TargetGroupArn"]
    return told


def _registered(group: FakeTargetGroup) -> dict[Member, dict[str, Any]]:
    """moto's own dictionary, in which the key is the address alone."""
    registered: Any = group.targets
    return registered  # type: ignore[no-any-return]


def _members(group: FakeTargetGroup, targets: Sequence[Mapping[str, Any]]) -> list[Member]:
    return [Member(str(target["Id"]), int(target.get("Port") or group.port)) for target in targets]


@dataclass(frozen=True)
class Names:
    """ARNs of a load balancer that was set up."""

    balancer: str
    listener: str
    default_rule: str
    rule: str
    blue: str
    green: str


class Network(NamedTuple):
    """A VPC and the ids of its subnets."""

    vpc: str
    subnets: list[str]


def network_of(ec2: Any) -> Network:
    """A network of two zones. moto takes a second for it."""
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    zones = enumerate(f"{REGION}{zone}" for zone in "ab")
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.77.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for number, zone in zones
    ]
    return Network(vpc, subnets)


def set_up(
    elb: Any,
    network: Network,
    members: Sequence[str],
    blue: int = 8081,
    green: int = 8082,
    stickiness: int = 0,
    check: Mapping[str, Any] | None = None,
    drain: int = 300,
) -> Names:
    """A load balancer with two target groups in a rule, all traffic to blue, as docs/aws.md says.

    + elb: a client
    + members: ids of the targets, in both groups
    + blue, green: ports
    + stickiness: seconds, 0 for none
    + check: of the targets, as for CreateTargetGroup
    + drain: seconds that a deregistered target drains
    """
    balancer = elb.create_load_balancer(Name="web", Subnets=network.subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    groups = []
    for name, port in (("web-blue", blue), ("web-green", green)):
        settings = {"HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 5, "HealthyThresholdCount": 2}
        arn = elb.create_target_group(
            Name=name, Protocol="HTTP", Port=port, VpcId=network.vpc, TargetType="ip", **{**settings, **(check or {})}
        )["TargetGroups"][0]["TargetGroupArn"]
        elb.modify_target_group_attributes(
            TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": str(drain)}]
        )
        elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": id, "Port": port} for id in members])
        groups.append(arn)
    fallback = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
    listener = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[fallback])[
        "Listeners"
    ][0]["ListenerArn"]
    sticky = {"Enabled": True, "DurationSeconds": stickiness} if stickiness else {"Enabled": False}
    weights = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in zip(groups, (100, 0), strict=True)]
    rule = elb.create_rule(
        ListenerArn=listener,
        Priority=100,
        Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
        Actions=[
            {"Type": "forward", "ForwardConfig": {"TargetGroups": weights, "TargetGroupStickinessConfig": sticky}}
        ],
    )["Rules"][0]["RuleArn"]
    rules = elb.describe_rules(ListenerArn=listener)["Rules"]
    default = next(rule["RuleArn"] for rule in rules if rule["IsDefault"])
    return Names(balancer, listener, default, rule, groups[0], groups[1])
