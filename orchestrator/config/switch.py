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
        description="URLs of all addresses of the switch, as the operator's machine reaches them; each is "
        "verified after a shift",
    )
    quiet: Duration = Field(
        0.0, ge=0, le=600, description="time for which the old color must have had no request before a run changes it"
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
    """HTTPS at the balancer, with TLS 1.2 and later. You own the certificate and key, and renew them."""

    listen: int = Field(
        443, ge=1, le=65535, description="port of https; plain http stays at the port `listen` of the switch"
    )
    certificate: str = Field(
        pattern=PATH,
        description="path on the balancer of the file with the certificate and its chain (PEM); root reads the file",
    )
    key: str | None = Field(
        None,
        pattern=PATH,
        description="path on the balancer of the private key; default: the file of `certificate` has the key",
    )
    http2: bool = Field(True, description="whether clients may use HTTP/2 as well as HTTP/1.1")
    redirect: bool = Field(
        False, description="whether plain http is redirected to https (status 308), except for `gate.path`"
    )


class Sticky(Section):
    """A client stays on the node that answered its first request, whichever color has the traffic."""

    cookie: str = Field(pattern=COOKIE, description="name of the cookie that the balancer sets")


class BalancerSwitch(Switch):
    """A load balancer that provisioning sets up, on all hosts of one inventory group."""

    group: str = Field(min_length=1, description="inventory group of the balancers")
    listen: int = Field(80, ge=1, le=65535, description="port on which the balancer answers")
    tls: Tls | None = Field(None, description="https in addition to plain http; default: only plain http")
    sticky: Sticky | None = Field(None, description="settings to keep a client on its node; default: any node answers")
    split: Literal["request", "client"] = Field(
        "request",
        description="what a weight divides between the colors: requests, or clients. With `client` each "
        "client sees one color, and changes its color at most once while the weight rises",
    )
    split_cookie: str | None = Field(
        None,
        pattern=COOKIE,
        description="only with split `client`: name of the cookie that identifies a client. Default: the "
        "client's address, which is also used for clients without the cookie",
    )
    record_mb: int = Field(
        16,
        ge=1,
        le=1024,
        description="size in MiB of the balancer's record of requests, which the comparison of the colors reads",
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
    """HAProxy: a shift changes the weight through the Runtime API, without a reload."""

    kind: Literal["haproxy"]
    log: str = Field(
        "/dev/log local0",
        pattern=r"^[^\s\"'\\#]+( len \d+)?( format \w+)? \w+$",
        description="target and facility (as for HAProxy's directive `log`) to which failed requests are logged",
    )


class NginxSwitch(BalancerSwitch):
    """nginx as a balancer: a shift changes a symlink whose target's name is the weight, without a reload."""

    kind: Literal["nginx"]
    access_log: str = Field(
        "/var/log/nginx/access.log",
        pattern=r"^(off|[/s][^;{}\n]*)$",
        description="argument of nginx's directive `access_log`: a path or `off`. This log is separate from "
        "the record of requests",
    )


class NodeSwitch(Switch):
    """No balancer: each node's nginx follows its ``live`` link, and all nodes rename their links at one instant."""

    kind: Literal["node"]
    urls: list[str] = Field(
        min_length=1, description="URLs of the live ports of all nodes, as the operator's machine reaches them"
    )
    lead: Duration = Field(
        3.0,
        gt=0,
        le=60,
        description="time from the beginning of arming until all nodes rename their links, plus 0.01 s for "
        "each node. All nodes must be armed within this time",
    )
    window: Duration = Field(
        0.5,
        gt=0,
        le=10,
        description="longest delay after the agreed instant: a node that wakes up later does not rename its link",
    )
    clocks: Duration = Field(
        0.1,
        gt=0,
        le=10,
        description="largest difference between the clocks of the nodes; if they differ by more, the run is refused",
    )
    weighted: ClassVar[bool] = False


ELB = r"^arn:[a-z-]+:elasticloadbalancing:[a-z0-9-]+:\d{12}:"


class AlbSwitch(Switch, Aws):
    """An AWS Application Load Balancer: a listener rule, not the default one, with two target groups (docs/aws.md)."""

    kind: Literal["alb"]
    name: str = Field("alb", pattern=r"^[a-z][a-z0-9-]{0,30}$", description="name of this switch in plan and report")
    rule: str = Field(
        pattern=ELB + r"listener-rule/app/",
        description="ARN of the listener rule, which must not be the listener's default rule",
    )
    blue: str = Field(pattern=ELB + "targetgroup/", description="ARN of blue's target group")
    green: str = Field(pattern=ELB + "targetgroup/", description="ARN of green's target group")
    region: str | None = Field(None, min_length=1, description="AWS region; default: the region in the ARN of `rule`")
    quiet: Duration = Field(
        5.0, ge=0, le=600, description="time for which the old color must have had no request before a run changes it"
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
