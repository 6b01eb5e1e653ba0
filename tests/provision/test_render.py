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
from orchestrator.model import Color
from orchestrator.provision import render
from orchestrator.provision.members import Listed
from orchestrator.stack.files import files

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
    text = render.front_nginx(settings())
    assert "$shop-x" not in text
    assert "$bg_shop-x" not in text


def test_only_the_live_port_reads_the_live_link() -> None:
    text = render.front_nginx(settings(ports={"live": 9000, "blue": 9001, "green": 9002}))
    (server,) = text.split("\nserver {")[1:]
    assert re.findall(r"listen (\d+)", text) == ["9000"]
    # the link is read once, and an unreadable link is no color
    assert server.count("root /srv/shop-x/live;") == 1
    assert "set $bg_shop_x_color $bg_shop_x_seen_color;\n" in server
    assert 'if ($bg_shop_x_color = "") {\n        return 503 ' in server
    assert "proxy_pass http://shop-x_color_$bg_shop_x_color;" in server
    for color in Color:
        socket = f"unix:/run/orchestrator/shop-x-{color}-nginx/socket"
        assert f"upstream shop-x_color_{color} {{\n    server {socket} max_fails=0;" in text


def test_a_live_port_that_is_drained_ends_its_connections() -> None:
    text = render.front_nginx(settings())
    location, last = text[text.index("location / {") :].split("location @last {")
    assert "if (-e /srv/shop-x/guard/drain) {\n            error_page 418 = @last;" in location
    assert last.count("keepalive_timeout 0;") == 1
    # the same request to the same color, but on a connection that ends
    proxied = location[location.index("        proxy_pass") : location.index("    }\n\n")]
    assert proxied in last


def test_the_live_port_keeps_no_connection_and_changes_nothing() -> None:
    text = render.front_nginx(settings())
    assert not re.search(r"^    keepalive \d+;", text, re.MULTILINE)
    assert re.search(r'_connection \{\n    "" +close;\n    default +upgrade;\n\}', text)
    assert "    gzip off;" in text


def test_the_live_port_passes_every_request_and_stream_on() -> None:
    text = render.front_nginx(settings())
    assert "client_max_body_size 0;" in text
    assert "proxy_set_header Upgrade $http_upgrade;" in text
    assert "proxy_set_header Connection $bg_shop_x_connection;" in text
    assert "add_header" not in text


def test_markers_for_all_need_no_token() -> None:
    text = render.servers_nginx(settings(marker={"answers": "all", "token": "secret"}), "node1")
    assert "secret" not in text
    assert "http_x_probe_token" not in text
    assert 'map "" $bg_marked {\n    default  1;\n}' in text
    assert 'map $bg_marked $bg_mark_node { 1 "node1"; default ""; }' in text


def test_markers_for_the_probe_compare_the_token_with_its_case() -> None:
    made = settings(marker={"answers": "probe", "token": "aB3_-x"})
    text = render.servers_nginx(made, "node1")
    assert "map $http_x_probe_token $bg_marked" in text
    assert '"~^aB3_-x$"' in text
    # a release may be read by more users than the token
    assert "aB3_-x" not in "".join(files(made).values()) + render.front_nginx(made)


@pytest.mark.parametrize("token", ["a b", 'a"b', "a;b", "a$b", "", "ä"])
def test_a_token_that_could_break_the_configuration_is_refused(token: str) -> None:
    with pytest.raises(UsageError, match=r"marker\.token"):
        render.servers_nginx(settings(marker={"answers": "probe", "token": token}), "node1")


@pytest.mark.parametrize("name", ["node 1", 'n"', "n;", "", "n$x"])
def test_a_node_name_that_cannot_stand_in_a_header_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="X-Node"):
        render.servers_nginx(settings(), name)


@pytest.mark.parametrize("path", ["../x.php", "/x.php", "x", "a';b.php", ""])
def test_only_a_php_file_of_the_release_can_be_preloaded(path: str) -> None:
    with pytest.raises(UsageError, match=r"php\.preload"):
        settings(php={"preload": path})


def test_an_idle_color_may_have_fewer_workers() -> None:
    plain = settings(php={"workers": 8})
    assert "shrink" not in render.node_sudoers(plain)
    made = settings(php={"workers": 8, "idle_workers": 2}, soak="30m")
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


def test_only_nginx_is_of_the_color_of_a_static_site() -> None:
    for color in Color:
        target = render.color_target(settings(**STATIC), color)
        units = re.findall(r"^(?:Requires|Wants|After)=(.*)", target, re.MULTILINE)
        assert units == [f"shop-x-{color}-nginx.service"] * 2


def test_a_color_of_a_service_needs_no_fpm() -> None:
    target = render.color_target(settings(runtime="service", services=[WEB]), Color.green)
    assert "fpm" not in target
    assert "Requires=shop-x-green-nginx.service\n" in target
    assert "Wants=shop-x-green-web.service\n" in target


