"""All settings of one application on one inventory, and how they are read."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, SecretStr, SerializeAsAny, ValidationError, field_validator, model_validator

from orchestrator.config.build import Build
from orchestrator.config.cutover import Comparison, CutoverStep
from orchestrator.config.drain import Drain
from orchestrator.config.duration import Duration
from orchestrator.config.environment import Environment
from orchestrator.config.gate import Gate
from orchestrator.config.hook import Hook
from orchestrator.config.journal import Journal
from orchestrator.config.limits import Deadlines, Room
from orchestrator.config.paths import ReleasePath, overlap
from orchestrator.config.permissions import Permissions
from orchestrator.config.php import Php
from orchestrator.config.ports import Ports
from orchestrator.config.preview import Preview
from orchestrator.config.probe import Probe
from orchestrator.config.recipe import names, told_by, with_recipe
from orchestrator.config.scaling import Scaling
from orchestrator.config.section import Section
from orchestrator.config.service import Service
from orchestrator.config.source import DEFAULT, SOURCES, GitSource, Source
from orchestrator.config.switch import SECTIONS, BalancerSwitch, Switch, section_of
from orchestrator.errors import UsageError
from orchestrator.layout import BalancerLayout, NodeLayout
from orchestrator.model import Color

DIRECTORY = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$"

SOCKET_PATH = 107
"""Characters that the path of a unix socket may have."""


class Shared(Section):
    """What outlives a release: linked from ``shared/`` into each release."""

    directories: list[ReleasePath] = Field(default_factory=list, description="made by provisioning if missing")
    files: list[ReleasePath] = Field(
        default_factory=list, description="must exist on each node: a missing one is an error"
    )
    seed: list[ReleasePath] = Field(
        default_factory=list,
        description="of the directories, those that get what the version itself has there, while they are empty",
    )


class Marker(Section):
    """Which answers carry X-Release, X-Color and X-Node."""

    answers: Literal["all", "probe"] = Field(
        "probe", description="all, or only those to requests with the probe token in X-Probe-Token"
    )
    token: SecretStr | None = Field(None, description="the fleet's probe token; letters, digits, - and _")


class Settings(Section):
    """One application on one inventory."""

    app: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$", description="name of the application")
    recipe: str | None = Field(
        None, description=f"kind of application, whose settings these are laid over: {', '.join(names())}"
    )
    root: str | None = Field(None, pattern=r"^/[A-Za-z0-9._/-]+$", description="default /srv/<app>")
    source: SerializeAsAny[Source]
    nodes: str = Field("nodes", description="inventory group of the app nodes")
    switches: list[SerializeAsAny[Switch]] = Field(min_length=1)
    first_color: Color = Field(Color.blue, description="gets traffic before the first release")
    user: str = Field("deploy", pattern=r"^[a-z_][a-z0-9_-]*$", description="unprivileged, does the releases")
    web_user: str = Field("www-data", pattern=r"^[a-z_][a-z0-9_-]*$", description="runs nginx and PHP")
    authorized_keys: list[str] = Field(
        default_factory=list, description="public key files that may log in as the deploy user"
    )
    ports: Ports = Ports()
    runtime: Literal["php", "service", "static"] = Field(
        "php",
        description="what answers: PHP-FPM; the one of `services` whose path is `/`; or only nginx, with the files of "
        "the document root (`php.public`, whatever the runtime)",
    )
    php: Php = Php()
    soak: Duration = Field(
        3600.0,
        ge=1,
        le=604800,
        description="how long the color that lost the traffic keeps its size, for an instant rollback (see "
        "`php.idle_workers`)",
    )
    services: list[Service] = Field(default_factory=list)
    stream_limit: Duration = Field(
        3600.0, gt=0, le=604800, description="how long a stream of a service may be silent (seconds, or 1h)"
    )
    assets: list[Annotated[str, Field(pattern=DIRECTORY)]] = Field(
        default_factory=list,
        description="directories of the document root, such as `build`, of files with a hash in their name: also those "
        "of the other color's release are sent, so that a page finds its own on either side of a switch",
    )
    shared: Shared = Shared()
    environment: Environment | None = None
    build: list[Build] = Field(default_factory=list, description="in this order, for each release")
    permissions: Permissions = Permissions()
    marker: Marker = Marker()
    preview: Preview = Preview()
    gate: Gate = Gate()
    warm: list[Annotated[str, Field(pattern=r"^/\S*$")]] = Field(
        default_factory=lambda: ["/"], description="paths requested to warm the idle color, such as `/`"
    )
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
                'marker.token is missing: without it no release can be verified (set it, or marker.answers = "all")'
            )
        groups = [switch.group for switch in self.switches if isinstance(switch, BalancerSwitch)]
        if len(set(groups)) != len(groups) or self.nodes in groups:
            raise ValueError("nodes and each switch need inventory groups of their own")
        return self

    @field_validator("root")
    @classmethod
    def _root_is_written_in_one_way(cls, root: str | None) -> str | None:
        if root is None:
            return None
        parts = [part for part in root.split("/") if part]
        if not parts:
            raise ValueError(f"{root} is no directory of its own")
        if any(part in (".", "..") for part in parts):
            raise ValueError(f"{root} has a part . or ..")
        return "/" + "/".join(parts)

    @field_validator("recipe")
    @classmethod
    def _there_is_such_a_recipe(cls, recipe: str | None) -> str | None:
        if recipe is not None and recipe not in names():
            near = nearest(recipe, names())
            hint = f"did you mean {near}?" if near else f"there are {', '.join(names())}"
            raise ValueError(f"there is no recipe {recipe} ({hint})")
        return recipe

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
        if self.shared_sessions and "sessions" in self.shared.directories:
            raise ValueError('shared.directories: sessions is made by php.sessions = "shared"')
        return self

    @model_validator(mode="after")
    def _something_answers(self) -> Settings:
        everything = [service for service in self.services if service.path == "/"]
        if self.runtime == "service" and not everything:
            raise ValueError('runtime: "service" needs one of services with the path /')
        if self.runtime != "service" and everything:
            raise ValueError(
                f'services: {everything[0].name} answers everything (path /) only with runtime = "service"'
            )
        for service in everything:
            if service.files and self.php.public == ".":
                raise ValueError(f"services: {service.name}.files: the document root is the whole release, code too")
            if self.assets and not service.files:
                raise ValueError(
                    f"assets: {service.name} sends its files itself (services.files): nginx has none to send"
                )
        if self.runtime == "static" and self.services:
            raise ValueError('services: nothing runs with runtime = "static" ("service" also sends files)')
        return self

    @model_validator(mode="after")
    def _ports_of_a_node_differ(self) -> Settings:
        used: dict[int, str] = {port: f"ports.{name}" for name, port in self.ports.model_dump().items()}
        for service in self.services:
            for color in Color if service.ports else ():
                port, mine = service.ports.of(color), f"services: {service.name}.ports.{color}"  # type: ignore[union-attr]
                if port in used:
                    raise ValueError(f"{mine}: {port} is {used[port].removeprefix('services: ')}, too")
                used[port] = mine
        return self

    @model_validator(mode="after")
    def _a_release_is_made_of_parts_that_differ(self) -> Settings:
        names = [step.name for step in self.build]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"build: {', '.join(twice)} is the name of more than one step")
        if strange := [path for path in self.shared.seed if path not in self.shared.directories]:
            raise ValueError(f"shared.seed: {', '.join(strange)} is none of shared.directories")
        made = {path: f"build.{step.name}.outputs" for step in self.build for path in step.outputs}
        kept = dict.fromkeys((*self.shared.directories, *self.shared.files), "shared")
        if self.environment:
            kept[self.environment.path] = "environment"
        # what is taken over is one file in two releases: nobody may write it
        kept |= dict.fromkeys(self.permissions.writable, "permissions.writable")
        for path, what in made.items():
            for other, why in kept.items():
                if overlap(path, other):
                    raise ValueError(f"{what}: {path} is of {why} ({other}), too")
        return self

    @model_validator(mode="after")
    def _assets_are_of_the_document_root(self) -> Settings:
        root = f"{self.php.public}/"
        if strange := [path for path in self.assets if path.startswith(root)]:
            right = strange[0].removeprefix(root)
            raise ValueError(f"assets: {strange[0]} is in the document root, {root}: there its name is {right}")
        return self

    @model_validator(mode="after")
    def _shared_paths_are_apart(self) -> Settings:
        """What lies below a link to ``shared/`` is no release's own: it cannot give way to a link."""
        for (where, path), (there, other) in itertools.combinations(self._shared, 2):
            if path == other:
                raise ValueError(f"{there}: {path} is one of {where}, too: leave one out")
            if overlap(path, other):
                (at, outer), (of, inner) = sorted(((where, path), (there, other)), key=lambda one: len(one[1]))
                raise ValueError(f"{of}: {inner} lies in {outer} ({at}), and is shared with it: leave it out")
        return self

    @model_validator(mode="after")
    def _what_is_of_a_release_is_not_shared(self) -> Settings:
        """Behind a link to ``shared/`` it would be the live release's, too."""
        for setting, other in self._shared:
            if self.environment and overlap(self.environment.path, other):
                raise ValueError(
                    f"environment.path: {self.environment.path} is of {setting} ({other}), too: each release has an "
                    "environment of its own: give it a path apart from what is shared"
                )
            for what in ("modes", "private", "writable"):
                if strange := [path for path in getattr(self.permissions, what) if f"{path}/".startswith(f"{other}/")]:
                    raise ValueError(
                        f"permissions.{what}: {strange[0]} is of {setting} ({other}), too: what is shared is the live "
                        "release's, too: leave it out"
                    )
        return self

    @model_validator(mode="after")
    def _what_is_built_here_is_sent(self) -> Settings:
        here = [step.name for step in self.build if step.on == "operator"]
        if here and not self.source.is_sent:
            raise ValueError(
                f"build.{here[0]}: its outputs would not get to the nodes: on the operator's machine only what is sent "
                "from there can be built, a source of kind artifact (with checkout) or directory"
            )
        return self

    @model_validator(mode="after")
    def _a_new_instance_makes_itself_ready(self) -> Settings:
        """Nothing that it needs comes from the operator's machine."""
        if self.scaling is None or self.scaling.hook is None:
            return self
        if not isinstance(self.source, GitSource):
            raise ValueError(
                f"scaling.hook: a new instance cannot get a source of kind {self.source.kind} by itself: use git"
            )
        if self.source.login:
            raise ValueError("scaling.hook: a new instance has no password for source.origin: use a key (source.key)")
        why = "and a new instance, which makes itself ready, cannot have it"
        if self.environment:
            raise ValueError(f"environment comes from the operator's machine, {why}: use shared.files")
        if step := next((step.name for step in self.build if step.on == "operator"), None):
            raise ValueError(f"build: {step} runs on the operator's machine, {why}")
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
    def left_out(self) -> list[str]:
        """Paths of a release that git does not check out, and leaves alone: what stands there instead, too."""
        named = self.source.leave_out if isinstance(self.source, GitSource) else []
        environment = [self.environment.path] if self.environment else []
        return list(dict.fromkeys([*named, *self.shared.directories, *self.shared.files, *environment]))

    @property
    def _shared(self) -> list[tuple[str, str]]:
        """The setting that names it, and the path, of all that is shared."""
        paths = {"shared.directories": self.shared.directories, "shared.files": self.shared.files}
        return [(setting, path) for setting, named in paths.items() for path in named]

    @property
    def shared_sessions(self) -> bool:
        """Whether PHP's sessions are files that both colors read."""
        return self.runtime == "php" and self.php.sessions == "shared"

    @property
    def shrinks(self) -> bool:
        """Whether the color that lost the traffic gets fewer workers after a while."""
        return self.runtime == "php" and self.php.idle_workers is not None

    @property
    def token(self) -> str:
        """The probe token, empty if every answer is marked anyway."""
        return self.marker.token.get_secret_value() if self.marker.token else ""

    @property
    def environment_owner(self) -> str:
        """Whose a release's environment file is."""
        return (self.environment.owner if self.environment else None) or self.web_user

    @property
    def preview_token(self) -> str:
        """Empty if there is no preview."""
        return self.preview.token.get_secret_value() if self.preview.token else ""


