"""All settings of one application, and the function that loads the settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from orchestrator.config import rules
from orchestrator.config.build import Build
from orchestrator.config.cutover import Comparison, CutoverStep
from orchestrator.config.database import DATABASE, Database
from orchestrator.config.drain import Drain
from orchestrator.config.duration import Duration
from orchestrator.config.environment import Environment
from orchestrator.config.firewall import Firewall
from orchestrator.config.form import RECORDED, form, nearest, newly, shown
from orchestrator.config.gate import Gate
from orchestrator.config.hook import Hook
from orchestrator.config.journal import Journal
from orchestrator.config.limits import Deadlines, Room
from orchestrator.config.maintenance import Maintenance
from orchestrator.config.names import App, Deployment, DeployUser, WebUser
from orchestrator.config.notification import Notification, classic
from orchestrator.config.paths import OperatorFile, ReleasePath, no_root, relative
from orchestrator.config.permissions import Permissions
from orchestrator.config.php import Php
from orchestrator.config.ports import Ports
from orchestrator.config.preview import Preview
from orchestrator.config.probe import Probe
from orchestrator.config.recipe import names, recipe_of, with_recipe
from orchestrator.config.scaling import Scaling
from orchestrator.config.schedule import Schedule
from orchestrator.config.section import Section
from orchestrator.config.service import Service
from orchestrator.config.source import DEFAULT, SOURCES, GitSource, Source
from orchestrator.config.switch import SECTIONS, BalancerSwitch, NodeSwitch, Switch, section_of
from orchestrator.config.task import TASK, Task
from orchestrator.config.web import Web
from orchestrator.config.worker import Worker
from orchestrator.errors import UsageError
from orchestrator.layout import BalancerLayout, NodeLayout
from orchestrator.model import Color

DIRECTORY = form(
    r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*",
    "a directory of the document root",
    "use letters, digits and . _ - /, without . and / at the beginning and without / at the end",
    relative,
)
ROOT = form(r"/[A-Za-z0-9._/-]*", "an absolute path", "begin with /, and use letters, digits and . _ - /")
PACKAGE = form(
    r"[a-z0-9][a-z0-9+.-]+",
    "the name of a Debian package",
    "use small letters, digits and + . -, without a version",
    lambda text: re.split("[=: ]", text.lower())[0],
)
WARM = form(r"/\S*", "a URL path", "begin with /, without spaces", lambda text: f"/{text}")


class Shared(Section):
    """Files and directories that all releases of a node share. Each release has links to them.

    Each node keeps its shared files and directories in `shared/` in the application's directory.
    """

    directories: list[ReleasePath] = Field(
        [],
        description="shared directories, as paths in a release. Provisioning creates missing directories in `shared/`",
    )
    files: list[ReleasePath] = Field(
        [],
        description="shared files, as paths in a release. You put each file into `shared/` on every node; if a file is "
        "missing, the release fails",
    )
    seed: list[ReleasePath] = Field(
        [],
        description="entries of `directories` that are filled once. If such a directory is empty on a node, the next "
        "release fills the directory with the files that the release's version has at the same path",
    )


def _odd(token: SecretStr) -> str | None:
    plain = re.fullmatch(r"[A-Za-z0-9_-]*", token.get_secret_value())
    return None if plain else "the token (not shown) may contain only letters, digits, - and _"


class Marker(Section):
    """The headers X-Release, X-Color and X-Node, which show which release, color and node answered a request."""

    answers: Literal["all", "probe"] = Field(
        "probe",
        description="which answers have these headers. `all`: every answer; `probe`: only answers to requests that "
        "have the probe token in the header X-Probe-Token",
    )
    token: Annotated[SecretStr, newly(_odd)] | None = Field(
        None,
        description="probe token: a secret text of letters, digits, - and _, which the requests of the probe contain. "
        "Required if `answers` is `probe`",
    )


def _named(name: str, deployment: str | None) -> str:
    return f"{name}-{deployment}" if deployment else name


def _web_user_of(app: str, deployment: str | None) -> str:
    return f"{_named(app, deployment)}-web"


def _batch(size: object) -> object:
    """Return the size of a batch unchanged. Raises ValueError if the size is neither a whole number nor a text."""
    if not isinstance(size, int | str):
        raise ValueError(f'{size!r} is not a batch: give a number of nodes (3) or a percentage ("25%")')
    return size


def _absent() -> Any:
    """Return the field of a section that the settings may leave out. All its keys then have their defaults.

    The default is an empty dictionary, which is checked together with the other settings. If the default were an
    object of the section, each command would have to make the checks of each section twice.
    """
    return Field({}, validate_default=True)


class Settings(Section):
    """The settings of one application on the servers of one inventory."""

    app: App = Field(description="name of the application")
    deployment: Deployment | None = Field(
        None,
        description="name of a second deployment of the application on the same servers, such as `staging`. All its "
        "files, systemd units and load balancer entries on the servers have the name `<app>-<deployment>` instead of "
        "`<app>`. The deployment needs its own ports (docs/using.md)",
    )
    recipe: str | None = Field(
        None,
        description=f"name of a recipe (ready-made settings for one kind of application): {', '.join(names())}. "
        "If a key is in your settings and in the recipe, your value is used. Default: no recipe",
    )
    root: Annotated[str, ROOT] | None = Field(
        None,
        description="directory of the application on each node; default: `/srv/<app>`. If `deployment` is set, "
        "`-<deployment>` is appended to this path. Directories of the system and of its users (`/etc`, `/usr`, `/var`, "
        "`/home`, ...) are refused, except in `/var/www`, `/var/opt` and `/var/local`",
    )
    source: SerializeAsAny[Source] = Field(description="where the files of a release come from (docs/sources.md)")
    nodes: str = Field("nodes", description="inventory group of the nodes (the servers that run the application)")
    switches: list[SerializeAsAny[Switch]] = Field(
        min_length=1,
        description="switches, which decide which color gets traffic. Several switches always get the same weights",
    )
    first_color: Color = Field(Color.blue, description="color that gets traffic before the first release")
    user: DeployUser = Field(
        "deploy",
        description="the deploy user: an unprivileged user on the nodes and balancers. Releases and rollbacks "
        "log in as this user. Provisioning creates this user",
    )
    web_user: WebUser = Field(
        default_factory=lambda data: _web_user_of(data.get("app", ""), data.get("deployment")),
        description="the web user: an unprivileged user that runs nginx, PHP and services on the nodes. Provisioning "
        "creates this user. Default: a user of this application alone, `<app>-web` or `<app>-<deployment>-web` "
        "(docs/servers.md)",
    )
    packages: list[Annotated[str, PACKAGE]] = Field(
        [],
        description="Debian packages that provisioning installs on each node in addition to its own, such as "
        "`php8.2-intl` or `imagemagick`. A package that you remove from the list stays installed",
    )
    authorized_keys: list[OperatorFile] = Field(
        [],
        description="public key files on the operator's machine. Provisioning permits these keys to log in as the "
        "deploy user",
    )
    ports: Ports = _absent()
    firewall: Firewall = _absent()
    runtime: Literal["php", "service", "static"] = Field(
        "php",
        description="what answers requests. `php`: PHP-FPM; `service`: the service with the path `/`; `static`: nginx "
        "alone, with the files of the document root. The document root is `php.public` with every runtime",
    )
    php: Php = _absent()
    soak: Duration = Field(
        3600.0,
        ge=1,
        le=604800,
        description="how long the color that lost the traffic keeps all its workers after a cutover, so that a "
        "rollback is instant. This setting has an effect only with `php.idle_workers`",
    )
    services: list[Service] = Field(
        [], description="processes that each color runs in addition to PHP-FPM, or instead of PHP-FPM"
    )
    workers: list[Worker] = Field(
        [],
        description="processes of the color that has the traffic, which take jobs from a queue (docs/workers.md)",
    )
    schedule: list[Schedule] = Field(
        [],
        description="commands that run at fixed times, with the code of the live release (docs/schedule.md)",
    )
    stream_limit: Duration = Field(
        3600.0,
        gt=0,
        le=604800,
        description="longest time without data on a stream of a service (such as a WebSocket). After this time nginx "
        "or the balancer closes the stream",
    )
    assets: list[Annotated[str, DIRECTORY]] = Field(
        [],
        description="directories of the document root, such as `build`, whose files have a hash in their names. If a "
        "file is missing in one color's release, nginx sends the file of the other color's release. A page "
        "therefore gets its files even if the traffic moves to the other color while the page loads",
    )
    web: Web = _absent()
    shared: Shared = _absent()
    environment: Environment | None = None
    build: list[Build] = Field([], description="build steps, which each release runs in the order of this list")
    permissions: Permissions = _absent()
    marker: Marker = _absent()
    preview: Preview = _absent()
    maintenance: Maintenance | None = None
    gate: Gate = _absent()
    warm: list[Annotated[str, WARM]] = Field(
        default_factory=lambda: ["/"],
        description="URL paths that each node requests from its idle color before the cutover, so that caches are "
        "filled",
    )
    probe: Probe = _absent()
    batches: list[Annotated[int | str, BeforeValidator(_batch)]] = Field(
        [],
        description="batches of nodes, which prepare a release one batch after another. Each entry says how many nodes "
        'are ready after its batch, as a number or in per cent: `[1, "25%", "100%"]`. If the list is '
        "empty, all nodes prepare at the same time",
    )
    cutover: list[CutoverStep] = Field(
        default_factory=lambda: [CutoverStep(weight=100)],
        min_length=1,
        description="steps in which traffic moves to the new color. The weights rise, and the last weight is 100. "
        "Default: one step with weight 100",
    )
    comparison: Comparison = _absent()
    drain: Drain = _absent()
    hooks: list[Hook] = Field([], description="your own commands, which run before or after a stage, or after an undo")
    database: Database | None = None
    databases: dict[Annotated[str, DATABASE], Database] = Field(
        {},
        description="further databases of the application by name, each with the keys of the section `database`. The "
        "stages have these names, such as `expand stats` (docs/database.md)",
    )
    tasks: dict[Annotated[str, TASK], Task] = Field(
        {}, description="your own commands by name, for `orchestrator task NAME` and for hooks"
    )
    notifications: list[Notification] = Field(
        default_factory=classic,
        exclude=True,
        description="chats and webhooks that get a message about each release, rollback, join and contract "
        "(docs/notifications.md). Default: Slack, if the operator's machine has the environment variable "
        "SLACK_ENDPOINT",
    )
    journal: Journal = _absent()
    scaling: Scaling | None = None
    keep: int = Field(
        5, ge=2, le=1000, description="number of releases that stay on each node; older releases are removed"
    )
    room: Room = _absent()
    deadlines: Deadlines = _absent()

    @field_validator("root")
    @classmethod
    def _root_is_written_in_one_way(cls, root: str | None, info: ValidationInfo) -> str | None:
        if root is None:
            return None
        parts = [part for part in root.split("/") if part]
        if not parts:
            raise ValueError(f"{root} is the root directory: name a directory for this application")
        if any(part in (".", "..") for part in parts):
            raise ValueError(f"{root} must not contain the parts . and ..")
        found = "/" + "/".join(parts)
        if info.context != RECORDED and (why := no_root(found)):
            raise ValueError(why)
        return found

    @field_validator("recipe")
    @classmethod
    def _there_is_such_a_recipe(cls, recipe: str | None) -> str | None:
        if recipe is not None and recipe not in names():
            near = nearest(recipe, names())
            hint = f"did you mean {near}?" if near else f"there are {', '.join(names())}"
            raise ValueError(f"there is no recipe {shown(recipe)} ({hint})")
        return recipe

    @model_validator(mode="after")
    def _sections_fit_together(self, info: ValidationInfo) -> Settings:
        if broken := rules.problem(self, recorded=info.context == RECORDED):
            raise ValueError(broken)
        return self

    @property
    def name(self) -> str:
        """The name of the deployment: ``<app>``, or ``<app>-<deployment>`` with the setting ``deployment``.

        All names on nodes and balancers are derived from this name: paths, units, maps and backends.
        """
        return self._of_deployment(self.app)

    @property
    def own_web_user(self) -> str:
        """The default of ``web_user``: a user that no other application has."""
        return _web_user_of(self.app, self.deployment)

    @property
    def node(self) -> NodeLayout:
        return NodeLayout(self.name, self._of_deployment(self.root or f"/srv/{self.app}"))

    @property
    def balancer(self) -> BalancerLayout:
        return BalancerLayout(self.name)

    @property
    def journal_prefix(self) -> str:
        """The prefix of the keys of all objects in S3, if the journal is in S3."""
        return self._of_deployment((self.journal.prefix or self.app).removesuffix("/"))

    def _of_deployment(self, name: str) -> str:
        """Append the name of the deployment to a name or path, so that no other deployment has this name or path."""
        return _named(name, self.deployment)

    @property
    def left_out(self) -> list[str]:
        """The paths of a release that do not come from the source.

        These are the shared paths, the environment file and, for a git source, the paths in ``source.leave_out``.
        """
        named = self.source.leave_out if isinstance(self.source, GitSource) else []
        environment = [self.environment.path] if self.environment else []
        return list(dict.fromkeys([*named, *self.shared.directories, *self.shared.files, *environment]))

    @property
    def sends_files(self) -> bool:
        """Whether nginx sends the files of the document root. If not, the service with the path ``/`` sends them."""
        return all(service.files for service in self.services if service.path == "/")

    @property
    def shared_sessions(self) -> bool:
        """Whether PHP's sessions are files in ``shared/sessions``, which both colors use."""
        return self.runtime == "php" and self.php.sessions == "shared"

    @property
    def runs_as_web(self) -> bool:
        """Whether a build step, a hook, a task or a command of the database runs as the web user."""
        databases = (one.as_web for one in self.all_databases.values())
        hooks, tasks = (hook.user for hook in self.hooks), (task.user for task in self.tasks.values())
        return any(databases) or "web" in (*(step.user for step in self.build), *hooks, *tasks)

    @property
    def all_databases(self) -> dict[str, Database]:
        """The settings of each database by its name. The section ``database`` has the empty name and comes first."""
        return ({"": self.database} if self.database else {}) | self.databases

    @property
    def resolved_hooks(self) -> list[Hook]:
        """The hooks, each with its command. A hook that names a task has the task's command, place and user."""
        return [hook.of_task(self.tasks[hook.task]) if hook.task else hook for hook in self.hooks]

    @property
    def shrinks(self) -> bool:
        """Whether the color that lost the traffic gets fewer PHP-FPM workers after the time ``soak``."""
        return self.runtime == "php" and self.php.idle_workers is not None

    @property
    def has_unknown_sources(self) -> bool:
        """Whether a switch sends requests to the nodes from addresses that this tool does not know."""
        return not all(isinstance(switch, BalancerSwitch | NodeSwitch) for switch in self.switches)

    @property
    def has_firewall(self) -> bool:
        """Whether the nodes have the firewall.

        If ``firewall.enabled`` is not set, the nodes have the firewall, with one exception: if there is a switch behind
        an API, this tool does not know the addresses of the load balancer, so the nodes have the firewall only if
        ``firewall.allow`` has an entry.
        """
        if self.firewall.enabled is not None:
            return self.firewall.enabled
        return bool(self.firewall.allow) or not self.has_unknown_sources

    @property
    def firewall_ports(self) -> list[int]:
        """The ports of a node that the firewall protects. With the switch ``node``, users connect to the live port."""
        is_switch = any(isinstance(switch, NodeSwitch) for switch in self.switches)
        return [*([] if is_switch else [self.ports.live]), self.ports.blue, self.ports.green]

    @property
    def token(self) -> str:
        """The probe token. Empty if the settings have no probe token; then all answers have the marker headers."""
        return self.marker.token.get_secret_value() if self.marker.token else ""

    @property
    def maintenance_token(self) -> str:
        """The token of the testers during maintenance. Empty if the settings have no such token."""
        token = self.maintenance.token if self.maintenance else None
        return token.get_secret_value() if token else ""

    @property
    def environment_owner(self) -> str:
        """The user that owns the environment file of a release."""
        return (self.environment.owner if self.environment else None) or self.web_user

    @property
    def preview_token(self) -> str:
        """The preview token. Empty if the settings have no preview token; then no token gives access to the preview."""
        return self.preview.token.get_secret_value() if self.preview.token else ""


