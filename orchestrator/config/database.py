"""The settings of the database: the application's own commands that change the schema, or its SQL files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Literal, Self
from urllib.parse import quote

from pydantic import Field, field_validator, model_validator

from orchestrator.config.duration import Duration
from orchestrator.config.environment import NAME
from orchestrator.config.form import form
from orchestrator.config.paths import ReleasePath
from orchestrator.config.section import Section
from orchestrator.errors import UsageError

PARTS = ("url", "host", "port", "database", "user", "password")
"""The parts of a URL that the templates of ``migrate.redirect`` may name, such as ``{url}``."""

DATABASE = form(r"[a-z][a-z0-9-]{0,30}", "the name of a database", "use small letters, digits and -")

_OURS = ("RELEASE", "COLOR", "RELEASE_PATH", "PATH")
"""Variables that this tool sets for the commands."""
_PART = re.compile(r"\{(\w*)\}")


class Migrate(Section):
    """The application's commands that change the schema. Each command runs in the directory of a release, on one node.

    A command must do nothing if there is nothing to do, as the migration programs of frameworks do.
    """

    lines: ClassVar[frozenset[str]] = frozenset({"expand", "check", "contract"})

    expand: str = Field(
        min_length=1,
        description="shell command that adds the parts of the schema that the new release needs, such as `php artisan "
        "migrate --force`. A release runs this command once, with the code of the new release, before any process of "
        "the new release starts. The live release must work with the changed schema",
    )
    check: str | None = Field(
        None,
        min_length=1,
        description="shell command that fails if the contract must not run yet, for example because some rows are not "
        "converted. `deploys/contract.py` runs this command first, with the code of the live release",
    )
    contract: str | None = Field(
        None,
        min_length=1,
        description="shell command that removes the parts of the schema that only older releases use. "
        "`deploys/contract.py` runs this command, with the code of the live release",
    )
    redirect: dict[str, str] = Field(
        {},
        description="environment variables that let the command `expand` use another database: name of the variable "
        "and template of its value. In a template, `{url}`, `{host}`, `{port}`, `{database}`, `{user}` and "
        "`{password}` stand for the values of the other database. Example: `DB_DATABASE` and `{database}`. A release "
        "then first tries the command on an empty copy of the schema, and refuses a change that would break the live "
        "release (docs/database.md). Needs `url`. Default: the command is not tried",
    )
    ledger: list[str] | None = Field(
        None,
        description="tables in which the application notes which migrations have run, such as `migrations`. The copy "
        "of the schema has the rows of these tables, so that the command runs only the migrations that have not run. A "
        "table that does not exist is ignored. Default: the tables of well-known frameworks",
    )

    @model_validator(mode="after")
    def _redirects(self) -> Self:
        for name, template in self.redirect.items():
            if not re.fullmatch(NAME, name):
                raise ValueError(f"redirect: {name!r} is not the name of an environment variable")
            if name in _OURS:
                raise ValueError(f"redirect: {name} is a variable that this tool sets: remove it")
            if wrong := sorted(set(_PART.findall(template)) - set(PARTS)):
                known = ", ".join(f"{{{part}}}" for part in PARTS)
                raise ValueError(f"redirect: {name}: {{{wrong[0]}}} is unknown: the parts are {known}")
            if re.search(r"//[^/@]*:[^/@{]*@", template):
                raise ValueError(
                    f"redirect: {name}: the template has a password, and settings are no place for secrets (not "
                    "shown): write {password} or {url}"
                )
        if self.redirect and not any({"url", "database"} & set(_PART.findall(one)) for one in self.redirect.values()):
            raise ValueError(
                "redirect: no template has {url} or {database}, so the command would change the live database"
            )
        if self.ledger is not None and not self.redirect:
            raise ValueError("ledger needs redirect: without redirect, no copy of the schema is made")
        return self


class Database(Section):
    """The database of the application, and how its schema changes (docs/database.md).

    A release runs the command `migrate.expand`, or the expand files of the directory `files`. Both add to the schema
    before the cutover. Later, `deploys/contract.py` runs the command `migrate.contract`, or the contract files. Both
    remove the parts that only older releases use. Set either `migrate` or `files`.
    """

    url: str | None = Field(
        None,
        description="URL of the database, such as `env:DATABASE_URL` or `mysql://${DB_USERNAME}:${DB_PASSWORD}@"
        "${DB_HOST}/${DB_DATABASE}`. Each variable comes from the environment file of the release, or from the "
        "operator's shell. While a run changes the schema, the run holds a lock of this database, so that "
        "no other run changes the schema at the same time. The connection goes through a node. Default: no lock",
    )
    migrate: Migrate | None = None
    files: ReleasePath | None = Field(
        None,
        description="directory of the release with SQL files, such as `db`. A release runs the expand files that have "
        "not run, and first checks that no statement would break or block the live release. Needs `url`",
    )
    shadow: str | None = Field(
        None,
        description="URL of a database, in the form of `url`. A release makes an empty copy of the schema on the "
        "server of this database, and tries the SQL files or the command `migrate.expand` on the copy. Default: the "
        "server of `url`",
    )
    backfill: bool = Field(
        False,
        description="whether a release runs the backfill files, after the expand files and before any process of the "
        "new release starts. With `False`, you run `orchestrator db backfill`. Needs `files`",
    )
    pending: Literal["refuse", "defer", "contract"] = Field(
        "refuse",
        description="what a release does while a contract file of the live release has not run. With `refuse`, a "
        "release with new expand files fails: `deploys/contract.py` must run first. With `defer`, such a release fails "
        "only if its expand files name a table of the contract. With `contract`, a release with `-y` first "
        "runs the contract",
    )
    user: Literal["web", "deploy"] = Field(
        "web",
        description="user that runs the commands: the web user, who can read the environment file, or the deploy user",
    )
    deadline: Duration = Field(
        3600.0,
        gt=0,
        le=604800,
        description="longest time for which a run waits for each command. If a command takes longer, the run fails, "
        "but the command continues on the node",
    )

    @property
    def as_web(self) -> bool:
        """Whether the web user runs commands of this section."""
        return self.migrate is not None and self.user == "web"

    @property
    def contracts(self) -> bool:
        """Whether these settings have a way to run a contract."""
        return self.files is not None or (self.migrate is not None and self.migrate.contract is not None)

    @property
    def tries(self) -> bool:
        """Whether a release tries the command ``migrate.expand`` on a copy of the schema."""
        return self.migrate is not None and bool(self.migrate.redirect)

    @model_validator(mode="after")
    def _has_one_way(self) -> Self:
        if (self.migrate is None) == (self.files is None):
            raise ValueError("set either migrate (commands of the application) or files (a directory with SQL files)")
        if self.files is not None and self.url is None:
            raise ValueError("files needs url, the URL of the database")
        if self.pending != "refuse" and self.files is None:
            raise ValueError("pending needs files: it is unknown whether the command migrate.contract must still run")
        if self.backfill and self.files is None:
            raise ValueError("backfill needs files: only SQL files have backfills that this tool can run")
        if self.tries and self.url is None:
            raise ValueError("migrate.redirect needs url, the URL of the database whose schema is copied")
        if self.shadow is not None and self.files is None and not self.tries:
            raise ValueError(
                "shadow needs files or migrate.redirect: otherwise nothing is tried on a copy of the schema"
            )
        return self

    @field_validator("url", "shadow")
    @classmethod
    def _has_no_password(cls, url: str | None) -> str | None:
        if url is not None and re.search(r"//[^/@]*:[^/@$]*@", url):
            raise ValueError(
                "the URL has a password, and settings are no place for secrets (not shown): put the URL into an "
                "environment variable, such as env:DATABASE_URL"
            )
        return url


def key_of(name: str) -> str:
    """Return the key of a database in the settings: ``database``, or ``databases.<name>``."""
    return f"databases.{name}" if name else "database"


def named(url: str) -> frozenset[str]:
    """Return the names of the variables that the URL of a database names: ``${NAME}``, and ``env:NAME``."""
    return frozenset([*re.findall(r"\$\{(\w+)\}", url), *re.findall(r"\Aenv:(\w+)", url)])


def filled(url: str, variables: Mapping[str, str], key: str = "database.url") -> str:
    """Return the URL of a database, with each ``${NAME}`` replaced by the percent-encoded value of the variable NAME.

    Raises UsageError if there is no such variable.

    + key: the setting that has the URL, for the message
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in variables:
            raise UsageError(
                f"settings: {key}: there is no variable {match[1]}: add the variable to environment, or "
                "set the variable in your shell"
            )
        return quote(variables[match[1]], safe="")

    return re.sub(r"\$\{(\w+)\}", value, url)


def redirected(templates: Mapping[str, str], parts: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that let a command use another database, name -> value.

    + templates: the setting ``database.migrate.redirect``
    + parts: name of each part in `PARTS` -> value of the part
    """
    return {name: _PART.sub(lambda match: parts[match[1]], template) for name, template in templates.items()}
