"""Settings: which are refused, and with which messages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import load
from orchestrator.config.document import document
from orchestrator.config.source import GitSource
from orchestrator.errors import UsageError


def raw(**changes: Any) -> dict[str, Any]:
    return {
        "app": "shop",
        "source": {"origin": "git@example.com:shop.git"},
        "switches": [{"kind": "haproxy", "group": "haproxy", "urls": ["http://shop.test/"]}],
        "marker": {"answers": "all"},
    } | changes


def urls(*urls: str) -> dict[str, Any]:
    return {"switches": [{"kind": "haproxy", "group": "haproxy", "urls": list(urls)}]}


def test_the_least_that_settings_need() -> None:
    settings = load(raw())
    assert settings.node.root == "/srv/shop"
    assert isinstance(settings.source, GitSource)
    assert settings.source.ref == "main"
    assert settings.token == ""


@pytest.mark.parametrize("root", ["/data/shop", "/data/shop/", "/data//shop//"])
def test_the_root_is_written_in_one_way(root: str) -> None:
    assert load(raw(root=root)).node.releases == "/data/shop/releases"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keeep": 3}, r"unknown key keeep \(did you mean keep\?\)"),
        ({"source": {"origin": "x", "reff": "y"}}, r"unknown key source.reff \(did you mean ref\?\)"),
        (
            {"switches": [{"kind": "haproxy", "group": "h", "urls": ["u"], "listem": 1}]},
            r"unknown key switches.0.listem \(did you mean listen\?\)",
        ),
        (
            {"build": [{"name": "a", "run": "x", "user": "web", "on": "operator"}]},
            "build.0: the step a runs as the web user, which exists only on the nodes",
        ),
        (
            {"build": [{"name": "a", "run": "x", "user": "web", "inputs": ["b"], "outputs": ["c"]}]},
            "build.0: the step a runs as the web user, and such a step runs in each release",
        ),
        ({"build": [{"name": "a", "run": "x", "user": "root"}]}, "build.0.user: the value must be 'deploy' or 'web'"),
        *(
            (
                {"hooks": [{"before": "cutover", "run": "x", "user": "web", "on": place}]},
                (
                    f"hooks.0: a hook on {place} cannot run as the web user, which exists only on the nodes: set user "
                    '= "deploy"'
                ),
            )
            for place in ("balancers", "operator")
        ),
        ({"first_color": "purple"}, "first_color: the value must be 'blue' or 'green'"),
        ({"ports": {"blue": 8080}}, "three different ports"),
        ({"keep": 1}, "keep: "),
        ({"warm": ["health"]}, "warm.0: "),
        ({"switches": []}, "switches: "),
        ({"app": "Shop!"}, "app: "),
        ({"root": "/srv/../etc"}, r"root: /srv/\.\./etc must not contain the parts \. and \.\."),
        ({"root": "/srv/./shop"}, "root: /srv/./shop must not contain"),
        ({"root": "//"}, "root: // is the root directory"),
        ({"probe": {"host": "https://shop.example"}}, "probe.host: "),
        ({"probe": {"host": "shop..example"}}, "probe.host: "),
        ({"probe": {"host": ""}}, "probe.host: "),
        ({"probe": {"ca": ""}}, "probe.ca: "),
        (
            {"services": [{"name": "fpm", "command": "x", "path": "/x"}]},
            "services.0.name: fpm is the name of a unit that this tool installs",
        ),
        (
            {"services": [{"name": "nginx", "command": "x", "path": "/x"}]},
            "services.0.name: nginx is the name of a unit that this tool installs",
        ),
        ({"ports": {"blue": 1023}}, "ports.blue: the value must be greater than or equal to 1024"),
        (
            {"services": [{"name": "ws", "command": "x", "path": "/ws", "ports": {"blue": 9001, "green": 9001}}]},
            "services.0.ports: blue and green run at the same time, and need different ports",
        ),
        ({"services": [{"name": "ws", "command": "x", "path": "/w s"}]}, "services.0.path: "),
        ({"services": [{"name": "ws", "command": "x\ny", "path": "/ws"}]}, "services.0.command: "),
        ({"probe": {"paths": ["/", "status"]}}, "probe.paths.1: "),
        ({"probe": {"paths": ["/a b"]}}, "probe.paths.0: "),
        (urls("shop.test"), "switches.0.urls: 'shop.test' is not a URL of the form http://host"),
        (urls("http://shop.test/", "ftp://shop.test/"), "switches.0.urls: 'ftp://shop.test/' is not a URL of the form"),
        (urls("http://shop.test:http/"), "switches.0.urls: 'http://shop.test:http/' is not a URL: Port could not be"),
        (urls("http://shop.test:99999/"), "switches.0.urls: 'http://shop.test:99999/' is not a URL: Port out of range"),
        (urls("http://[::1/"), "switches.0.urls: 'http://.::1/' is not a URL: Invalid IPv6 URL"),
        (urls("http://shop..test/"), "switches.0.urls: 'shop..test' is not a valid host name"),
        (urls("http://shop.test/ä"), "switches.0.urls: 'http://shop.test/ä' has a character that is not allowed"),
        (urls("http://me:hush@shop.test:x/"), "switches.0.urls: the URL has a user and a password, which are not"),
        (urls("http://me:hush@[shop.test/"), "switches.0.urls: the URL has a user and a password, which are not"),
        ({"drain": {"limit": "soon"}}, "drain.limit: 'soon' is not a duration"),
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
    # also a setting with the default None
    assert re.search(r"^\| `hold` \| servers \| duration \|", page.read_text(), re.MULTILINE)


def test_a_wrong_key_of_a_switch_is_named_with_the_nearest_key() -> None:
    switch = {"kind": "nginx", "group": "b", "urls": ["http://b"], "tls": {"certificate": "/c", "listn": 1}}
    with pytest.raises(UsageError, match=r"unknown key switches\.0\.tls\.listn \(did you mean listen\?\)"):
        load({"app": "shop", "source": {"origin": "x"}, "switches": [switch], "marker": {"answers": "all"}})
