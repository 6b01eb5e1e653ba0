"""Settings: what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import load
from orchestrator.config.document import document
from orchestrator.errors import UsageError


def raw(**changes: Any) -> dict[str, Any]:
    return {
        "app": "shop",
        "source": {"origin": "git@example.com:shop.git"},
        "switches": [{"kind": "haproxy", "group": "haproxy", "urls": ["http://shop.test/"]}],
        "marker": {"answers": "all"},
    } | changes


def test_the_least_that_settings_need() -> None:
    settings = load(raw())
    assert settings.node.root == "/srv/shop"
    assert settings.source.ref == "main"
    assert settings.token == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keeep": 3}, r"unknown key keeep \(did you mean keep\?\)"),
        ({"source": {"origin": "x", "reff": "y"}}, r"unknown key source.reff \(did you mean ref\?\)"),
        (
            {"switches": [{"kind": "haproxy", "group": "h", "urls": ["u"], "listem": 1}]},
            r"unknown key switches.0.listem \(did you mean listen\?\)",
        ),
        ({"first_color": "purple"}, "first_color: Input should be 'blue' or 'green'"),
        ({"marker": {}}, "marker.token is missing"),
        ({"ports": {"blue": 8080}}, "three different ports"),
        ({"keep": 1}, "keep: "),
        ({"switches": []}, "switches: "),
        ({"nodes": "haproxy"}, "inventory groups of their own"),
        ({"app": "Shop!"}, "app: "),
        ({"probe": {"host": "https://shop.example"}}, "probe.host: "),
        ({"probe": {"host": "shop..example"}}, "probe.host: "),
        ({"probe": {"host": ""}}, "probe.host: "),
        ({"probe": {"ca": ""}}, "probe.ca: "),
        ({"probe": {"http2": True}}, "probe.http2: HTTP/2 is for https only, and http://shop.test/ is not"),
        ({"services": [{"name": "fpm", "command": "x", "path": "/x"}]}, "services.0.name: fpm is PHP-FPM's own"),
        ({"services": [{"name": "ws", "command": "x", "path": "/"}]}, "services.0.path: "),
        ({"services": [{"name": "ws", "command": "x", "path": "/w s"}]}, "services.0.path: "),
        ({"services": [{"name": "ws", "command": "x\ny", "path": "/ws"}]}, "services.0.command: "),
        (
            {"services": [{"name": "ws", "command": "x", "path": f"/{path}"} for path in "ab"]},
            "services: ws is the name of more than one",
        ),
        (
            {"services": [{"name": name, "command": "x", "path": "/ws"} for name in "ab"]},
            "services: /ws is the path of more than one",
        ),
        (
            {"root": "/srv/" + "a" * 90, "services": [{"name": "ws", "command": "x", "path": "/ws"}]},
            "longer than the 107 characters a socket may have",
        ),
        ({"shared": {"directories": ["sessions"]}}, "shared.directories: sessions is made by php.sessions"),
        ({"drain": {"limit": "soon"}}, "drain.limit: 'soon' is not a length of time"),
    ],
)
def test_bad_settings_are_refused_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        load(raw(**changes))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("host", ["shop.example", "shop.example:8443", "192.0.2.1", "[2001:db8::1]:443"])
def test_names_that_a_probe_may_ask_for(host: str) -> None:
    assert load(raw(probe={"host": host})).probe.host == host


def test_missing_settings() -> None:
    with pytest.raises(UsageError, match="settings are missing"):
        load(None)


def test_the_token_is_not_shown() -> None:
    assert "hush" not in repr(load(raw(marker={"answers": "all", "token": "hush"})))


def test_the_page_of_settings_is_the_code() -> None:
    page = Path(__file__).parents[2] / "docs" / "settings.md"
    assert page.read_text() == document(), "run: python -m orchestrator.config.document > docs/settings.md"


def test_a_wrong_key_in_a_section_of_a_switch_is_named_with_the_nearest_one() -> None:
    switch = {"kind": "nginx", "group": "b", "urls": ["http://b"], "tls": {"certificate": "/c", "listn": 1}}
    with pytest.raises(UsageError, match=r"unknown key switches\.0\.tls\.listn \(did you mean listen\?\)"):
        load({"app": "shop", "source": {"origin": "x"}, "switches": [switch], "marker": {"answers": "all"}})
