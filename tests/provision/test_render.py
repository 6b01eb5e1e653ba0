"""What stands in the files, from settings alone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Settings, load
from orchestrator.config.switch import HAProxySwitch, NginxSwitch, Switch
from orchestrator.errors import UsageError
from orchestrator.model import Color, Weights
from orchestrator.provision import render

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


def both_kinds(made: Settings, switch: Switch) -> tuple[str, str]:
    """What HAProxy and nginx are given where each has the settings of this switch."""
    known = switch.model_dump(exclude={"kind", "log", "access_log"})
    haproxy, nginx = HAProxySwitch(kind="haproxy", **known), NginxSwitch(kind="nginx", **known)
    return render.haproxy(made, haproxy, NODES, "deploy"), render.balancer_nginx(made, nginx, NODES)


def test_variables_are_valid_for_names_with_dashes_and_cannot_be_builtin():
    assert render.variable(settings()) == "$bg_shop_x"
    assert render.variable(settings(app="http")) == "$bg_http"
    assert "$shop-x" not in render.node_nginx(settings(), "node1")
    assert "$bg_shop-x" not in render.node_nginx(settings(), "node1")


def test_a_node_listens_on_three_ports_and_only_the_live_one_reads_the_link():
    text = render.node_nginx(settings(ports={"live": 9000, "blue": 9001, "green": 9002}), "node1")
    servers = text.split("\nserver {")[1:]
    assert [server.split("listen ")[1].split()[0] for server in servers] == ["9000", "9001", "9002"]
    assert ["/srv/shop-x/live;" in server for server in servers] == [True, False, False]
    assert "set $bg_shop_x_color blue;" in servers[1]
    assert "set $bg_shop_x_color green;" in servers[2]


def test_no_location_hides_the_markers():
    for server in render.node_nginx(settings(), "node1").split("\nserver {")[1:]:
        assert server.count("add_header X-") == 3
        assert "add_header X-" not in server.split("location /")[1]


def test_a_node_that_is_drained_ends_its_connections():
    text = render.node_nginx(settings(), "node1")
    assert text.count("if (-e /srv/shop-x/guard/drain) {") == 3
    assert text.count("keepalive_timeout 0;") == 3


def test_markers_for_all_need_no_token():
    text = render.node_nginx(settings(marker={"answers": "all", "token": "secret"}), "node1")
    assert "secret" not in text
    assert "http_x_probe_token" not in text


def test_markers_for_the_probe_compare_the_token_with_its_case():
    text = render.node_nginx(settings(marker={"answers": "probe", "token": "aB3_-x"}), "node1")
    assert "map $http_x_probe_token $bg_shop_x_marked" in text
    assert '"~^aB3_-x$"' in text


@pytest.mark.parametrize("token", ["a b", 'a"b', "a;b", "a$b", "", "ä"])
def test_a_token_that_could_break_the_configuration_is_refused(token: str):
    with pytest.raises(UsageError, match=r"marker\.token"):
        render.node_nginx(settings(marker={"answers": "probe", "token": token}), "node1")


@pytest.mark.parametrize("name", ["node 1", 'n"', "n;", "", "n$x"])
def test_a_node_name_that_cannot_stand_in_a_header_is_refused(name: str):
    with pytest.raises(UsageError, match="X-Node"):
        render.node_nginx(settings(), name)


def test_the_document_root_may_be_deep_and_is_matched_literally():
    text = render.node_nginx(settings(php={"public": "web/pub.d"}), "node1")
    assert r'"~/releases/([A-Za-z0-9._-]+)/web/pub\.d$"' in text
    assert "root /srv/shop-x/releases/$bg_shop_x_release/web/pub.d;" in text


@pytest.mark.parametrize("color", Color)
def test_an_fpm_belongs_to_its_color(color: Color):
    text = render.php_fpm(settings(), color, group="deploy", web_group="www-data")
    assert f"listen = /srv/shop-x/{color}/run/fpm.sock" in text
    assert f"[shop-x-{color}]" in text
    assert str(color.other) not in text


def test_the_operators_ini_values_win():
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
def test_ini_values_are_quoted_where_they_must_be(value: str, written: str):
    assert render.ini_value("some.key", value) == written


@pytest.mark.parametrize(("key", "value"), [("k", 'a"b'), ("k", "a\nb"), ("k", "${HOME}"), ("a b", "1"), ("a=b", "1")])
def test_ini_values_that_could_break_the_file_are_refused(key: str, value: str):
    with pytest.raises(UsageError, match=r"php\.ini"):
        render.ini_value(key, value)


def test_the_units_of_a_color_come_and_go_together():
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
def test_a_service_comes_and_goes_with_its_color(color: Color):
    made = settings(services=SERVICES)
    target = render.color_target(made, color)
    for name in ("ws", "log"):
        unit = f"shop-x-{color}-{name}.service"
        assert f"Wants={unit}\nAfter={unit}\n" in target
        text = render.service_unit(made, made.services[["ws", "log"].index(name)], color)
        assert f"PartOf=shop-x-{color}.target\n" in text
        assert f"/answers /srv/shop-x/{color}/run/{name}.sock /ws" in text
        assert str(color.other) not in text
        # a restart of the color reads them, and provisioning sees at PHP-FPM's stamp whether it did
        assert f"/etc/systemd/system/{unit} " in render.fpm_service(made, color)
    assert render.service_files(made, color)["/etc/orchestrator/shop-x/services/ws"] == SERVICES[0]["command"] + "\n"


def test_a_node_sends_a_services_path_to_the_color_that_it_read_once():
    text = render.node_nginx(settings(services=SERVICES, stream_limit="30m"), "node1")
    assert "server unix:/srv/shop-x/green/run/ws.sock max_fails=0;" in text
    for server in text.split("\nserver {")[1:]:
        places = ('~ "^/ws/lo\\.g(/|$)"', '~ "^/ws(/|$)"', "/ {")
        log, ws, rest = (server.index(f"location {place}") for place in places)
        assert log < ws < rest  # of two that match, nginx takes the first
        location = server[ws:rest]
        assert "proxy_pass http://shop-x_ws_$bg_shop_x_color;" in location
        assert "live" not in location
        assert "proxy_set_header Upgrade $http_upgrade;" in location
        assert "proxy_set_header Connection $bg_shop_x_connection;" in location
        assert "proxy_buffering off;" in location
        assert "proxy_read_timeout 1800000ms;" in location
        assert "add_header" not in location
    assert "$http_upgrade" not in render.node_nginx(settings(), "node1")


def test_balancers_let_streams_through_and_do_not_cut_them():
    made = settings(services=SERVICES, stream_limit=600)
    haproxy, text = both_kinds(made, made.switches[0])
    service, rest = text[text.index('location ~ "^/ws(/|$)"') :], text[text.index("location / {") :]
    service = service.split("}")[0]
    assert "proxy_set_header Connection $bg_shop_x_connection;" in service
    assert "proxy_buffering off;" in service
    assert "proxy_read_timeout 600000ms;" in service
    assert 'proxy_set_header Connection "";' in rest.split("}")[0]
    assert "proxy_read_timeout 75s;" in rest.split("}")[0]
    assert "timeout tunnel 600000ms\n" in haproxy
    assert haproxy.count("set-timeout server 600000ms if { path /ws } || { path_beg /ws/ }\n") == 2
    assert "set-timeout" not in render.haproxy(settings(), made.switches[0], NODES, "deploy")


def test_both_colors_read_the_same_sessions():
    made = [render.php_ini(settings(), color) for color in Color]
    assert all('session.save_path = "/srv/shop-x/shared/sessions"\n' in text for text in made)
    assert all("PrivateTmp" not in render.fpm_service(settings(), color) for color in Color)
    assert "session." not in render.php_ini(settings(php={"sessions": "php"}), Color.blue)
    own = render.php_ini(settings(php={"ini": {"session.save_handler": "redis"}}), Color.blue)
    assert 'session.save_handler = "redis"\n' in own
    assert "= \"files\"" not in own


def test_the_deploy_user_may_ask_what_a_service_said():
    rules = render.node_sudoers(settings(services=SERVICES)).splitlines()
    assert "deploy ALL=(root) NOPASSWD: /usr/local/lib/orchestrator/shop-x/said shop-x-green-ws.service" in rules


def test_the_sudo_rules_of_a_node_are_exact():
    rules = [line for line in render.node_sudoers(settings()).splitlines() if not line.startswith("#")]
    assert len(rules) == 7
    assert "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart shop-x-green.target" in rules
    assert 'deploy ALL=(root) NOPASSWD: /usr/local/lib/orchestrator/shop-x/used ""' in rules
    assert not any("*" in rule or "," in rule for rule in rules)


def test_the_sudo_rules_of_a_balancer_are_exact():
    text = render.balancer_sudoers(settings(), {"node1": "10.0.0.1", "node2": "fd00::2"})
    bar = "/usr/local/lib/orchestrator/shop-x/bar"
    assert f"deploy ALL=(root) NOPASSWD: {bar} 10.0.0.1 off\n" in text
    assert rf"{bar} fd00\:\:2 on" in text
    assert f"{bar} list\n" in text
    assert "*" not in text


def test_the_list_of_nodes_has_names_and_what_they_resolve_to():
    text = render.nodes_list(settings(), {"node1": "n1.example"}, {"n1.example": "10.0.0.1"})
    assert text == "n1.example 10.0.0.1 8081 8082\n"


def test_haproxy_has_the_same_servers_in_both_colors():
    text = render.haproxy(settings(), settings().switches[0], NODES, "deploy")
    blue, green = text.split("\nbackend ")[1:]
    assert blue.startswith("shop-x_blue\n")
    assert green.startswith("shop-x_green\n")
    assert "server node1 10.0.0.1:8081 check" in blue
    assert "server node1 10.0.0.1:8082 check" in green
    assert "resolvers" not in text


def test_haproxy_looks_names_up_while_it_runs():
    text = render.haproxy(settings(), settings().switches[0], {"node1": "n1.example"}, "deploy")
    assert "\nresolvers shop-x\n" in text
    assert text.count("init-addr last,libc,none resolvers shop-x") == 2


def test_haproxy_refuses_a_gate_that_could_break_its_configuration():
    with pytest.raises(UsageError, match=r"gate\.path"):
        render.haproxy(settings(gate={"path": "/a b"}), settings().switches[0], NODES, "deploy")


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
def test_haproxys_options_keep_what_was_there(before: str, after: str):
    assert render.haproxy_default(before) == after
    assert render.haproxy_default(after) == after


def test_the_weights_map_is_one_line():
    assert render.weights_map(Weights(25)) == "green 25\n"


def nginx(**changes: Any) -> Settings:
    return settings(switches=[{"kind": "nginx", "group": "b", "urls": ["http://b"], **changes}])


def test_haproxy_keeps_a_record_in_memory_and_logs_failures_only():
    switch = {"kind": "haproxy", "group": "b", "urls": ["http://b"], "record_mb": 4, "log": "[::1]:514 local3"}
    made = settings(switches=[switch])
    text = render.haproxy(made, made.switches[0], NODES, "deploy")
    assert "    description size=4194304\n    format raw\n    maxlen 84\n    size 4194304\n" in text
    frontend = text.split("\nfrontend ")[1].split("\nbackend ")[0]
    logs = [line.strip() for line in frontend.splitlines() if re.match(r" +(no )?log\b(?!-)", line)]
    assert logs == ["no log", "log ring@shop-x_record len 84 format raw local0 info", "log [::1]:514 local3 err"]
    assert "option log-separate-errors" in frontend
    # this would keep requests that went well out of the ring, too
    assert "dontlog-normal" not in text


@pytest.mark.parametrize("log", ["", "a b c", 'x" y', "x\ny local0", "x # local0"])
def test_a_log_that_could_break_haproxys_configuration_is_refused(log: str):
    with pytest.raises(UsageError, match="log"):
        settings(switches=[{"kind": "haproxy", "group": "b", "urls": ["http://b"], "log": log}])


def test_nginx_writes_its_record_only_while_traffic_is_split_and_its_ordinary_log_as_before():
    text = render.balancer_nginx(nginx(), nginx().switches[0], NODES)
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


def test_previews_were_not_dealt_by_chance_and_are_not_compared():
    made = settings(preview={"token": "0123456789abcdef"})
    haproxy, nginx = both_kinds(made, made.switches[0])
    assert "%Ta %[var(txn.preview)] ; " in haproxy
    assert 'map "$bg_shop_x_weight $bg_shop_x_preview" $bg_shop_x_split {' in nginx
    assert "%Ta - ; " in both_kinds(settings(), settings().switches[0])[0]


@pytest.mark.parametrize("log", ["x y", "/a; b", "/a\nb", "/a {"])
def test_a_log_that_could_break_nginxs_configuration_is_refused(log: str):
    with pytest.raises(UsageError, match="access_log"):
        nginx(access_log=log)


def test_the_record_of_nginx_is_bounded(tmp_path: Path):
    text = render.trim(nginx(record_mb=1), nginx(record_mb=1).switches[0])
    assert "-gt 1048576 ]" in text
    record = tmp_path / "record"
    script = text.replace("/var/log/orchestrator/shop-x/record", str(record))
    record.write_text("x" * 1048576)
    subprocess.run(["sh", "-c", script], check=True)
    assert record.stat().st_size == 1048576
    record.write_text("x" * 1048577)
    subprocess.run(["sh", "-c", script], check=True)
    assert re.fullmatch(r"cut;\d{10,}\n", record.read_text())


def test_the_record_is_trimmed_every_minute():
    units = render.trim_units(nginx())
    assert "ExecStart=/usr/local/lib/orchestrator/shop-x/trim\n" in units["/etc/systemd/system/shop-x-trim.service"]
    assert "OnCalendar=minutely" in units["/etc/systemd/system/shop-x-trim.timer"]


def test_an_nginx_balancer_has_every_weight_and_no_default_color():
    text = render.balancer_nginx(nginx(), nginx().switches[0], NODES)
    assert text.count("split_clients") == 99
    weights = text.split("map $bg_shop_x_weight ")[1].split("}")[0]
    assert "    0  shop-x_blue;\n" in weights
    assert "    37  $bg_shop_x_at_37;\n" in weights
    assert "    100  shop-x_green;\n" in weights
    assert 'default  "";' in weights
    assert "{ 37% shop-x_green; * shop-x_blue; }" in text


def test_port_80_is_taken_from_the_welcome_page():
    switch = {"kind": "nginx", "group": "b", "urls": ["http://b"]}
    for listen, ours in [(80, True), (8000, False)]:
        made = settings(switches=[{**switch, "listen": listen}])
        text = render.balancer_nginx(made, made.switches[0], NODES)
        assert ("default_server" in text) is ours


@pytest.mark.parametrize("nodes", [{}, {"n 1": "10.0.0.1"}, {"n1": "10.0.0.1; x"}, {"n1": ""}, {"n1": "-x"}])
def test_nodes_that_could_break_the_configuration_are_refused(nodes: dict[str, str]):
    with pytest.raises(UsageError):
        render.addresses(nodes)


def test_endpoints_of_both_families():
    assert render.endpoint("10.0.0.1", 80) == "10.0.0.1:80"
    assert render.endpoint("n1.example", 80) == "n1.example:80"
    assert render.endpoint("fd00::1", 80) == "[fd00::1]:80"