def test_a_service_on_a_port_of_its_color() -> None:
    made = settings(runtime="service", services=[WEB | {"ports": PORTS}])
    for color, port in PORTS.items():
        unit = render.service_unit(made, made.services[0], Color(color))
        assert f"/serve {color} web {port}\n" in unit
        assert f"/answers {port} / /srv/shop-x/{color}/release {color} web\n" in unit
        assert "web.sock" not in unit


def test_the_main_service_notes_the_files_that_it_has_read() -> None:
    ws = {"name": "ws", "command": "bin/ws", "path": "/ws"}
    made = settings(runtime="service", services=[ws, WEB])
    units = {service.name: render.service_unit(made, service, Color.blue) for service in made.services}
    read = " ".join(render.service_units(made, Color.blue))
    assert f"ExecStartPre=+/bin/sh -c 'sha256sum {read} > {render.stamp(made, Color.blue)}'" in units["web"]
    # root writes the list where the web user cannot put a link
    assert render.stamp(made, Color.blue) == "/run/orchestrator/shop-x-blue.loaded"
    assert "RuntimeDirectory=orchestrator/shop-x-blue\n" in units["web"]
    assert "sha256sum" not in units["ws"]
    assert not any("sha256sum" in text for text in render.service_units(settings(services=[ws]), Color.blue).values())


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


@pytest.mark.parametrize("path", ["", ".", "../up", "/abs", ".git", "a b", "a//b", "a/.b", "build/"])
def test_assets_are_directories_of_the_document_root(path: str) -> None:
    with pytest.raises(UsageError, match="assets"):
        settings(assets=[path])


def test_the_units_of_a_color_come_and_go_together() -> None:
    target = render.color_target(settings(), Color.blue)
    service = render.fpm_service(settings(), Color.blue)
    for unit in ("shop-x-blue-fpm.service", "shop-x-blue-nginx.service"):
        assert f"Requires={unit}\nAfter={unit}\n" in target
    assert "PartOf=shop-x-blue.target" in render.nginx_service(settings(), Color.blue)
    assert "WantedBy=multi-user.target" in target
    assert "Wants=" not in target
    assert "PartOf=shop-x-blue.target" in service
    assert render.fpm_unit(settings(), Color.blue) in service
    assert "User=shop-x-web\n" in service


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
        assert f"/etc/systemd/system/{unit}" in render.fpm_service(made, color)
        assert f"/etc/systemd/system/{unit}" in render.service_units(made, color)


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


def test_an_old_haproxy_gets_only_keywords_that_it_knows() -> None:
    made = settings(services=SERVICES, stream_limit=600)
    switch = only(made, HAProxySwitch)
    new, old = (render.haproxy(made, switch, NODES, "deploy", version) for version in ((2, 4), (2, 3)))
    assert render.haproxy(made, switch, NODES, "deploy") == new
    for keyword in ("idle-close-on-response", "iif(", "set-timeout"):
        assert keyword in new
        assert keyword not in old
    assert "X-Forwarded-Proto https if { ssl_fc }\n" in old
    assert old.count("timeout server 600000ms\n") == 2
    assert "timeout server 600000ms\n" not in new


def test_nginx_on_a_balancer_can_end_each_connection_by_a_mark() -> None:
    text = both_kinds(settings(), settings().switches[0])[1]
    location, last = text[text.index("location / {") :].split("location @last {")
    assert "if (-e /var/lib/orchestrator/shop-x/guard/drain) {" in location
    # the same request to the same color, but on a connection that ends
    assert last.count("keepalive_timeout 0;") == 1
    assert "keepalive_timeout" not in location
    proxied = location[location.index("proxy_pass") : location.index("    }\n\n")]
    assert proxied in last


def test_the_deploy_user_may_ask_what_a_service_said() -> None:
    rules = render.node_sudoers(settings(services=SERVICES)).splitlines()
    assert "deploy ALL=(root) NOPASSWD: /usr/local/lib/orchestrator/shop-x/said shop-x-green-ws.service" in rules


def test_the_sudo_rules_of_a_node_are_exact() -> None:
    rules = [line for line in render.node_sudoers(settings()).splitlines() if not line.startswith("#")]
    assert len(rules) == 18
    assert "Defaults:deploy !requiretty" in rules
    assert "Defaults:deploy use_pty" in rules
    assert "deploy ALL=(shop-x-web) NOPASSWD: /usr/local/lib/orchestrator/shop-x/check-stack" in rules
    assert "deploy ALL=(shop-x-web) NOPASSWD: /usr/local/lib/orchestrator/shop-x/console" in rules
    assert "deploy ALL=(root) NOPASSWD: /usr/local/lib/orchestrator/shop-x/said shop-x-blue-nginx.service" in rules
    assert "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart shop-x-green.target" in rules
    assert 'deploy ALL=(root) NOPASSWD: /usr/local/lib/orchestrator/shop-x/used ""' in rules
    assert "deploy ALL=(root) NOPASSWD: /usr/local/lib/orchestrator/shop-x/remove" in rules
    assert not any("*" in rule or "," in rule for rule in rules)


