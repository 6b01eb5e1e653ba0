"""The rendered configuration of a color's nginx."""

from __future__ import annotations

import re
from typing import Any

import pytest

from orchestrator.errors import UsageError
from orchestrator.model import Color
from orchestrator.stack.nginx import nginx_conf
from tests.provision.test_render import PORTS, SERVICES, STATIC, WEB, settings

SITE = "/srv/shop-x"


def conf(color: Color = Color.blue, **changes: Any) -> str:
    return nginx_conf(settings(**changes), color)


def locations(text: str) -> dict[str, str]:
    """The text of each location of the server, by its name. Asserts that there is one server."""
    (server,) = text.split("\nserver {")[1:]
    parts = re.split(r"\n    location (.+?) \{\n", server)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_variables_are_the_same_for_every_application() -> None:
    # a color has an nginx of its own, so that two applications never share one
    assert conf(app="http").replace("http", "x") == conf(app="shop").replace("shop", "x").replace("http", "x")
    assert all(name.startswith("$bg_") for name in re.findall(r"(?:set|geo \S+|map \S+) (\$\w+)", conf()))


@pytest.mark.parametrize("color", Color)
def test_a_color_reads_its_own_release_never_the_link(color: Color) -> None:
    text = conf(color)
    assert f"{SITE}/live" not in text
    assert str(color.other) not in text
    assert f"map $bg_marked $bg_mark_color   {{ 1 {color}; default" in text
    assert f"fastcgi_param COLOR {color};" in text
    assert f"server unix:{SITE}/{color}/run/fpm.sock max_fails=0;" in text


@pytest.mark.parametrize("color", Color)
def test_a_color_listens_at_its_port_and_its_socket(color: Color) -> None:
    text, run = conf(color), f"/run/orchestrator/shop-x-{color}-nginx"
    # a file that is missing is no error with an asterisk: then only the socket is there
    assert f"include {run}.listen*;\n" in text
    assert re.findall(r"listen (\S+)", text) == [f"unix:{run}/socket"]
    assert "include /etc/orchestrator/shop-x/servers.nginx;" in text


def test_no_location_hides_the_markers() -> None:
    (server,) = conf().split("\nserver {")[1:]
    before, _, rest = server.partition("\n    location ")
    assert re.findall(r"add_header (X-\w+) (\S+) always;", before) == [
        ("X-Release", "$bg_mark_release"),
        ("X-Color", "$bg_mark_color"),
        ("X-Node", "$bg_mark_node"),
    ]
    assert "add_header" not in rest


@pytest.mark.parametrize("changes", [{}, {"services": SERVICES}, {"services": SERVICES, "php": {"scripts": True}}])
def test_no_application_gets_the_probe_token(changes: dict[str, Any]) -> None:
    text = conf(**changes)
    # nginx passes no header for which there is a parameter of FastCGI with an empty value
    passes = text.count("fastcgi_pass ")
    assert passes > 0
    assert text.count('fastcgi_param HTTP_X_PROBE_TOKEN "" if_not_empty;') == passes
    # the request for the health page goes to this same server, which needs the token for the markers
    services = [part for name, part in locations(text).items() if "proxy_pass http://" in part]
    assert bool(services) is bool(changes)
    assert all('proxy_set_header X-Probe-Token "";' in part for part in services)


@pytest.mark.parametrize(("name", "last"), [("/", "@last"), ('~ "^/ws(/|$)"', "@last_service_ws")])
def test_a_node_that_is_drained_ends_its_connections(name: str, last: str) -> None:
    found = locations(conf(services=SERVICES))
    drain = f"        if (-e {SITE}/guard/drain) {{\n            error_page 418 = {last};\n            return 418;"
    assert drain in found[name]
    assert "        keepalive_timeout 0;\n" in found[last]
    # otherwise the last answer is the same
    rest = [line for line in found[last].splitlines() if line.strip().startswith(("proxy_", "try_files"))]
    assert rest
    assert [line for line in found[name].splitlines() if line.strip().startswith(("proxy_", "try_files"))] == rest


def test_a_color_without_a_release_answers_503() -> None:
    found = locations(conf(services=SERVICES))
    for name in ("/", '~ "^/ws(/|$)"'):
        assert 'if ($bg_release = "") {\n            return 503 "no release in blue\\n";' in found[name]


@pytest.mark.parametrize(("public", "below"), [("web/pub.d", "/web/pub.d"), (".", "")])
def test_the_document_root_is_below_the_links_release(public: str, below: str) -> None:
    text = conf(php={"public": public})
    assert '"~/releases/([A-Za-z0-9._-]+)$"' in text
    assert text.count(f"root {SITE}/blue/release;\n") == 1
    assert text.count(f"root {SITE}/releases/$bg_release{below};\n") == 2


def test_the_health_page_is_what_the_settings_of_the_release_say() -> None:
    run = "/run/orchestrator/shop-x-green-nginx"
    found = locations(conf(Color.green, gate={"path": "/up?deep=1", "host": "shop.test"}))["= /.orchestrator/health"]
    assert f'proxy_pass "http://unix:{run}/socket:/up?deep=1";' in found
    assert "proxy_set_header Host shop.test;" in found
    # the scheme that nginx has checked, not the header of a client
    assert "proxy_set_header X-Forwarded-Proto $bg_scheme;" in found
    # the answer of the page itself has both, and this answer adds its own
    assert {"proxy_hide_header X-Color;", "proxy_hide_header X-Node;"} <= {line.strip() for line in found.splitlines()}
    secure = locations(conf(gate={"https": True}))["= /.orchestrator/health"]
    assert "proxy_set_header X-Forwarded-Proto https;" in secure


