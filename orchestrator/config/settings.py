"""All settings of one application on one inventory, and how they are read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, SecretStr, SerializeAsAny, ValidationError, field_validator, model_validator

from orchestrator.config import rules
from orchestrator.config.build import Build
from orchestrator.config.cutover import Comparison, CutoverStep
from orchestrator.config.drain import Drain
from orchestrator.config.duration import Duration
from orchestrator.config.environment import Environment
from orchestrator.config.gate import Gate
from orchestrator.config.hook import Hook
from orchestrator.config.journal import Journal
from orchestrator.config.limits import Deadlines, Room
from orchestrator.config.paths import ReleasePath
from orchestrator.config.permissions import Permissions
from orchestrator.config.php import Php
from orchestrator.config.ports import Ports
from orchestrator.config.preview import Preview
from orchestrator.config.probe import Probe
from orchestrator.config.recipe import names, recipe_of, with_recipe
from orchestrator.config.scaling import Scaling
from orchestrator.config.section import Section
from orchestrator.config.service import Service
from orchestrator.config.source import DEFAULT, SOURCES, GitSource, Source
from orchestrator.config.switch import SECTIONS, Switch, section_of
from orchestrator.errors import UsageError
from orchestrator.layout import BalancerLayout, NodeLayout
from orchestrator.model import Color

DIRECTORY = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$"


class Shared(Section):
    """Files and directories that outlive a release: they are in ``shared/``, and each release has links to them."""

    directories: list[ReleasePath] = Field(
        default_factory=list, description="shared directories; provisioning creates missing ones"
    )
    files: list[ReleasePath] = Field(
        default_factory=list, description="shared files, which must exist on each node; a missing file is an error"
    )
    seed: list[ReleasePath] = Field(
        default_factory=list,
        description="shared directories which, if they are empty, are filled with the content that the "
        "version has at that path",
    )


class Marker(Section):
    """The headers X-Release, X-Color and X-Node, which show what answered a request."""

    answers: Literal["all", "probe"] = Field(
        "probe",
        description="which answers have these headers: all, or only answers to requests with the probe token "
        "in X-Probe-Token",
    )
    token: SecretStr | None = Field(
        None, description="probe token of the fleet: letters, digits, - and _; required with `answers` = `probe`"
    )


class Settings(Section):
    """The settings of an application on an inventory."""

    app: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$", description="name of the application")
    recipe: str | None = Field(
        None,
        description=f"name of a recipe, whose settings yours override key by key: {', '.join(names())}; "
        "default: no recipe",
    )
    root: str | None = Field(
        None,
        pattern=r"^/[A-Za-z0-9._/-]+$",
        description="directory of the application on the nodes; default: `/srv/<app>`",
    )
    source: SerializeAsAny[Source] = Field(description="where the files of a release come from (docs/sources.md)")
    nodes: str = Field("nodes", description="inventory group of the nodes, which run the application")
    switches: list[SerializeAsAny[Switch]] = Field(
        min_length=1, description="switches that decide which color gets traffic; several switches move together"
    )
    first_color: Color = Field(Color.blue, description="color that gets traffic before the first release")
    user: str = Field(
        "deploy",
        pattern=r"^[a-z_][a-z0-9_-]*$",
        description="unprivileged user (the deploy user) that makes the releases; provisioning creates it",
    )
    web_user: str = Field(
        "www-data", pattern=r"^[a-z_][a-z0-9_-]*$", description="user that runs nginx, PHP and services on the nodes"
    )
    authorized_keys: list[str] = Field(
        default_factory=list,
        description="public key files on the operator's machine, whose keys may log in as the deploy user",
    )
    ports: Ports = Ports()
    runtime: Literal["php", "service", "static"] = Field(
        "php",
        description="what answers requests: `php`: PHP-FPM; `service`: the service whose path is `/`; "
        "`static`: nginx alone, with the files of the document root. The document root is "
        "`php.public` with every runtime",
    )
    php: Php = Php()
    soak: Duration = Field(
        3600.0,
        ge=1,
        le=604800,
        description="time for which the color that lost the traffic keeps all its workers, for an instant "
        "rollback (see `php.idle_workers`)",
    )
    services: list[Service] = Field(
        default_factory=list, description="processes that each color runs beside PHP-FPM, or instead of PHP-FPM"
    )
    stream_limit: Duration = Field(
        3600.0,
        gt=0,
        le=604800,
        description="longest time that a stream of a service may be silent before nginx or the balancer closes it",
    )
    assets: list[Annotated[str, Field(pattern=DIRECTORY)]] = Field(
        default_factory=list,
        description="directories of the document root, such as `build`, whose files have a hash in their "
        "names. If a release does not have such a file, it is sent from the other color's "
        "release, so a page finds its files during a switch",
    )
    shared: Shared = Shared()
    environment: Environment | None = None
    build: list[Build] = Field(
        default_factory=list, description="build steps that run for each release, in the order of this list"
    )
    permissions: Permissions = Permissions()
    marker: Marker = Marker()
    preview: Preview = Preview()
    gate: Gate = Gate()
    warm: list[Annotated[str, Field(pattern=r"^/\S*$")]] = Field(
        default_factory=lambda: ["/"], description="URL paths that are requested to warm the idle color"
    )
    probe: Probe = Probe()
    batches: list[int | str] = Field(
        default_factory=list,
        description="batches of nodes that prepare one after another. Each entry is the total number of "
        'nodes, or their percentage, that are prepared after that batch (`[1, "25%", "100%"]`). '
        "If empty, all nodes prepare at the same time",
    )
    cutover: list[CutoverStep] = Field(
        default_factory=lambda: [CutoverStep(weight=100)],
        min_length=1,
        description="weights of the new color, in rising order; the last is 100. Default: one step with weight 100",
    )
    comparison: Comparison = Comparison()
    drain: Drain = Drain()
    hooks: list[Hook] = Field(default_factory=list, description="commands of your own before or after a stage")
    journal: Journal = Journal()
    scaling: Scaling | None = None
    keep: int = Field(5, ge=2, le=1000, description="number of releases that are kept on each node")
    room: Room = Room()
    deadlines: Deadlines = Deadlines()

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
    def _sections_fit_together(self) -> Settings:
        if broken := rules.problem(self):
            raise ValueError(broken)
        return self

    @property
    def node(self) -> NodeLayout:
        return NodeLayout(self.app, self.root or f"/srv/{self.app}")

    @property
    def balancer(self) -> BalancerLayout:
        return BalancerLayout(self.app)

    @property
    def left_out(self) -> list[str]:
        """Paths that git does not check out, because the settings leave them out or something else is placed there."""
        named = self.source.leave_out if isinstance(self.source, GitSource) else []
        environment = [self.environment.path] if self.environment else []
        return list(dict.fromkeys([*named, *self.shared.directories, *self.shared.files, *environment]))

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
        """The user who owns a release's environment file."""
        return (self.environment.owner if self.environment else None) or self.web_user

    @property
    def preview_token(self) -> str:
        """The preview token, empty if there is no preview."""
        return self.preview.token.get_secret_value() if self.preview.token else ""


KINDS: Mapping[type[BaseModel], Mapping[str, type[BaseModel]]] = {Switch: SECTIONS, Source: SOURCES}
"""The sections that have several kinds."""


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
            recipe = recipe_of(raw, line.partition(":")[0])
            yield line + (f" (this value is the recipe {recipe}'s: set the key to replace it)" if recipe else "")


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