KINDS: Mapping[type[BaseModel], Mapping[str, type[BaseModel]]] = {Switch: SECTIONS, Source: SOURCES}
"""Base class of a section -> name of a kind -> class of the section for this kind.

The mapping contains the sections that have several kinds: switches and sources.
"""


def load(raw: object, recorded: bool = False) -> Settings:
    """Return the settings from the inventory's dictionary, merged with the recipe that the dictionary names.

    Raises UsageError if settings are wrong. The message is one line that names every wrong key. For an unknown key, the
    message also names the most similar known key. If each section is right by itself, but the sections do not fit
    together, the message describes the first broken rule of ``config/rules``.

    + recorded: whether the settings come from a journal. Then an earlier version of this tool may have accepted them,
      and the refusals that later versions added do not apply.
    """
    if not isinstance(raw, Mapping):
        raise UsageError("settings are missing: define a dictionary `settings` in inventory/group_data/all.py")
    try:
        return Settings.model_validate(with_recipe(raw), context=RECORDED if recorded else None)
    except ValidationError as error:
        raise UsageError("settings: " + "; ".join(dict.fromkeys(_lines(error, raw)))) from None


def _lines(error: ValidationError, raw: Mapping[str, Any]) -> Iterable[str]:
    for item in error.errors(include_url=False):
        if item["type"] == "default_factory_not_called":
            continue  # the default is made from a key whose error has its own line
        where = ".".join(_key(part) for part in item["loc"] if part != "[key]")
        if item["type"] == "extra_forbidden":
            near = nearest(str(item["loc"][-1]), _keys(raw, item["loc"][:-1]))
            yield f"unknown key {where}" + (f" (did you mean {near}?)" if near else "")
        else:
            message = _message(item)
            line = f"{where}: {message}" if where else message
            recipe = recipe_of(raw, line.partition(":")[0])
            yield line + (
                f" (the recipe {recipe} sets this value: set the key yourself to replace the value)" if recipe else ""
            )


