"""The contents of the rendered files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, TypeVar

import pytest

from orchestrator.config import Settings, load
from orchestrator.config.switch import HAProxySwitch, NginxSwitch, Switch
from orchestrator.errors import UsageError
from orchestrator.model import Color, Weights
from orchestrator.provision import render
from orchestrator.provision.members import Listed

S = TypeVar("S", bound=Switch)

NODES = {"node1": "10.0.0.1", "node2": "10.0.0.2"}


def settings(**changes: Any) -> Settings:
    return load(
        {
            "app": "shop-x",
            "source": {"origin": "git@origin:shop.git"},
            "switches": [{"kind": "haproxy", "group": "balancers", "urls": ["http://127.0.0.1"]}],
            "marker": {"answers": "all"},
            **changes,
        }
    )


def only(made: Settings, kind: type[S]) -> S:
    """The only switch of the settings. Asserts its kind."""
    (switch,) = made.switches
    assert isinstance(switch, kind)
    return switch


def both_kinds(made: Settings, switch: Switch) -> tuple[str, str]:
    """The configurations of HAProxy and nginx, both with the settings of this switch."""
    known = switch.model_dump(exclude={"kind", "log", "access_log"})
    haproxy, nginx = HAProxySwitch(kind="haproxy", **known), NginxSwitch(kind="nginx", **known)
    return render.haproxy(made, haproxy, NODES, "deploy"), render.balancer_nginx(made, nginx, NODES)


def test_variables_allow_dashes_in_names_and_never_are_builtin() -> None:
    assert render.variable(settings()) == "$bg_shop_x"
    assert render.variable(settings(app="http")) == "$bg_http"
    assert "$shop-x" not in render.node_nginx(settings(), "node1")
    assert "$bg_shop-x" not in render.node_nginx(settings(), "node1")


def test_a_node_has_three_ports_and_only_live_reads_the_link() -> None:
    text = render.node_nginx(settings(ports={"live": 9000, "blue": 9001, "green": 9002}), "node1")
    servers = text.split("\nserver {")[1:]
    assert [server.split("listen ")[1].split()[0] for server in servers] == ["9000", "9001", "9002"]
    assert ["/srv/shop-x/live;" in server for server in servers] == [True, False, False]
    assert "set $bg_shop_x_color blue;" in servers[1]
    assert "set $bg_shop_x_color green;" in servers[2]


def test_no_location_hides_the_markers() -> None:
    for server in render.node_nginx(settings(), "node1").split("\nserver {")[1:]:
        assert server.count("add_header X-") == 3
        assert "add_header X-" not in server.split("location /")[1]


def test_a_node_that_is_drained_ends_its_connections() -> None:
    text = render.node_nginx(settings(), "node1")
    assert text.count("if (-e /srv/shop-x/guard/drain) {") == 3
    assert text.count("keepalive_timeout 0;") == 3


def test_markers_for_all_need_no_token() -> None:
    text = render.node_nginx(settings(marker={"answers": "all", "token": "secret"}), "node1")
    assert "secret" not in text
    assert "http_x_probe_token" not in text


def test_markers_for_the_probe_compare_the_token_with_its_case() -> None:
    text = render.node_nginx(settings(marker={"answers": "probe", "token": "aB3_-x"}), "node1")
    assert "map $http_x_probe_token $bg_shop_x_marked" in text
    assert '"~^aB3_-x$"' in text


@pytest.mark.parametrize("token", ["a b", 'a"b', "a;b", "a$b", "", "ä"])
def test_a_token_that_could_break_the_configuration_is_refused(token: str) -> None:
    with pytest.raises(UsageError, match=r"marker\.token"):
        render.node_nginx(settings(marker={"answers": "probe", "token": token}), "node1")


@pytest.mark.parametrize("name", ["node 1", 'n"', "n;", "", "n$x"])
def test_a_node_name_that_cannot_stand_in_a_header_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="X-Node"):
        render.node_nginx(settings(), name)


def test_new_files_are_cached_unless_the_settings_forbid_it() -> None:
    assert "\nopcache.file_update_protection = 0\n" in render.php_ini(settings(), Color.blue)
    late = settings(php={"ini": {"opcache.file_update_protection": "2"}})
    assert "\nopcache.file_update_protection = 2\n" in render.php_ini(late, Color.blue)


@pytest.mark.parametrize(("public", "below"), [("web/pub.d", "/web/pub.d"), (".", "")])
def test_the_document_root_is_below_the_links_release(public: str, below: str) -> None:
    text = render.node_nginx(settings(php={"public": public}), "node1")
    assert '"~/releases/([A-Za-z0-9._-]+)$"' in text
    assert text.count("root /srv/shop-x/$bg_shop_x_color/release;\n") == 3
    assert text.count(f"root /srv/shop-x/releases/$bg_shop_x_release{below};\n") == 6


def test_only_the_front_controller_runs_unless_scripts_is_set() -> None:
    v = "$bg_shop_x"
    alone = render.node_nginx(settings(), "node1")
    assert f"{v}_script" not in alone
    assert alone.count("fastcgi_param SCRIPT_FILENAME $document_root/index.php;\n") == 3
    text = render.node_nginx(settings(php={"scripts": True}), "node1")
    assert text.count(f"try_files {v}_script @page;") == text.count("location @front {") == 3
    assert text.count(f"try_files {v}_page @front;") == 3
    for name in ("SCRIPT_FILENAME $document_root", "SCRIPT_NAME "):
        assert text.count(f"fastcgi_param {name}$uri;\n") == text.count(f"fastcgi_param {name}/index.php;\n") == 3


@pytest.mark.parametrize(("public", "below", "more"), [("web", "web/", []), (".", "", ["~^/storage/"])])
def test_no_script_is_run_where_the_application_writes(public: str, below: str, more: list[str]) -> None:
    written = {
        "shared": {"directories": [f"{below}wp-content/uploads", "storage"]},
        "permissions": {"writable": [f"{below}cache.d"]},
    }
    text = render.node_nginx(settings(php={"public": public, "scripts": True}, **written), "node1")
    never = re.findall(r'"(\S+)" +/\.never;', text.split("_script {")[1].split("default")[0])
    assert never == [r"~/\.", r"~^/cache\.d/", *more, r"~^/wp\-content/uploads/"]


def test_a_colors_master_preloads_the_colors_own_release() -> None:
    plain = settings()
    assert "preload" not in render.php_ini(plain, Color.blue) + render.fpm_service(plain, Color.blue)
    made = settings(php={"preload": "config/preload.php"})
    for color in Color:
        wrapper = f"/etc/orchestrator/shop-x/{color}/preload.php"
        ini = render.php_ini(made, color)
        assert f'\nopcache.preload = "{wrapper}"\nopcache.preload_user = "www-data"\n' in ini
        assert render.fpm_files(made, color)["preload"] == wrapper
        # a note of what PHP-FPM has read, so that provisioning sees when a restart is needed
        assert f" {wrapper} " in render.fpm_service(made, color)
        text = render.preload(made, color)
        assert f"realpath('/srv/shop-x/{color}/release')" in text
        assert '"$release/config/preload.php"' in text


@pytest.mark.parametrize("shared", [{"directories": ["data"]}, {"files": ["config.php"]}])
def test_shared_php_files_are_not_cached(shared: dict[str, list[str]]) -> None:
    plain = settings()
    assert "blacklist" not in render.php_ini(plain, Color.blue) + render.fpm_service(plain, Color.blue)
    made = settings(shared=shared)
    for color in Color:
        path = f"/etc/orchestrator/shop-x/{color}/opcache-blacklist"
        assert f'\nopcache.blacklist_filename = "{path}"\n' in render.php_ini(made, color)
        assert render.fpm_files(made, color)["blacklist"] == path
        assert f" {path} " in render.fpm_service(made, color)
    assert render.opcache_blacklist(made).splitlines()[1:] == ["/srv/shop-x/shared/"]


@pytest.mark.parametrize("path", ["../x.php", "/x.php", "x", "a';b.php", ""])
def test_only_a_php_file_of_the_release_can_be_preloaded(path: str) -> None:
    with pytest.raises(UsageError, match=r"php\.preload"):
        settings(php={"preload": path})


def test_an_idle_color_may_have_fewer_workers() -> None:
    plain = settings(php={"workers": 8})
    assert "shrink" not in render.node_sudoers(plain)
    assert "idle" not in render.fpm_files(plain, Color.blue)
    made = settings(php={"workers": 8, "idle_workers": 2}, soak="30m")
    files = render.fpm_files(made, Color.green)
    service = render.fpm_service(made, Color.green)
    choice = f"conf={files['conf']}; [ ! -e /srv/shop-x/green/shrunk ] || conf={files['idle']}; exec "
    assert choice in service
    assert f" {files['idle']} " in service.split("ExecStartPre=")[1].splitlines()[0]
    assert "\npm.max_children = 8\n" in render.php_fpm(made, Color.green, "deploy", "www-data")
    assert "\npm.max_children = 2\n" in render.php_fpm(made, Color.green, "deploy", "www-data", 2)
    units = render.shrink_units(made, Color.green)
    assert "OnActiveSec=1800000ms" in units["/etc/systemd/system/shop-x-green-shrink.timer"]
    assert "User=deploy\n" in units["/etc/systemd/system/shop-x-green-shrink.service"]
    rules = render.node_sudoers(made).splitlines()
    systemctl = "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl"
    for color in Color:
        assert f"{systemctl} restart shop-x-{color}-shrink.timer" in rules
        assert f"{systemctl} stop shop-x-{color}-shrink.timer" in rules
        assert f"{systemctl} --job-mode=ignore-dependencies restart shop-x-{color}-fpm.service" in rules


def test_idle_workers_are_fewer() -> None:
    with pytest.raises(UsageError, match="idle_workers must be less than workers"):
        settings(php={"workers": 8, "idle_workers": 8})


STATIC = {"runtime": "static"}
WEB = {"name": "web", "command": "bin/web", "path": "/"}
PORTS = {"blue": 9001, "green": 9002}


def test_a_static_site_is_nginx_s_alone() -> None:
    made = settings(**STATIC)
    text = render.node_nginx(made, "node1")
    assert "fastcgi" not in text
    assert "upstream" not in text
    assert text.count("try_files $bg_shop_x_file $bg_shop_x_index $bg_shop_x_file/ =404;") == 3
    assert '"~/$"    "${bg_shop_x_file}index.html";' in text
    assert text.count("absolute_redirect off;") == 3
    target = render.color_target(made, Color.blue)
    assert not re.search(r"^(Requires|Wants|After)=", target, re.MULTILINE)


def test_a_service_that_answers_everything_but_files() -> None:
    made = settings(runtime="service", services=[WEB])
    text = render.node_nginx(made, "node1")
    assert "fastcgi" not in text
    for color in Color:
        assert f"upstream shop-x_web_{color} {{\n    server unix:/srv/shop-x/{color}/run/web.sock max_fails=0;" in text
    assert text.count("try_files $bg_shop_x_file @service;") == 3
    assert text.count("location @service {\n        proxy_pass http://shop-x_web_$bg_shop_x_color;") == 3
    assert "location ~" not in text
    assert "proxy_buffering off" not in text
    assert "fpm" not in render.color_target(made, Color.green)
    without = render.node_nginx(settings(runtime="service", services=[WEB | {"files": False}]), "node1")
    assert without.count("try_files /.never @service;") == 6


def test_a_service_on_a_port_of_its_color() -> None:
    made = settings(runtime="service", services=[WEB | {"ports": PORTS}])
    text = render.node_nginx(made, "node1")
    for color, port in PORTS.items():
        assert f"upstream shop-x_web_{color} {{\n    server 127.0.0.1:{port} max_fails=0;" in text
        unit = render.service_unit(made, made.services[0], Color(color))
        assert f"/serve {color} web {port}\n" in unit
        assert f"/answers {port} / /srv/shop-x/{color}/release\n" in unit
        assert "web.sock" not in unit


def test_the_main_service_notes_the_files_that_it_has_read() -> None:
    ws = {"name": "ws", "command": "bin/ws", "path": "/ws"}
    made = settings(runtime="service", services=[ws, WEB])
    units = {service.name: render.service_unit(made, service, Color.blue) for service in made.services}
    read = " ".join(render.service_files(made, Color.blue))
    assert f"ExecStartPre=+/bin/sh -c 'sha256sum {read} > {render.stamp(made, Color.blue)}'" in units["web"]
    assert "RuntimeDirectory=orchestrator/shop-x-blue" in units["web"]
    assert "sha256sum" not in units["ws"]
    assert not any("sha256sum" in text for text in render.service_files(settings(services=[ws]), Color.blue).values())


def test_an_exact_sudo_rule_allows_asking_what_a_service_runs() -> None:
    rules = render.node_sudoers(settings(runtime="service", services=[WEB])).splitlines()
    library = "/usr/local/lib/orchestrator/shop-x"
    for color in Color:
        assert f"deploy ALL=(root) NOPASSWD: {library}/runs shop-x-{color}-web.service" in rules
    assert "/runs" not in render.node_sudoers(settings())


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
def test_streams_of_a_service_for_all_paths_get_the_stream_limit(kind: str) -> None:
    more = {"runtime": "service", "services": [WEB], "stream_limit": 100}
    switch = {"kind": "haproxy", "group": "balancers", "urls": ["http://127.0.0.1"]}
    haproxy, nginx = both_kinds(settings(**more), settings(switches=[switch]).switches[0])
    if kind == "haproxy":
        assert "    http-request set-timeout server 100000ms\n" in haproxy
    else:
        assert nginx.count("    location / {") == 1
        assert "location ~" not in nginx
        assert "proxy_read_timeout 100000ms;" in nginx
        assert "proxy_set_header Connection $bg_shop_x_connection;" in nginx
        assert "proxy_buffering" not in nginx


def test_only_built_files_are_looked_for_in_the_other_color() -> None:
    assert "@other" not in render.node_nginx(settings(), "node1")
    text = render.node_nginx(settings(assets=["build", "dist/v1.x"]), "node1")
    v = "$bg_shop_x"
    assert f'map {v}_file {v}_asset {{\n    "~^/(build|dist/v1\\.x)/"  {v}_file;\n    default' in text
    assert text.count("location @other {") == text.count(f"try_files {v}_file @other;") == 3
    assert text.count(f"root /srv/shop-x/{v}_other/release/public;\n") == 3
    assert text.count(f"try_files {v}_asset @php;") == 3


@pytest.mark.parametrize("path", ["", ".", "../up", "/abs", ".git", "a b", "a//b", "a/.b", "build/"])
def test_assets_are_directories_of_the_document_root(path: str) -> None:
    with pytest.raises(UsageError, match="assets"):
        settings(assets=[path])


@pytest.mark.parametrize("color", Color)
def test_an_fpm_belongs_to_its_color(color: Color) -> None:
    text = render.php_fpm(settings(), color, group="deploy", web_group="www-data")
    assert f"listen = /srv/shop-x/{color}/run/fpm.sock" in text
    assert f"[shop-x-{color}]" in text
    assert str(color.other) not in text


def test_the_operators_ini_values_win() -> None:
    text = render.php_ini(
        settings(php={"ini": {"opcache.memory_consumption": "256", "date.timezone": "UTC"}}), Color.blue
    )
    assert "opcache.memory_consumption = 256\n" in text
    assert "opcache.memory_consumption = 128" not in text
    assert "opcache.validate_timestamps = 0\n" in text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("128", "128"),
        ("256M", "256M"),
        ("E_ALL & ~E_DEPRECATED", "E_ALL & ~E_DEPRECATED"),
        ("Europe/Berlin", '"Europe/Berlin"'),
        ("a;b", '"a;b"'),
        ("", '""'),
    ],
)
def test_ini_values_are_quoted_where_they_must_be(value: str, written: str) -> None:
    assert render.ini_value("some.key", value) == written


@pytest.mark.parametrize(("key", "value"), [("k", 'a"b'), ("k", "a\nb"), ("k", "${HOME}"), ("a b", "1"), ("a=b", "1")])
def test_ini_values_that_could_break_the_file_are_refused(key: str, value: str) -> None:
    with pytest.raises(UsageError, match=r"php\.ini"):
        render.ini_value(key, value)


def test_the_units_of_a_color_come_and_go_together() -> None:
    target = render.color_target(settings(), Color.blue)
    service = render.fpm_service(settings(), Color.blue)
    assert "Requires=shop-x-blue-fpm.service\nAfter=shop-x-blue-fpm.service\n" in target
    assert "WantedBy=multi-user.target" in target
    assert "Wants=" not in target
    assert "PartOf=shop-x-blue.target" in service
    for path in render.fpm_files(settings(), Color.blue).values():
        assert path in service


SERVICES = [
    {"name": "ws", "command": "php ws.php --port '$SOCKET'", "path": "/ws"},
    {"name": "log", "command": "bin/log", "path": "/ws/lo.g"},
]


@pytest.mark.parametrize("color", Color)
def test_a_service_comes_and_goes_with_its_color(color: Color) -> None:
    made = settings(services=SERVICES)
    target = render.color_target(made, color)
    for name in ("ws", "log"):
        unit = f"shop-x-{color}-{name}.service"
        assert f"Wants={unit}\nAfter={unit}\n" in target
        text = render.service_unit(made, made.services[["ws", "log"].index(name)], color)
        assert f"PartOf=shop-x-{color}.target\n" in text
        assert f"/answers /srv/shop-x/{color}/run/{name}.sock /ws" in text
        assert str(color.other) not in text
        # a restart of the color reads them; provisioning sees at PHP-FPM's stamp whether the restart has happened
        assert f"/etc/systemd/system/{unit} " in render.fpm_service(made, color)
    assert render.service_files(made, color)["/etc/orchestrator/shop-x/services/ws"] == SERVICES[0]["command"] + "\n"


def test_a_services_path_goes_to_the_color_that_was_read_once() -> None:
    text = render.node_nginx(settings(services=SERVICES, stream_limit="30m"), "node1")
    assert "server unix:/srv/shop-x/green/run/ws.sock max_fails=0;" in text
    for server in text.split("\nserver {")[1:]:
        places = ('~ "^/ws/lo\\.g(/|$)"', '~ "^/ws(/|$)"', "/ {")
        log, ws, rest = (server.index(f"location {place}") for place in places)
        assert log < ws < rest  # nginx takes the first of two matching locations
        location = server[ws:rest]
        assert "proxy_pass http://shop-x_ws_$bg_shop_x_color;" in location
        assert "live" not in location
        assert "proxy_set_header Upgrade $http_upgrade;" in location
        assert "proxy_set_header Connection $bg_shop_x_connection;" in location
        assert "proxy_buffering off;" in location
        assert "proxy_read_timeout 1800000ms;" in location
        assert "add_header" not in location
    assert "$http_upgrade" not in render.node_nginx(settings(), "node1")


def test_balancers_let_streams_through_and_do_not_cut_them() -> None:
    made = settings(services=SERVICES, stream_limit=600)
    haproxy, text = both_kinds(made, made.switches[0])
    service, rest = text[text.index('location ~ "^/ws(/|$)"') :], text[text.index("location / {") :]
    service = service.split("}")[0]
    assert "proxy_set_header Connection $bg_shop_x_connection;" in service
    assert "proxy_buffering off;" in service
    assert "proxy_read_timeout 600000ms;" in service
    for plain in (rest.partition("location ~")[0], rest.partition("location @last")[2]):
        assert 'proxy_set_header Connection "";' in plain
        assert "proxy_read_timeout 75s;" in plain
    assert "timeout tunnel 600000ms\n" in haproxy
    assert haproxy.count("set-timeout server 600000ms if { path /ws } || { path_beg /ws/ }\n") == 2
    assert "set-timeout" not in render.haproxy(settings(), only(made, HAProxySwitch), NODES, "deploy")


def test_nginx_on_a_balancer_can_end_each_connection_by_a_mark() -> None:
    text = both_kinds(settings(), settings().switches[0])[1]
    location, last = text[text.index("location / {") :].split("location @last {")
    assert "if (-e /var/lib/orchestrator/shop-x/guard/drain) {" in location
    # the same request to the same color, but on a connection that ends
    assert last.count("keepalive_timeout 0;") == 1
    assert "keepalive_timeout" not in location
    proxied = location[location.index("proxy_pass") : location.index("    }\n\n")]
    assert proxied in last


def test_both_colors_read_the_same_sessions() -> None:
    made = [render.php_ini(settings(), color) for color in Color]
    assert all('session.save_path = "/srv/shop-x/shared/sessions"\n' in text for text in made)
    assert all("PrivateTmp" not in render.fpm_service(settings(), color) for color in Color)
    assert "session." not in render.php_ini(settings(php={"sessions": "php"}), Color.blue)
    own = render.php_ini(settings(php={"ini": {"session.save_handler": "redis"}}), Color.blue)
    assert 'session.save_handler = "redis"\n' in own
    assert '= "files"' not in own


def test_the_deploy_user_may_ask_what_a_service_said() -> None:
    rules = render.node_sudoers(settings(services=SERVICES)).splitlines()
    assert "deploy ALL=(root) NOPASSWD: /usr/local/lib/orchestrator/shop-x/said shop-x-green-ws.service" in rules


def test_the_sudo_rules_of_a_node_are_exact() -> None:
    rules = [line for line in render.node_sudoers(settings()).splitlines() if not line.startswith("#")]
    assert len(rules) == 12
    assert "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart shop-x-green.target" in rules
    assert 'deploy ALL=(root) NOPASSWD: /usr/local/lib/orchestrator/shop-x/used ""' in rules
    assert "deploy ALL=(root) NOPASSWD: /usr/local/lib/orchestrator/shop-x/remove" in rules
    assert not any("*" in rule or "," in rule for rule in rules)


def test_the_sudo_rules_of_a_balancer_are_exact() -> None:
    text = render.balancer_sudoers(settings(), {"node1": "10.0.0.1", "node2": "fd00::2"})
    bar = "/usr/local/lib/orchestrator/shop-x/bar"
    assert f"deploy ALL=(root) NOPASSWD: {bar} 10.0.0.1 off\n" in text
    assert rf"{bar} fd00\:\:2 on" in text
    assert f"{bar} list\n" in text
    assert "*" not in text


def test_the_list_of_nodes_has_names_and_what_they_resolve_to() -> None:
    leaving = Listed("n2.example", "10.0.0.2", "8081", "8082")
    text = render.nodes_list(settings(), {"node1": "n1.example"}, {"n1.example": "10.0.0.1"}, [leaving])
    assert text == "n1.example 10.0.0.1 8081 8082 node1\nn2.example 10.0.0.2 8081 8082\n"


def test_haproxy_has_the_same_servers_in_both_colors() -> None:
    text = render.haproxy(settings(), only(settings(), HAProxySwitch), NODES, "deploy")
    blue, green = text.split("\nbackend ")[1:]
    assert blue.startswith("shop-x_blue\n")
    assert green.startswith("shop-x_green\n")
    assert "server node1 10.0.0.1:8081 check" in blue
    assert "server node1 10.0.0.1:8082 check" in green
    assert "resolvers" not in text


def test_haproxy_looks_names_up_while_it_runs() -> None:
    text = render.haproxy(settings(), only(settings(), HAProxySwitch), {"node1": "n1.example"}, "deploy")
    assert "\nresolvers shop-x\n" in text
    assert text.count("init-addr last,libc,none resolvers shop-x") == 2


def test_a_gate_that_could_break_haproxys_file_is_refused() -> None:
    with pytest.raises(UsageError, match=r"gate\.path"):
        render.haproxy(settings(gate={"path": "/a b"}), only(settings(), HAProxySwitch), NODES, "deploy")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'EXTRAOPTS="-S /run/haproxy-master.sock -f /etc/haproxy/orchestrator"\n'),
        (
            '#EXTRAOPTS="-de"\n',
            '#EXTRAOPTS="-de"\nEXTRAOPTS="-S /run/haproxy-master.sock -f /etc/haproxy/orchestrator"\n',
        ),
        ('A=1\nEXTRAOPTS="-de"\nB=2\n', 'A=1\nEXTRAOPTS="-de -f /etc/haproxy/orchestrator"\nB=2\n'),
        ("EXTRAOPTS=-de\n", 'EXTRAOPTS="-de -f /etc/haproxy/orchestrator"\n'),
    ],
)
def test_haproxys_options_keep_what_was_there(before: str, after: str) -> None:
    assert render.haproxy_default(before) == after
    assert render.haproxy_default(after) == after


def test_the_weights_map_is_one_line() -> None:
    assert render.weights_map(Weights(25)) == "green 25\n"


def nginx(**changes: Any) -> Settings:
    return settings(switches=[{"kind": "nginx", "group": "b", "urls": ["http://b"], **changes}])


def test_haproxy_keeps_a_record_in_memory_and_logs_failures_only() -> None:
    switch = {"kind": "haproxy", "group": "b", "urls": ["http://b"], "record_mb": 4, "log": "[::1]:514 local3"}
    made = settings(switches=[switch])
    text = render.haproxy(made, only(made, HAProxySwitch), NODES, "deploy")
    assert "    description size=4194304\n    format raw\n    maxlen 84\n    size 4194304\n" in text
    frontend = text.split("\nfrontend ")[1].split("\nbackend ")[0]
    logs = [line.strip() for line in frontend.splitlines() if re.match(r" +(no )?log\b(?!-)", line)]
    assert logs == ["no log", "log ring@shop-x_record len 84 format raw local0 info", "log [::1]:514 local3 err"]
    assert "option log-separate-errors" in frontend
    # this would also keep successful requests out of the ring
    assert "dontlog-normal" not in text


@pytest.mark.parametrize("log", ["", "a b c", 'x" y', "x\ny local0", "x # local0"])
def test_a_log_that_could_break_haproxys_file_is_refused(log: str) -> None:
    with pytest.raises(UsageError, match="log"):
        settings(switches=[{"kind": "haproxy", "group": "b", "urls": ["http://b"], "log": log}])


def test_nginx_writes_its_record_only_while_traffic_is_split() -> None:
    text = render.balancer_nginx(nginx(), only(nginx(), NginxSwitch), NODES)
    split = text.split('map "$bg_shop_x_weight " $bg_shop_x_split ')[1].split("}")[0]
    weights = re.search(r'"~(.*)"  1;', split)
    assert weights
    assert [weight for weight in map(str, range(101)) if not re.search(weights[1], f"{weight} ")] == ["0", "100"]
    assert "default            0;" in split
    server = text.split("\nserver {")[1]
    assert "access_log /var/log/nginx/access.log;\n" in server
    assert (
        "access_log /var/log/orchestrator/shop-x/record bg_shop_x_record buffer=32k flush=1s if=$bg_shop_x_split;"
        in server
    )


def test_previews_were_not_dealt_by_chance_and_are_not_compared() -> None:
    made = settings(preview={"token": "0123456789abcdef"})
    haproxy, nginx = both_kinds(made, made.switches[0])
    assert "%Ta %[var(txn.preview)] ; " in haproxy
    assert 'map "$bg_shop_x_weight $bg_shop_x_preview" $bg_shop_x_split {' in nginx
    assert "%Ta - ; " in both_kinds(settings(), settings().switches[0])[0]


@pytest.mark.parametrize("log", ["x y", "/a; b", "/a\nb", "/a {"])
def test_a_log_that_could_break_nginxs_configuration_is_refused(log: str) -> None:
    with pytest.raises(UsageError, match="access_log"):
        nginx(access_log=log)


def test_the_record_of_nginx_is_bounded(tmp_path: Path) -> None:
    text = render.trim(nginx(record_mb=1), only(nginx(record_mb=1), NginxSwitch))
    assert "-gt 1048576 ]" in text
    record = tmp_path / "record"
    script = text.replace("/var/log/orchestrator/shop-x/record", str(record))
    record.write_text("x" * 1048576)
    subprocess.run(["sh", "-c", script], check=True)
    assert record.stat().st_size == 1048576
    record.write_text("x" * 1048577)
    subprocess.run(["sh", "-c", script], check=True)
    assert re.fullmatch(r"cut;\d{10,}\n", record.read_text())


def test_the_record_is_trimmed_every_minute() -> None:
    units = render.trim_units(nginx())
    assert "ExecStart=/usr/local/lib/orchestrator/shop-x/trim\n" in units["/etc/systemd/system/shop-x-trim.service"]
    assert "OnCalendar=minutely" in units["/etc/systemd/system/shop-x-trim.timer"]


def test_an_nginx_balancer_has_every_weight_and_no_default_color() -> None:
    text = render.balancer_nginx(nginx(), only(nginx(), NginxSwitch), NODES)
    assert text.count("split_clients") == 99
    weights = text.split("map $bg_shop_x_weight ")[1].split("}")[0]
    assert "    0  shop-x_blue;\n" in weights
    assert "    37  $bg_shop_x_at_37;\n" in weights
    assert "    100  shop-x_green;\n" in weights
    assert 'default  "";' in weights
    assert "{ 37% shop-x_green; * shop-x_blue; }" in text


def test_port_80_is_taken_from_the_welcome_page() -> None:
    switch = {"kind": "nginx", "group": "b", "urls": ["http://b"]}
    for listen, ours in [(80, True), (8000, False)]:
        made = settings(switches=[{**switch, "listen": listen}])
        text = render.balancer_nginx(made, only(made, NginxSwitch), NODES)
        assert ("default_server" in text) is ours


@pytest.mark.parametrize("nodes", [{}, {"n 1": "10.0.0.1"}, {"n1": "10.0.0.1; x"}, {"n1": ""}, {"n1": "-x"}])
def test_nodes_that_could_break_the_configuration_are_refused(nodes: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        render.addresses(nodes)


def test_endpoints_of_both_families() -> None:
    assert render.endpoint("10.0.0.1", 80) == "10.0.0.1:80"
    assert render.endpoint("n1.example", 80) == "n1.example:80"
    assert render.endpoint("fd00::1", 80) == "[fd00::1]:80"
