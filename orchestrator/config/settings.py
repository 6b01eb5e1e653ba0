"""All settings of one application on one inventory, and how they are read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel, Field, SecretStr, SerializeAsAny, ValidationError, model_validator

from orchestrator.config.cutover import Comparison, CutoverStep
from orchestrator.config.drain import Drain
from orchestrator.config.duration import Duration
from orchestrator.config.gate import Gate
from orchestrator.config.hook import Hook
from orchestrator.config.journal import Journal
from orchestrator.config.limits import Deadlines, Room
from orchestrator.config.php import Php
from orchestrator.config.ports import Ports
from orchestrator.config.preview import Preview
from orchestrator.config.probe import Probe
from orchestrator.config.scaling import Scaling
from orchestrator.config.section import Section
from orchestrator.config.service import Service
from orchestrator.config.source import Source
from orchestrator.config.switch import SECTIONS, BalancerSwitch, Switch
from orchestrator.errors import UsageError
from orchestrator.layout import BalancerLayout, NodeLayout
from orchestrator.model import Color

SOCKET_PATH = 107
"""Characters that the path of a unix socket may have."""


class Shared(Section):
    """What outlives a release: linked from ``shared/`` into each release."""

    directories: list[str] = Field(default_factory=list, description="made by provisioning if missing")
    files: list[str] = Field(default_factory=list, description="must exist on each node: a missing one is an error")


class Marker(Section):
    """Which answers carry X-Release, X-Color and X-Node."""

    answers: Literal["all", "probe"] = Field(
        "probe", description="all, or only those to requests with the probe token in X-Probe-Token"
    )
    token: SecretStr | None = Field(None, description="the fleet's probe token; letters, digits, - and _")


class Settings(Section):
    """One application on one inventory."""

    app: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$", description="name of the application")
    root: str | None = Field(None, pattern=r"^/[A-Za-z0-9._/-]+$", description="default /srv/<app>")
    source: Source
    nodes: str = Field("nodes", description="inventory group of the app nodes")
    switches: list[SerializeAsAny[Switch]] = Field(min_length=1)
    first_color: Color = Field(Color.blue, description="gets traffic before the first release")
    user: str = Field("deploy", pattern=r"^[a-z_][a-z0-9_-]*$", description="unprivileged, does the releases")
    web_user: str = Field("www-data", pattern=r"^[a-z_][a-z0-9_-]*$", description="runs nginx and PHP")
    authorized_keys: list[str] = Field(
        default_factory=list, description="public key files that may log in as the deploy user"
    )
    ports: Ports = Ports()
    php: Php = Php()
    services: list[Service] = Field(default_factory=list)
    stream_limit: Duration = Field(
        3600.0, gt=0, le=604800, description="how long a stream of a service may be silent (seconds, or 1h)"
    )
    shared: Shared = Shared()
    marker: Marker = Marker()
    preview: Preview = Preview()
    gate: Gate = Gate()
    warm: list[str] = Field(default_factory=lambda: ["/"], description="paths requested to warm the idle color")
    probe: Probe = Probe()
    batches: list[int | str] = Field(
        default_factory=list,
        description="how many nodes prepare at once, batch by batch: numbers or per cent, each the total until then "
        '(`[1, "25%", "100%"]`); all at once if empty',
    )
    cutover: list[CutoverStep] = Field(
        default_factory=lambda: [CutoverStep(weight=100)],
        min_length=1,
        description="weights of the new color, one after another; the last is 100",
    )
    comparison: Comparison = Comparison()
    drain: Drain = Drain()
    hooks: list[Hook] = Field(default_factory=list)
    journal: Journal = Journal()
    scaling: Scaling | None = None
    keep: int = Field(5, ge=2, le=1000, description="releases kept on each node")
    room: Room = Room()
    deadlines: Deadlines = Deadlines()

    @model_validator(mode="after")
    def _answers_can_be_told_apart(self) -> Settings:
        if self.marker.answers == "probe" and self.marker.token is None:
            raise ValueError(
                "marker.token is missing: without it no release can be verified "
                '(set it, or marker.answers = "all")'
            )
        groups = [switch.group for switch in self.switches if isinstance(switch, BalancerSwitch)]
        if len(set(groups)) != len(groups) or self.nodes in groups:
            raise ValueError("nodes and each switch need inventory groups of their own")
        return self

    @model_validator(mode="after")
    def _ports_of_a_balancer_differ(self) -> Settings:
        for switch in self.switches:
            if isinstance(switch, BalancerSwitch) and self.preview.port in switch.listens:
                raise ValueError(f"preview.port: users come in at {self.preview.port} ({switch.kind})")
        return self

    @model_validator(mode="after")
    def _http2_has_tls(self) -> Settings:
        plain = [url for switch in self.switches for url in switch.urls if not url.startswith("https://")]
        if self.probe.http2 and plain:
            raise ValueError(f"probe.http2: HTTP/2 is for https only, and {plain[0]} is not")
        return self

    @model_validator(mode="after")
    def _services_can_be_told_apart(self) -> Settings:
        for what in ("name", "path"):
            given = [getattr(service, what) for service in self.services]
            twice = sorted({value for value in given if given.count(value) > 1})
            if twice:
                raise ValueError(f"services: {', '.join(twice)} is the {what} of more than one")
        for service in self.services:
            longest = max((self.node.service_socket(color, service.name) for color in Color), key=len)
            if len(longest) > SOCKET_PATH:
                raise ValueError(f"services: {longest} is longer than the {SOCKET_PATH} characters a socket may have")
        if self.php.sessions == "shared" and "sessions" in self.shared.directories:
            raise ValueError('shared.directories: sessions is made by php.sessions = "shared"')
        return self

    @model_validator(mode="after")
    def _weights_rise_to_all(self) -> Settings:
        weights = [step.weight for step in self.cutover]
        if weights != sorted(set(weights)) or weights[-1] != 100:
            raise ValueError(f"cutover: weights rise and end with 100, not {weights}")
        whole = [switch.kind for switch in self.switches if not switch.weighted]
        if whole and weights != [100]:
            raise ValueError(f"cutover: a switch of kind {whole[0]} moves all traffic at once: one step, weight 100")
        return self

    @model_validator(mode="after")
    def _batches_grow_to_all(self) -> Settings:
        for size in self.batches:
            if not re.fullmatch(r"[1-9]\d*|(100|[1-9]?\d(\.\d+)?)%", str(size)):
                raise ValueError(f"batches: {size!r} is neither a number of nodes nor per cent of them")
        if self.batches and self.batches[-1] != "100%":
            raise ValueError('batches: the last one is "100%"')
        return self

    @property
    def node(self) -> NodeLayout:
        return NodeLayout(self.app, self.root or f"/srv/{self.app}")

    @property
    def balancer(self) -> BalancerLayout:
        return BalancerLayout(self.app)

    @property
    def token(self) -> str:
        """The probe token, empty if every answer is marked anyway."""
        return self.marker.token.get_secret_value() if self.marker.token else ""

    @property
    def preview_token(self) -> str:
        """Empty if there is no preview."""
        return self.preview.token.get_secret_value() if self.preview.token else ""


def load(raw: object) -> Settings:
    """Settings from the inventory's dictionary.

    Raises UsageError, one line that names every wrong key with the nearest right one.
    """
    if not isinstance(raw, Mapping):
        raise UsageError("settings are missing: define a dictionary `settings` in inventory/group_data/all.py")
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        raise UsageError("settings: " + "; ".join(_lines(error))) from None


def _lines(error: ValidationError) -> Iterable[str]:
    for item in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            near = nearest(str(item["loc"][-1]), _keys(Settings, item["loc"][:-1]))
            yield f"unknown key {where}" + (f" (did you mean {near}?)" if near else "")
        else:
            message = item["msg"].removeprefix("Value error, ")
            yield f"{where}: {message}" if where else message


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word nearest to a mistyped one, None if none is near."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def _keys(section: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The keys of the section at a path such as ("switches", 0)."""
    for part in path:
        if isinstance(part, int):
            continue
        among = SECTIONS.values() if section is Switch else [section]
        fields = [one.model_fields[part] for one in among if part in one.model_fields]
        found = section_in(fields[0].annotation) if fields else None
        if found is None:
            return []
        section = found
    if section is Switch:
        return [key for kind in SECTIONS.values() for key in kind.model_fields]
    return list(section.model_fields)


def section_in(annotation: Any) -> type[BaseModel] | None:
    """The section that a field of this type holds, alone or in a list; None if it holds none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := section_in(argument))), None)