@pytest.mark.parametrize("character", [" ", '"', "'", "\\", "#", "$", ";", "{", "}"])
def test_a_gate_that_could_break_the_configuration_is_refused(character: str) -> None:
    for gate in ({"path": f"/a{character}b"}, {"host": f"a{character}b"}):
        with pytest.raises(
            UsageError,
            match=r"settings: gate\.(path|host): .*, without spaces, quotes|settings: gate\.host: .* without spaces",
        ):
            conf(gate=gate)
    conf(gate={"path": "/up?a=b&c=%20[d]", "host": "shop.test:8080"})


def test_only_the_front_controller_runs_unless_scripts_is_set() -> None:
    alone = conf()
    assert "$bg_script" not in alone
    assert alone.count("fastcgi_param SCRIPT_FILENAME $document_root/index.php;\n") == 1
    text = conf(php={"scripts": True})
    assert text.count("try_files $bg_script @page;") == text.count("location @front {") == 1
    assert text.count("try_files $bg_page @front;") == 1
    for name in ("SCRIPT_FILENAME $document_root", "SCRIPT_NAME "):
        assert text.count(f"fastcgi_param {name}$uri;\n") == text.count(f"fastcgi_param {name}/index.php;\n") == 1


@pytest.mark.parametrize(("public", "below", "more"), [("web", "web/", []), (".", "", ["~^/storage/"])])
def test_no_script_is_run_where_the_application_writes(public: str, below: str, more: list[str]) -> None:
    written: dict[str, Any] = {
        "shared": {"directories": [f"{below}wp-content/uploads", "storage"]},
        "permissions": {"writable": [f"{below}cache.d"]},
    }
    text = conf(php={"public": public, "scripts": True}, **written)
    never = re.findall(r'"(\S+)" +/\.never;', text.split("_script {")[1].split("default")[0])
    assert never == [r"~/\.", r"~^/cache\.d/", *more, r"~^/wp\-content/uploads/"]


def test_a_static_site_is_nginx_s_alone() -> None:
    text = conf(Color.blue, **STATIC)
    assert "fastcgi_p" not in text.replace("fastcgi_temp_path", "")
    assert "upstream " not in text
    assert text.count("try_files $bg_file $bg_index $bg_file/ =404;") == 1
    assert '"~/$"    "${bg_file}index.html";' in text
    assert text.count("absolute_redirect off;") == 1


def test_a_service_that_answers_everything_but_files() -> None:
    for color in Color:
        text = conf(color, runtime="service", services=[WEB])
        assert "fastcgi_pass" not in text
        socket = f"{SITE}/{color}/run/web.sock"
        assert f"upstream service_web {{\n    server unix:{socket} max_fails=0;" in text
        assert text.count("try_files $bg_file @service;") == 1
        assert locations(text)["@service"].startswith("        proxy_pass http://service_web;")
        assert "location ~" not in text
        assert "proxy_buffering off" not in text
    without = conf(runtime="service", services=[WEB | {"files": False}])
    assert without.count("try_files /.never @service;") == 2


def test_a_service_on_a_port_of_its_color() -> None:
    for color, port in PORTS.items():
        text = conf(Color(color), runtime="service", services=[WEB | {"ports": PORTS}])
        assert f"upstream service_web {{\n    server 127.0.0.1:{port} max_fails=0;" in text


def test_only_built_files_are_looked_for_in_the_other_color() -> None:
    assert "@other" not in conf()
    text = conf(assets=["build", "dist/v1.x"], php={"public": "web"})
    assert 'map $bg_file $bg_asset {\n    "~^/(build|dist/v1\\.x)/"  $bg_file;\n    default' in text
    found = locations(text)
    assert "try_files $bg_file @other;" in found["@release"]
    assert "try_files $bg_asset @php;" in found["@other"]
    # the other release may have another document root: the release's own link names it
    assert f"root {SITE}/green/release/.release/stack/public;\n" in found["@other"]


def test_a_services_path_goes_to_the_color_that_was_read_once() -> None:
    text = conf(Color.green, services=SERVICES, stream_limit="30m")
    assert f"server unix:{SITE}/green/run/ws.sock max_fails=0;" in text
    names = list(locations(text))
    # nginx takes the first of two matching locations
    places = [names.index(name) for name in ('~ "^/ws/lo\\.g(/|$)"', '~ "^/ws(/|$)"', "/")]
    assert places == sorted(places)
    location = locations(text)['~ "^/ws(/|$)"']
    assert location.count("$bg_seen_release") == 1
    for line in (
        "proxy_pass http://service_ws;",
        "proxy_set_header Upgrade $http_upgrade;",
        "proxy_set_header Connection $bg_connection;",
        "proxy_buffering off;",
        "proxy_read_timeout 1800000ms;",
    ):
        assert line in location
    assert "$http_upgrade" not in conf()


def test_the_web_user_may_write_where_nginx_writes() -> None:
    text = conf()
    assert "access_log /var/log/orchestrator/shop-x/blue/access.log;" in text
    written = re.findall(r"^(\w+_temp_path) (\S+);", text, re.MULTILINE)
    assert [name for name, _ in written] == [
        f"{name}_temp_path" for name in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")
    ]
    assert all(path.startswith("/var/cache/orchestrator/shop-x-blue/") for _, path in written)


def test_own_directives_are_read_in_the_server_block() -> None:
    assert "own.conf" not in conf()
    text = conf(web={"include": "deploy/nginx.conf"})
    (server,) = text.split("\nserver {")[1:]
    # nginx finds the file beside the configuration; the operation `configure` copies it there
    assert "\n    include own.conf;\n" in server.partition("\n    location ")[0]
    assert "deploy/nginx.conf" not in text
