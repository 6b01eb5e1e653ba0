"""Bad settings, options and inventories: each is refused in one clear line, before any host is contacted."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from pyinfra.api.host import Host

from orchestrator.config import load
from orchestrator.config.secrets import with_secrets, without_secrets
from orchestrator.errors import UsageError

from .bad_inputs import CHANGES, SETTINGS, TABLES, Case, ask, cases, settings_with

CASES = {table: list(cases(table)) for table in TABLES}

UNCLEAR = r"[Ii]nput should|String should|List should|validat|match pattern|NoneType|None of|Traceback|pydantic|Error\b"
"""Words of programs and libraries, which no message has."""


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """No host may be connected or asked."""

    def touched(self: Host, *arguments: object, **more: object) -> None:
        raise AssertionError(f"{self.name} was touched")

    for name in ("connect", "run_shell_command", "put_file", "get_file", "get_fact"):
        monkeypatch.setattr(Host, name, touched)


def wrong(case: Case) -> str:
    """What is wrong with the answer to an input; empty if the answer is right."""
    said = case.refusal()
    if said is None:
        return "is accepted"
    if said != case.words:
        return f"is refused with {said!r}, not with {case.words!r}"
    return f"is refused unclearly: {said!r}" if not said.isprintable() or re.search(UNCLEAR, said) else ""


@pytest.mark.parametrize("heading", dict.fromkeys(case.heading for case in CASES["bad_settings"]))
def test_bad_settings(heading: str) -> None:
    settings = [case for case in CASES["bad_settings"] if case.heading == heading]
    assert {case.text: problem for case in settings if (problem := wrong(case))} == {}


@pytest.mark.parametrize("verb", dict.fromkeys(case.heading for case in CASES["bad_options"]))
def test_bad_options(verb: str) -> None:
    options = [case for case in CASES["bad_options"] if case.heading == verb]
    assert {case.text: problem for case in options if (problem := wrong(case))} == {}


def test_bad_inventories() -> None:
    assert {case.text: problem for case in CASES["bad_inventories"] if (problem := wrong(case))} == {}


def test_there_are_500_bad_inputs() -> None:
    assert sum(map(len, CASES.values())) >= 500
    twice = [case for table in CASES.values() for case in table]
    assert len({(case.table, case.heading, case.text) for case in twice}) == len(twice)


@pytest.mark.parametrize("changes", ["", *CHANGES])
def test_the_inputs_that_the_tables_change_are_right(changes: str) -> None:
    ask(SETTINGS | CHANGES.get(changes, {}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("user", "root"),
        ("web_user", "deploy"),
        ("root", "/var/lib/shop"),
        ("php.public", "./public"),
        ("php.compile", ["../.."]),
        ("hooks.0.run", "one\ntwo"),
        ("services.0.name", "shrink"),
        ("preview.header", "Host"),
        ("preview.cookie", "route"),
        ("switches.1.access_log", "/var/lib/shop/log"),
        ("switches.0.tls.certificate", "/home/ann/shop.pem"),
        ("web.headers", {"X-Accel-Expires": "1"}),
        ("permissions.modes", {"bin/run": "4755"}),
        ("permissions.group", "adm"),
    ],
)
def test_a_run_of_an_earlier_version_is_read_with_its_settings(key: str, value: Any) -> None:
    now = load(SETTINGS)
    with pytest.raises(UsageError):
        load(settings_with(key, value))
    recorded = without_secrets(load(settings_with(key, value), recorded=True))
    assert without_secrets(with_secrets(recorded, now)) == recorded


def test_texts_in_several_lines_where_they_make_sense() -> None:
    settings = copy.deepcopy(SETTINGS)
    settings["build"][0]["run"] = "composer install &&\n    php artisan optimize\n"
    settings["build"][0]["when"] = "test -e a ||\n    test -e b"
    settings["environment"]["values"]["KEY"] = "-----BEGIN KEY-----\nabc\n-----END KEY-----\n"
    ask(settings)


@pytest.mark.parametrize(
    "changes",
    [
        {"app": "shop\n"},
        {"root": "/var/www/shop"},
        {"root": "/data"},
        {"root": "/opt/shop"},
        {"web_user": "shop-web"},
        {"web_user": "nginx"},
        {"marker": {"token": " hush\n"}},
        {"php": {"public": "."}},
        {"php": {"compile": [".", "app/", "src"], "compile_exclude": ["vendor/*/tests/*"]}},
        {"php": {"ini": {"session.name": "shop", "error_log": "/var/log/a\tb"}}},
        {"source": {"kind": "directory", "path": "/usr/share/shop"}},
        {"source": {"kind": "directory", "path": "/root/shop/"}},
        {"source": {"kind": "artifact", "checkout": "../shop/"}},
        {"switches": [SETTINGS["switches"][0] | {"sticky": {"cookie": "preview2"}}]},
        {"switches": [SETTINGS["switches"][1] | {"access_log": "/var/log/nginx/shop.log combined"}]},
        {"switches": [SETTINGS["switches"][1] | {"access_log": "/data/logs/shop.log"}]},
        {"switches": [SETTINGS["switches"][1] | {"access_log": "syslog:server=unix:/dev/log"}]},
        {"preview": {"cookie": "route"}},
    ],
)
def test_settings_that_look_like_bad_ones(changes: dict[str, Any]) -> None:
    ask(SETTINGS | changes)
