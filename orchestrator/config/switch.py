"""The settings of the switches, which decide which color gets traffic. Each kind of switch has its own section."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, ValidationInfo, field_validator, model_validator

from orchestrator.config.aws import Aws
from orchestrator.config.duration import Duration
from orchestrator.config.form import form, nearest, newly
from orchestrator.config.names import Cookie, name_of
from orchestrator.config.paths import HostFile, no_log
from orchestrator.config.section import Section
from orchestrator.errors import UsageError
from orchestrator.probe.url import read

GROUP = "orchestrator.switches"
"""Name of the entry point group for kinds of switches that other packages add.

The name of an entry point is the name of the kind. The entry point names a subclass of ``Balancer`` or ``Api``
(``switches.base``).
"""


class Switch(Section):
    """The base of the sections of all kinds of switch. If there are several switches, all shift at the same time."""

    kind: str
    urls: list[str] = Field(
        min_length=1,
        description="URLs of the switch, as the operator's machine reaches them. List all addresses of the switch, "
        "because the stage `verify` checks each of them after a shift",
    )
    quiet: Duration = Field(
        0.0,
        ge=0,
        le=600,
        description="a run changes the idle color only after this color has had no request for this time",
    )
    weighted: ClassVar[bool] = True
    """Whether the switch can split traffic between the colors. If not, a color gets either all traffic or none."""
    has_page: ClassVar[bool] = False
    """Whether the switch can show the page of the setting ``maintenance``."""

    @field_validator("urls")
    @classmethod
    def _can_be_requested(cls, urls: list[str]) -> list[str]:
        for url in urls:
            try:
                read(url)
            except UsageError as error:
                raise ValueError(str(error)) from None
        return urls

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_kind(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Validate a dictionary. The key ``kind`` of the dictionary selects the section class that validates it.

        Raises ValueError if the kind is unknown.
        """
        if cls is not Switch or not isinstance(data, Mapping):
            return handler(data)
        kind = data.get("kind")
        section = section_of(str(kind))
        if section is None:
            if kind is None:
                raise ValueError(f"kind is missing: set kind to one of {', '.join(SECTIONS)}")
            near = nearest(str(kind).lower(), SECTIONS)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(SECTIONS)}"
            raise ValueError(f"there is no kind {kind!r} of switch ({hint})")
        return section.model_validate(data, context=info.context)  # type: ignore[return-value]


class Tls(Section):
    """HTTPS at the balancer, with TLS 1.2 or later. You install and renew the certificate and the key."""

    listen: int = Field(
        443,
        ge=1,
        le=65535,
        description="port at which the balancer answers https. The switch's `listen` is the port of plain http",
    )
    certificate: HostFile = Field(
        description="path on the balancer of the PEM file with the certificate and its chain. root must be able to "
        "read the file",
    )
    key: HostFile | None = Field(
        None,
        description="path on the balancer of the PEM file with the private key; default: the private key is in the "
        "file `certificate`",
    )
    http2: bool = Field(True, description="whether clients may use HTTP/2 as well as HTTP/1.1")
    redirect: bool = Field(
        False, description="whether plain http is redirected to https (status 308), except for `/.orchestrator/health`"
    )


class Sticky(Section):
    """Keeps each client on the node that answered the client's first request, whichever color has the traffic."""

    cookie: Cookie = Field(description="name of the cookie that the balancer sets")


class BalancerSwitch(Switch):
    """A load balancer that provisioning sets up, on all hosts of one inventory group."""

    group: str = Field(min_length=1, description="inventory group of the balancers")
    listen: int = Field(80, ge=1, le=65535, description="port at which the balancer answers plain http")
    tls: Tls | None = Field(None, description="https, in addition to plain http; default: only plain http")
    sticky: Sticky | None = Field(
        None, description="keeps each client on one node; default: any node may answer a client's next request"
    )
    split: Literal["request", "client"] = Field(
        "request",
        description="what is divided between the colors while both have a weight above 0. `request`: the balancer "
        "chooses a color for each request. `client`: the balancer chooses a color for each client, and a client "
        "changes its color at most once while the weight rises",
    )
    split_cookie: Cookie | None = Field(
        None,
        description="only with split `client`: name of the cookie that identifies a client. A client without this "
        "cookie is identified by its IP address. Default: all clients are identified by their IP addresses",
    )
    record_mb: int = Field(
        16,
        ge=1,
        le=1024,
        description="size in MiB of the record of requests on the balancer. The comparison of the colors reads this "
        "record",
    )

    @property
    def listens(self) -> list[int]:
        """The ports on which the balancer answers users: the port of http and, with ``tls``, the port of https."""
        return [self.listen] + ([self.tls.listen] if self.tls else [])

    @model_validator(mode="after")
    def _balancer_is_right(self) -> Self:
        if len(set(self.listens)) != len(self.listens):
            raise ValueError("tls.listen: plain http (listen) already uses this port: choose another port")
        if self.split_cookie and self.split != "client":
            raise ValueError('split_cookie needs split = "client": set split, or remove split_cookie')
        return self


