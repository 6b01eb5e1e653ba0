"""Settings: which are refused, and with which messages."""

from __future__ import annotations

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
        ({"first_color": "purple"}, "first_color: Input should be 'blue' or 'green'"),
        ({"marker": {}}, "marker.token is missing"),
        ({"ports": {"blue": 8080}}, "three different ports"),
        ({"keep": 1}, "keep: "),
        ({"warm": ["health"]}, "warm.0: "),
        (
            {"assets": ["build", "public/js"]},
            "assets: public/js is in the document root, public/: there ",
        ),
        (
            {
                "runtime": "service",
                "services": [{"name": "web", "command": "x", "path": "/", "files": False}],
                "assets": ["build"],
            },
            r"assets: web sends its files itself \(services.files\)",
        ),
        ({"switches": []}, "switches: "),
        ({"nodes": "haproxy"}, "inventory groups of their own"),
        ({"app": "Shop!"}, "app: "),
        ({"root": "/srv/../etc"}, r"root: /srv/\.\./etc has a part \. or \.\."),
        ({"root": "/srv/./shop"}, "root: /srv/./shop has a part"),
        ({"root": "//"}, "root: // is no directory of its own"),
        ({"probe": {"host": "https://shop.example"}}, "probe.host: "),
        ({"probe": {"host": "shop..example"}}, "probe.host: "),
        ({"probe": {"host": ""}}, "probe.host: "),
        ({"probe": {"ca": ""}}, "probe.ca: "),
        ({"probe": {"http2": True}}, "probe.http2: HTTP/2 is for https only, and http://shop.test/ is not"),
        ({"services": [{"name": "fpm", "command": "x", "path": "/x"}]}, "services.0.name: fpm is PHP-FPM's own"),
        (
            {"services": [{"name": "ws", "command": "x", "path": "/"}]},
            r'services: ws answers everything \(path /\) only with runtime = "service"',
        ),
        (
            {
                "runtime": "service",
                "php": {"public": "."},
                "services": [{"name": "web", "command": "x", "path": "/"}],
            },
            r"services: web.files: the document root is the whole release",
        ),
        ({"runtime": "service"}, 'runtime: "service" needs one of services with the path /'),
        (
            {"runtime": "static", "services": [{"name": "ws", "command": "x", "path": "/ws"}]},
            'services: nothing runs with runtime = "static"',
        ),
        (
            {"services": [{"name": "ws", "command": "x", "path": "/ws", "ports": {"blue": 8081, "green": 9002}}]},
            "services: ws.ports.blue: 8081 is ports.blue, too",
        ),
        (
            {
                "services": [
                    {"name": name, "command": "x", "path": f"/{name}", "ports": {"blue": 9001, "green": green}}
                    for name, green in (("a", 9002), ("b", 9003))
                ]
            },
            "services: b.ports.blue: 9001 is a.ports.blue, too",
        ),
        (
            {"services": [{"name": "ws", "command": "x", "path": "/ws", "ports": {"blue": 9001, "green": 9001}}]},
            "services.0.ports: blue and green run at the same time, and need a port each",
        ),
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
        (
            {"shared": {"directories": ["storage"], "files": ["storage/oauth-private.key"]}},
            r"^settings: shared.files: storage/oauth-private.key lies in storage \(shared.directories\), and is shared "
            "with it: leave it out$",
        ),
        (
            {"shared": {"directories": ["storage/app", "storage/"]}},
            r"^settings: shared.directories: storage/app lies in storage \(shared.directories\), and is shared with it",
        ),
        (
            {"shared": {"directories": ["auth/keys"], "files": ["auth"]}},
            r"^settings: shared.directories: auth/keys lies in auth \(shared.files\)",
        ),
        (
            {"shared": {"directories": ["storage"], "files": ["storage"]}},
            r"^settings: shared.files: storage is one of shared.directories, too: leave one out$",
        ),
        ({"shared": {"files": ["a", "a"]}}, "^settings: shared.files: a is one of shared.files, too: leave one out$"),
        (
            {"shared": {"directories": ["storage"]}, "environment": {"path": "storage/app/.env"}},
            r"^settings: environment.path: storage/app/.env is of shared.directories \(storage\), too: each release "
            "has an environment of its own: give it a path apart from what is shared$",
        ),
        (
            {"shared": {"files": [".env"]}, "environment": {}},
            r"^settings: environment.path: .env is of shared.files \(.env\), too",
        ),
        (
            {"shared": {"directories": [".env/keys"]}, "environment": {}},
            r"^settings: environment.path: .env is of shared.directories \(.env/keys\), too",
        ),
        (
            {"shared": {"files": ["auth.json"]}, "permissions": {"modes": {"auth.json": "600"}}},
            r"^settings: permissions.modes: auth.json is of shared.files \(auth.json\), too: what is shared is the "
            "live release's, too: leave it out$",
        ),
        (
            {"shared": {"directories": ["storage"]}, "permissions": {"private": ["storage/keys"]}},
            r"^settings: permissions.private: storage/keys is of shared.directories \(storage\)",
        ),
        (
            {"shared": {"directories": ["storage"]}, "permissions": {"writable": ["storage/cache"]}},
            r"^settings: permissions.writable: storage/cache is of shared.directories \(storage\)",
        ),
        ({"drain": {"limit": "soon"}}, "drain.limit: 'soon' is not a length of time"),
    ],
)
def test_bad_settings_are_refused_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        load(raw(**changes))
    assert "\n" not in str(refused.value)


def test_shared_paths_may_have_names_that_begin_alike() -> None:
    load(raw(shared={"directories": ["storage/app", "storage/app2", "storage-x"], "files": ["storage/key"]}))


def test_a_parent_of_a_shared_path_may_have_its_own_permissions() -> None:
    asked = {"modes": {"storage": "750"}, "private": ["storage"], "writable": ["storage"]}
    load(raw(shared={"directories": ["storage/app"]}, permissions=asked))


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


def test_a_wrong_key_of_a_switch_is_named_with_the_nearest_key() -> None:
    switch = {"kind": "nginx", "group": "b", "urls": ["http://b"], "tls": {"certificate": "/c", "listn": 1}}
    with pytest.raises(UsageError, match=r"unknown key switches\.0\.tls\.listn \(did you mean listen\?\)"):
        load({"app": "shop", "source": {"origin": "x"}, "switches": [switch], "marker": {"answers": "all"}})