KINDS: Mapping[type[BaseModel], Mapping[str, type[BaseModel]]] = {Switch: SECTIONS, Source: SOURCES}
"""Sections of which there are several kinds."""


def load(raw: object) -> Settings:
    """Settings from the inventory's dictionary.

    Raises UsageError, one line that names every wrong key with the nearest right one.
    """
    if not isinstance(raw, Mapping):
        raise UsageError("settings are missing: define a dictionary `settings` in inventory/group_data/all.py")
    try:
        return Settings.model_validate(with_recipe(raw))
    except ValidationError as error:
        raise UsageError("settings: " + "; ".join(_lines(error, raw))) from None


def _lines(error: ValidationError, raw: Mapping[str, Any]) -> Iterable[str]:
    for item in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            near = nearest(str(item["loc"][-1]), _keys(raw, item["loc"][:-1]))
            yield f"unknown key {where}" + (f" (did you mean {near}?)" if near else "")
        else:
            message = item["msg"].removeprefix("Value error, ")
            line = f"{where}: {message}" if where else message
            recipe = told_by(raw, line.partition(":")[0])
            yield line + (f" (so says the recipe {recipe}; what the settings say replaces it)" if recipe else "")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word nearest to a mistyped one, None if none is near."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def _keys(raw: Any, path: tuple[int | str, ...]) -> list[str]:
    """The keys of the section at a path such as ("switches", 0)."""
    section: type[BaseModel] = Settings
    for part in path:
        raw = raw[part]
        if isinstance(part, str):
            found = section_in(section.model_fields[part].annotation)
            if found is None:
                return []
            section = found
        if section is Switch and isinstance(raw, Mapping):
            section = section_of(str(raw.get("kind"))) or section
        elif section is Source:
            section = SOURCES[str(raw.get("kind", DEFAULT))]
    return list(section.model_fields)


def section_in(annotation: Any) -> type[BaseModel] | None:
    """The section that a field of this type holds, alone or in a list; None if it holds none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := section_in(argument))), None)
