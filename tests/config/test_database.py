"""The setting that lets the application's own migrator use another database."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config import load
from orchestrator.config.database import redirected
from orchestrator.errors import UsageError
from tests.stages.plans import BASE

URL = {"url": "env:DATABASE_URL"}
PARTS = {"url": "pgsql://u:p@db/x", "host": "db", "port": "5432", "database": "x", "user": "u", "password": "{user}"}


def test_the_parts_of_a_url_fill_the_templates() -> None:
    templates = {"DSN": "pgsql:host={host};port={port};dbname={database}", "SECRET": "{user}:{password}", "MODE": "{}"}
    assert redirected({**templates, "MODE": "copy"}, PARTS) == {
        "DSN": "pgsql:host=db;port=5432;dbname=x",
        "SECRET": "u:{user}",
        "MODE": "copy",
    }


@pytest.mark.parametrize(
    ("redirect", "said"),
    [
        ({"DB-NAME": "{database}"}, "'DB-NAME' is not the name of an environment variable"),
        ({"RELEASE": "{database}"}, "RELEASE is a variable that this tool sets"),
        ({"DB": "{name}"}, r"DB: \{name\} is unknown: the parts are \{url\}, \{host\}"),
        ({"DB": "{database}{}"}, r"DB: \{\} is unknown"),
        ({"DB_HOST": "{host}"}, r"no template has \{url\} or \{database\}, so the command would change the live"),
        ({"DB": "mysql://u:geheim@h/{database}"}, "DB: the template has a password"),
        ({"DB": "{database}\nx"}, "DB: the text must not contain a line break"),
    ],
)
def test_a_wrong_template_is_refused(redirect: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        load(BASE | {"database": URL | {"migrate": {"expand": "a", "redirect": redirect}}})
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ({"migrate": {"expand": "a", "redirect": {"DB": "{url}"}}}, "migrate.redirect needs url"),
        (URL | {"migrate": {"expand": "a", "ledger": ["migrations"]}}, "ledger needs redirect"),
        (URL | {"shadow": "env:X", "migrate": {"expand": "a"}}, "shadow needs files or migrate.redirect"),
    ],
)
def test_the_copy_needs_a_url_and_a_redirect(database: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load(BASE | {"database": database})


def test_a_command_is_tried_only_with_the_setting() -> None:
    migrate = {"expand": "a", "redirect": {"DB_URL": "mysql://{user}:{password}@{host}/{database}"}}
    for more, tries in ((migrate, True), ({"expand": "a"}, False)):
        database = load(BASE | {"database": URL | {"migrate": more}}).database
        assert database is not None
        assert database.tries is tries
    assert load(BASE | {"database": URL | {"migrate": migrate, "shadow": "env:X"}}).database


def test_a_database_has_a_short_name() -> None:
    files = URL | {"files": "db"}
    assert set(load(BASE | {"databases": {"stats-2": files}}).all_databases) == {"stats-2"}
    assert list(load(BASE | {"databases": {"stats": files}, "database": files}).all_databases) == ["", "stats"]
    for name in ("", "Stats", "2", "a_b", "x" * 32):
        with pytest.raises(UsageError, match="is not the name of a database: use small letters, digits and -"):
            load(BASE | {"databases": {name: files}})


def test_a_release_runs_backfills_only_with_files() -> None:
    with pytest.raises(UsageError, match="backfill needs files"):
        load(BASE | {"database": URL | {"migrate": {"expand": "a"}, "backfill": True}})
