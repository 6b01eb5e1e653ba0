"""Settings in the journal hold no secret, and get each one back from the settings at hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from orchestrator.config import Settings, load
from orchestrator.config.secrets import with_secrets, without_secrets

from .test_settings import raw

URL = "https://me:hush@files.test/shop-{ref}.tar.gz?signature=hush"
ORIGIN = "https://me:hush@git.test/shop.git"

SECRETS: Mapping[str, dict[str, Any]] = {
    "marker.token": {"marker": {"answers": "probe", "token": "hush"}},
    "preview.token": {"preview": {"token": "hush-hush-hush-hush"}},
    "maintenance.token": {
        "maintenance": {"token": "hush-hush-hush-hush"},
        "marker": {"answers": "probe", "token": "hush"},
    },
    "php.ini": {"php": {"ini": {"mysqli.default_pw": "hush"}}},
    "notifications": {"notifications": [{"url": "json://files.test/hush", "on": ["failed"]}]},
    "environment.values": {"environment": {"values": {"DB_PASSWORD": " hush "}}},
    "source.origin": {"source": {"origin": ORIGIN}},
    "source.url of an archive": {"source": {"kind": "archive", "url": URL}},
    "source.url of an artifact": {"source": {"kind": "artifact", "url": URL}},
}


def written(settings: Settings) -> dict[str, Any]:
    """Settings as the journal has them."""
    read: dict[str, Any] = json.loads(json.dumps(without_secrets(settings)))
    return read


@pytest.mark.parametrize("changes", SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_is_left_out_and_put_back(changes: dict[str, Any]) -> None:
    settings = load(raw(**changes))
    assert "hush" not in json.dumps(written(settings))
    assert with_secrets(written(settings), settings) == settings


def test_all_secrets_at_once_come_back() -> None:
    together: dict[str, Any] = {}
    for name, changes in SECRETS.items():
        together |= {} if name.startswith("source.url") else changes
    settings = load(raw(**together))
    assert with_secrets(written(settings), settings) == settings


@pytest.mark.parametrize(
    ("then", "now", "kept"),
    [
        pytest.param({"keep": 3}, {"keep": 9}, ("keep", 3), id="what is no secret is as recorded"),
        pytest.param(
            {"source": {"origin": ORIGIN}},
            {"source": {"origin": "https://you:other@elsewhere.test/shop.git"}},
            ("source", {"origin": "https://git.test/shop.git"}),
            id="a login is for its own repository only",
        ),
        pytest.param(
            {"source": {"origin": ORIGIN}},
            {"source": {"kind": "directory", "path": "."}},
            ("source", {"origin": "https://git.test/shop.git"}),
            id="a source of another kind has no login for it",
        ),
        pytest.param(
            {"source": {"kind": "archive", "url": URL}},
            {"source": {"kind": "archive", "file": "shop.tar"}},
            ("source", {"kind": "archive", "url": "https://files.test/shop-{ref}.tar.gz"}),
            id="an archive that is a file now",
        ),
        pytest.param(
            {"source": {"kind": "archive", "file": "shop.tar"}},
            {"source": {"kind": "archive", "url": URL}},
            ("source", {"kind": "archive", "file": "shop.tar"}),
            id="an archive that was a file",
        ),
        pytest.param(
            {"source": {"kind": "archive", "url": URL}},
            {"source": {"kind": "archive", "url": URL.replace("signature=hush", "signature=new")}},
            ("source", {"kind": "archive", "url": URL.replace("signature=hush", "signature=new")}),
            id="a signature that was renewed",
        ),
        pytest.param(
            {"source": {"kind": "archive", "url": URL}},
            {"source": {"kind": "artifact", "url": URL}},
            ("source", {"kind": "archive", "url": "https://files.test/shop-{ref}.tar.gz"}),
            id="a URL is for its own kind of source only",
        ),
        pytest.param(
            {"environment": {"values": {"A": "hush"}}},
            {},
            ("environment", {}),
            id="an environment that the settings have no more",
        ),
        pytest.param({}, {"environment": {"values": {"A": "hush"}}}, ("environment", None), id="one that is new"),
    ],
)
def test_secrets_come_from_the_settings_at_hand(
    then: dict[str, Any], now: dict[str, Any], kept: tuple[str, Any]
) -> None:
    key, value = kept
    made = with_secrets(written(load(raw(**then))), load(raw(**now)))
    assert getattr(made, key) == getattr(load(raw(**{key: value})), key)


def test_settings_without_a_section_that_is_newer() -> None:
    older = written(load(raw()))
    del older["preview"]
    assert with_secrets(older, load(raw())) == load(raw())