def _key(part: int | str) -> str:
    """Return a part of a key's path as one line of printable characters."""
    text = str(part)
    return text if text.isprintable() and text and len(text) <= 80 else shown(text)


PLAIN = {
    "missing": "this key is missing, and it has no default: set the key",
    "invalid_key": "the name of a key must be a text: put the name in quotes",
    "string_type": "the value must be a text",
    "string_too_short": "the text is empty: write a text, or leave the key out",
    "string_unicode": "the text has half of a surrogate pair, which is not a character: remove this half",
    "list_type": "the value must be a list",
    "too_short": "the list is empty: it needs an entry",
    "dict_type": "the value must be a dictionary",
    "model_type": "the value must be a section, which is a dictionary",
    "model_attributes_type": "the value must be a section, which is a dictionary",
    "int_type": "the value must be a whole number",
    "int_parsing": "the value must be a whole number",
    "int_from_float": "the value must be a whole number",
    "float_type": "the value must be a number",
    "float_parsing": "the value must be a number",
    "bool_type": "the value must be True or False",
    "bool_parsing": "the value must be True or False",
}
"""Type of an error of pydantic -> one line for the operator. All other types keep the words of pydantic."""


def _message(item: ErrorDetails) -> str:
    """Return one line about a wrong value, with the value that may be meant. The wrong value itself may be secret.

    + item: an error of pydantic
    """
    given, kind, about = item["input"], item["type"], item.get("ctx", {})
    message = item["msg"].removeprefix("Value error, ").replace("Input should be", "the value must be", 1)
    if kind in ("literal_error", "enum"):
        near = nearest(str(given).lower(), re.findall("'([^']*)'", about.get("expected", "")))
        return message + (f" (did you mean {near}?)" if near else "")
    if kind == "string_type" and isinstance(given, int | float):
        return f"{PLAIN[kind]}: put it in quotes"
    if kind == "list_type" and isinstance(given, str | int | float):
        return f"{PLAIN[kind]}: put it in square brackets"
    if kind == "string_too_long":
        return f"the text has more than {about.get('max_length')} characters"
    return PLAIN.get(kind, message)


def _keys(raw: Any, path: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the section at a path of the settings may have.

    + raw: the settings as the inventory gives them
    + path: keys and list indexes, such as ``("switches", 0)``
    """
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
    """Return the section class in the type of a field; None if the type contains no section.

    + annotation: type of the field: a section, a list of sections, a section or None, or any other type
    """
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := section_in(argument))), None)