@pytest.mark.parametrize(
    "changes",
    [
        {"build": [{"name": "migrate", "run": "x", "user": "web"}]},
        {"hooks": [{"before": "cutover", "run": "x", "user": "web"}]},
    ],
)
def test_only_settings_with_web_commands_permit_them(changes: dict[str, Any]) -> None:
    rule = "deploy ALL=(root) NOPASSWD: /usr/local/lib/orchestrator/shop-x/as-web"
    assert "as-web" not in render.node_sudoers(settings())
    assert rule in render.node_sudoers(settings(**changes)).splitlines()


@pytest.mark.parametrize("arguments", [[], ["../x", "blue"], ["20260101T120000Z-5d0f0c1", "red"]])
def test_commands_for_the_web_user_need_a_release_and_a_color(arguments: list[str]) -> None:
    script = render.web_scripts(settings())["as-web"].replace("/usr/bin/systemd-run", "/bin/echo")
    done = subprocess.run(["sh", "-c", script, "as-web", *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (64, "")


def test_the_sudo_rules_of_a_balancer_are_exact() -> None:
    text = render.balancer_sudoers(settings(), {"node1": "10.0.0.1", "node2": "fd00::2"})
    bar = "/usr/local/lib/orchestrator/shop-x/bar"
    assert f"deploy ALL=(root) NOPASSWD: {bar} 10.0.0.1 off\n" in text
    assert rf"{bar} fd00\:\:2 on" in text
    assert f"{bar} list\n" in text
    assert "Defaults:deploy !requiretty\n" in text
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
    # each release says which page that is
    assert re.findall(r"http-check send meth GET uri (\S+)", text) == ["/.orchestrator/health"] * 2


def test_haproxy_often_checks_a_server_that_is_down() -> None:
    # a release restarts the idle color, and then waits until HAProxy sees the color on every node
    text = render.haproxy(settings(), only(settings(), HAProxySwitch), NODES, "deploy")
    defaults = [line.split() for line in text.splitlines() if line.split()[:1] == ["default-server"]]
    assert [words[words.index("downinter") + 1] for words in defaults] == ["200ms"] * len(Color)


def test_haproxy_looks_names_up_while_it_runs() -> None:
    text = render.haproxy(settings(), only(settings(), HAProxySwitch), {"node1": "n1.example"}, "deploy")
    assert "\nresolvers shop-x\n" in text
    assert text.count("init-addr last,libc,none resolvers shop-x") == 2


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


@pytest.mark.parametrize("color", Color)
def test_nginx_of_a_color_runs_as_the_web_user(color: Color) -> None:
    unit = render.nginx_service(settings(web_user="http", ports={"blue": 9001, "green": 9002}), color)
    port = {"blue": 9001, "green": 9002}[color]
    library = "/usr/local/lib/orchestrator/shop-x"
    assert "\nUser=http\n" in unit
    assert "\nNoNewPrivileges=yes\n" in unit
    # only `listen` runs as root: the web user cannot write the files that it writes
    assert f"ExecStartPre=+{library}/listen {color} {port}\nExecStart={library}/nginx {color} {port}\n" in unit
    assert f"ExecReload=+{library}/listen {color} {port}\nExecReload=/bin/kill -HUP $MAINPID\n" in unit
    assert f"PIDFile=/run/orchestrator/shop-x-{color}-nginx/pid\n" in unit
    assert f"RuntimeDirectory=orchestrator/shop-x-{color}-nginx\n" in unit


@pytest.mark.parametrize("color", Color)
def test_nginx_without_a_release_answers_503_alone(color: Color) -> None:
    text = render.nginx_without_release(settings(), color)
    run = f"/run/orchestrator/shop-x-{color}-nginx"
    assert f"include {run}.listen*;\n        listen unix:{run}/socket;\n" in text
    assert f'return 503 "no release in {color}\\n";' in text
    assert str(color.other) not in text


def test_logs_of_a_color_are_rotated_as_the_web_user() -> None:
    text = render.logrotate(settings(web_user="http"), "web")
    for color in Color:
        assert f"/var/log/orchestrator/shop-x/{color}/*.log {{\n" in text
        assert f"--kill-who=main --signal=USR1 shop-x-{color}-nginx.service" in text
    assert text.count("    su http web\n    create 0640 http web\n") == 2


def test_a_target_also_starts_services_that_only_releases_have() -> None:
    made = settings(services=[{"name": "ws", "command": "bin/ws", "path": "/ws"}])
    target = render.color_target(made, Color.blue, ["chat", "ws"])
    wanted = ["shop-x-blue-ws.service", "shop-x-blue-chat.service"]
    assert re.findall(r"^Wants=(.*)", target, re.MULTILINE) == wanted
    assert re.findall(r"^After=(.*)", target, re.MULTILINE)[-2:] == wanted