LOG = form(
    r"[^\s\"'\\#]+( len \d+)?( format \w+)? \w+",
    "the target and the facility of a log",
    "write both as in HAProxy's directive log, such as /dev/log local0",
)
ACCESS_LOG = form(
    r"off|(/|syslog:)[^;{}]*",
    "the argument of nginx's directive access_log",
    "write a path, or off, without the characters ; { }",
)


class HAProxySwitch(BalancerSwitch):
    """HAProxy: a shift changes the weight through the Runtime API, without a reload."""

    kind: Literal["haproxy"]
    has_page: ClassVar[bool] = True
    log: Annotated[str, LOG] = Field(
        "/dev/log local0",
        description="target and facility of the log of failed requests, as in HAProxy's directive `log`",
    )


class NginxSwitch(BalancerSwitch):
    """nginx as a balancer: a symlink gives the weight, and a shift changes this symlink, without a reload."""

    kind: Literal["nginx"]
    has_page: ClassVar[bool] = True
    access_log: Annotated[str, ACCESS_LOG, newly(no_log)] = Field(
        "/var/log/nginx/access.log",
        description="argument of nginx's directive `access_log`: a path, or `off`. The record of requests "
        "(`record_mb`) is a different file",
    )


class NodeSwitch(Switch):
    """No balancer: each node's nginx follows its ``live`` link, and all nodes change their links at one instant."""

    kind: Literal["node"]
    urls: list[str] = Field(
        min_length=1, description="URLs of the live ports of all nodes, as the operator's machine reaches them"
    )
    lead: Duration = Field(
        3.0,
        gt=0,
        le=60,
        description="time for arming all nodes. All nodes change their `live` links at one instant: the beginning of "
        "arming, plus `lead`, plus 0.01 s for each node. If a node is not armed by this instant, the run fails and is "
        "undone",
    )
    window: Duration = Field(
        0.5,
        gt=0,
        le=10,
        description="longest accepted delay of a node. If a node is frozen at the instant of the change and wakes up "
        "later than this time, the node does not change its link, and the run is undone",
    )
    clocks: Duration = Field(
        0.1,
        gt=0,
        le=10,
        description="largest accepted difference between the clocks of two nodes. If the difference is larger, the run "
        "fails before any traffic moves",
    )
    weighted: ClassVar[bool] = False


ELB = r"arn:[a-z-]+:elasticloadbalancing:[a-z0-9-]+:\d{12}:"
RULE = form(
    ELB + r"listener-rule/app/\S+",
    "the ARN of a listener rule of an Application Load Balancer",
    "copy the ARN from AWS: arn:aws:elasticloadbalancing:REGION:ACCOUNT:listener-rule/app/...",
)
TARGET_GROUP = form(
    ELB + r"targetgroup/\S+",
    "the ARN of a target group",
    "copy the ARN from AWS: arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/...",
)


class AlbSwitch(Switch, Aws):
    """An AWS Application Load Balancer: a listener rule (not the default rule) with two target groups (docs/aws.md)."""

    kind: Literal["alb"]
    name: Annotated[str, name_of("a switch")] = Field(
        "alb", description="name of this switch in the plan and the report"
    )
    rule: Annotated[str, RULE] = Field(
        description="ARN of the listener rule that forwards to the two target groups. This rule must not be the "
        "listener's default rule",
    )
    blue: Annotated[str, TARGET_GROUP] = Field(description="ARN of blue's target group")
    green: Annotated[str, TARGET_GROUP] = Field(description="ARN of green's target group")
    region: str | None = Field(None, min_length=1, description="AWS region; default: the region in the ARN of `rule`")
    quiet: Duration = Field(
        5.0,
        ge=0,
        le=600,
        description="a run changes the idle color only after this color has had no request for this time",
    )

    @model_validator(mode="after")
    def _one_place(self) -> AlbSwitch:
        if self.blue == self.green:
            raise ValueError("blue and green need two different target groups")
        # parts 3 and 4 of an ARN are its region and its account
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
    """Return the section class of a kind of switch; None if the kind is unknown.

    The kind may be built in, or another installed package may provide the kind by an entry point.
    """
    if kind in SECTIONS:
        return SECTIONS[kind]
    found = next(iter(entry_points(group=GROUP, name=kind)), None)
    return found.load().section if found else None
