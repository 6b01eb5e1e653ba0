"""The switches, which decide which color gets traffic: one section per kind of switch."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, ValidationInfo, model_validator

from orchestrator.config.aws import Aws
from orchestrator.config.duration import Duration
from orchestrator.config.section import Section

GROUP = "orchestrator.switches"
"""Entry point group by which a package adds a kind: name = kind, object = a class of ``switches.base``."""


class Switch(Section):
    """The base of every kind of switch. Several switches move together."""

    kind: str
    urls: list[str] = Field(
        min_length=1,
        description="every address of the switch, as the operator's machine reaches it; verified after a switch",
    )
    quiet: Duration = Field(
        0.0, ge=0, le=600, description="how long the old color has to have been without a request before it is touched"
    )
    weighted: ClassVar[bool] = True
    """Whether the switch can split traffic; otherwise its only weights are 0 and 100."""

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_kind(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Turn a dictionary into the section of the kind that it names."""
        if cls is not Switch or not isinstance(data, Mapping):
            return handler(data)
        kind = data.get("kind")
        section = section_of(str(kind))
        if section is None:
            raise ValueError(f"there is no kind {kind!r} of switch: it is {', '.join(SECTIONS)}")
        return section.model_validate(data)  # type: ignore[return-value]


PATH = r"^/[A-Za-z0-9._@+/-]+$"
COOKIE = r"^[A-Za-z][A-Za-z0-9_]*$"


class Tls(Section):
    """TLS 1.2 and later at the balancer. Certificate and key are the operator's own, who also renews them."""

    listen: int = Field(443, ge=1, le=65535, description="port of https; plain http stays where it is")
    certificate: str = Field(
        pattern=PATH, description="path on the balancer: the certificate and its chain, PEM; read as root"
    )
    key: str | None = Field(
        None, pattern=PATH, description="path of the private key; default: the key is in the certificate's file"
    )
    http2: bool = Field(True, description="HTTP/2 as well as HTTP/1.1")
    redirect: bool = Field(False, description="redirect plain http to https (308), except for `gate.path`")


class Sticky(Section):
    """A client stays on the node that first answered it, whichever color has the traffic."""

    cookie: str = Field(pattern=COOKIE, description="name of the cookie that the balancer sets")


class BalancerSwitch(Switch):
    """A load balancer that provisioning sets up, on all hosts of one inventory group."""

    group: str = Field(min_length=1, description="inventory group of the balancers")
    listen: int = Field(80, ge=1, le=65535, description="port on which the balancer answers")
    tls: Tls | None = Field(None, description="https as well; without it only plain http")
    sticky: Sticky | None = Field(None, description="clients stay on their node; without it any node answers")
    split: Literal["request", "client"] = Field(
        "request",
        description="whether a weight splits requests or clients. A client then sees one color, and changes color at "
        "most once while a weight rises",
    )
    split_cookie: str | None = Field(
        None,
        pattern=COOKIE,
        description="with split `client`: cookie that identifies a client; without a cookie, its address does",
    )
    record_mb: int = Field(
        16, ge=1, le=1024, description="size of its own record of requests, from which the colors are compared"
    )

    @property
    def listens(self) -> list[int]:
        """The ports for users' requests."""
        return [self.listen] + ([self.tls.listen] if self.tls else [])

    @model_validator(mode="after")
    def _balancer_is_right(self) -> Self:
        if len(set(self.listens)) != len(self.listens):
            raise ValueError("tls.listen: plain http has this port")
        if self.split_cookie and self.split != "client":
            raise ValueError('split_cookie: only with split = "client"')
        return self


class HAProxySwitch(BalancerSwitch):
    """HAProxy: the Runtime API sets weights, without a reload."""

    kind: Literal["haproxy"]
    log: str = Field(
        "/dev/log local0",
        pattern=r"^[^\s\"'\\#]+( len \d+)?( format \w+)? \w+$",
        description="log of failed requests: target and facility of HAProxy's `log`",
    )


class NginxSwitch(BalancerSwitch):
    """nginx as a balancer: a link's target sets the weight, without a reload."""

    kind: Literal["nginx"]
    access_log: str = Field(
        "/var/log/nginx/access.log",
        pattern=r"^(off|[/s][^;{}\n]*)$",
        description="nginx's ordinary `access_log`, which the record does not replace",
    )


class NodeSwitch(Switch):
    """No balancer: each node's own nginx follows its ``live`` link, and all links swap at one agreed instant."""

    kind: Literal["node"]
    urls: list[str] = Field(
        min_length=1, description="the live port of every node, as the operator's machine reaches it"
    )
    lead: Duration = Field(
        3.0,
        gt=0,
        le=60,
        description="time from arming the nodes to the swap, plus 0.01 s for each node; all must be armed by then",
    )
    window: Duration = Field(
        0.5, gt=0, le=10, description="a node that is late by more than this, because it was frozen, does not swap"
    )
    clocks: Duration = Field(0.1, gt=0, le=10, description="the run is refused if clocks are further apart")
    weighted: ClassVar[bool] = False


ELB = r"^arn:[a-z-]+:elasticloadbalancing:[a-z0-9-]+:\d{12}:"


class AlbSwitch(Switch, Aws):
    """An AWS Application Load Balancer: two target groups that never leave one non-default rule (docs/aws.md)."""

    kind: Literal["alb"]
    name: str = Field("alb", pattern=r"^[a-z][a-z0-9-]{0,30}$", description="name of the switch in plan and report")
    rule: str = Field(pattern=ELB + r"listener-rule/app/", description="ARN of the listener rule (not the default one)")
    blue: str = Field(pattern=ELB + "targetgroup/", description="ARN of blue's target group")
    green: str = Field(pattern=ELB + "targetgroup/", description="ARN of green's target group")
    region: str | None = Field(None, min_length=1, description="AWS region; default the region in the rule's ARN")
    quiet: Duration = Field(
        5.0, ge=0, le=600, description="how long the old color has to have been without a request before it is touched"
    )

    @model_validator(mode="after")
    def _one_place(self) -> AlbSwitch:
        if self.blue == self.green:
            raise ValueError("blue and green need two different target groups")
        # account and region
        places = {tuple(arn.split(":")[3:5]) for arn in (self.rule, self.blue, self.green)}
        if len(places) != 1 or (self.region or self.rule.split(":")[3]) != self.rule.split(":")[3]:
            raise ValueError("rule, blue, green and region must be of one account and region")
        return self


SECTIONS: dict[str, type[Switch]] = {
    "haproxy": HAProxySwitch,
    "nginx": NginxSwitch,
    "node": NodeSwitch,
    "alb": AlbSwitch,
}


def section_of(kind: str) -> type[Switch] | None:
    """The section of a kind, from this package or else from an installed package's entry point; None if unknown."""
    if kind in SECTIONS:
        return SECTIONS[kind]
    found = next(iter(entry_points(group=GROUP, name=kind)), None)
    return found.load().section if found else None
