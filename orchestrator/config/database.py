"""The settings of the database: the application's own commands that change the schema."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.config.duration import Duration
from orchestrator.config.section import Section


class Migrate(Section):
    """The application's commands that change the schema. Each command runs in the directory of a release, on one node.

    A command must do nothing if there is nothing to do, as the migration programs of frameworks do.
    """

    lines: ClassVar[frozenset[str]] = frozenset({"expand", "check", "contract"})

    expand: str = Field(
        min_length=1,
        description="shell command that adds to the schema what the new release needs, such as `php artisan migrate "
        "--force`. A release runs this command once, with the code of the new release, before any process of the new "
        "release starts. The live release must work with the changed schema",
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
        description="shell command that removes from the schema what only older releases use. `deploys/contract.py` "
        "runs this command, with the code of the live release",
    )


class Database(Section):
    """The database of the application. Releases change the schema in two phases (docs/database.md).

    The expand adds to the schema before the cutover. The contract removes the rest later, by a command of its own.
    """

    migrate: Migrate
    user: Literal["web", "deploy"] = Field(
        "web",
        description="user that runs the commands: the web user, who can read the environment file, or the deploy user",
    )
    deadline: Duration = Field(
        3600.0, gt=0, le=604800, description="time limit of each command. A command that takes longer is not stopped"
    )
