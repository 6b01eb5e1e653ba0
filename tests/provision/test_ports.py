"""Which of the ports that an application needs are taken, and by what."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config import Settings, load
from orchestrator.config.switch import BalancerSwitch
from orchestrator.provision.bind import ALL, ALL_IPV4, Bind
from orchestrator.provision.in_use import Claim, InUse, Listener, Process
from orchestrator.provision.ports import HIDDEN, Problem, Want, lines, on_balancer, on_node, problems

HAPROXY, NGINX = "haproxy.service", "nginx.service"
WELCOME = "/etc/nginx/sites-enabled/default"
CONF, CFG = "/etc/nginx/conf.d/shop.conf", "/etc/haproxy/orchestrator/shop.cfg"
SERVICES = [{"name": "ws", "command": "bin/ws", "path": "/ws", "ports": {"blue": 9001, "green": 9002}}]


def shop(kind: str = "haproxy", **changes: Any) -> Settings:
    switch = {"kind": kind, "group": "b", "urls": ["http://b"], **changes.pop("switch", {})}
    raw = {"app": "shop", "source": {"origin": "x"}, "marker": {"answers": "all"}, "switches": [switch], **changes}
    return load(raw)


def at(port: int, address: str = ALL_IPV4) -> Bind:
    return Bind(address, port, port)


def file(path: str, port: int, owner: str = NGINX, address: str = ALL_IPV4, shared: bool = False) -> Claim:
    return Claim(path, at(port, address), owner, shared)


def listening(port: int, name: str = "", unit: str = "", owner: str = "", address: str = ALL_IPV4) -> Listener:
    """A socket of a process; without a name, the kernel hides the process."""
    return Listener(at(port, address), (Process(name, unit, owner or unit),) if name else ())


def of_node(settings: Settings, *found: Claim | Listener, welcome: str = "") -> list[str]:
    return _said(settings, on_node(settings), found, welcome)


def of_balancer(settings: Settings, *found: Claim | Listener, welcome: str = "") -> list[str]:
    (switch,) = settings.switches
    assert isinstance(switch, BalancerSwitch)
    return _said(settings, on_balancer(settings, switch), found, welcome)


def _said(settings: Settings, wants: list[Want], found: tuple[Claim | Listener, ...], welcome: str) -> list[str]:
    claims = tuple(one for one in found if isinstance(one, Claim))
    listeners = tuple(one for one in found if isinstance(one, Listener))
    said = problems(settings, "here", wants, InUse(listeners, claims, welcome))
    assert {problem.host for problem in said} <= {"here"}
    return [problem.text for problem in said]


def taken(port: int, holder: str, setting: str) -> str:
    return f"port {port} is taken by {holder}: change {setting}"


def test_an_application_needs_the_ports_of_its_settings() -> None:
    made = shop(
        switch={"tls": {"certificate": "/x"}},
        services=SERVICES,
        preview={"token": "x" * 16, "port": 8090, "bind": "::1"},
    )
    assert [(want.setting, want.bind, want.owner) for want in on_node(made)] == [
        ("ports.live", at(8080), NGINX),
        ("ports.blue", at(8081), "shop-blue.target"),
        ("ports.green", at(8082), "shop-green.target"),
        ("services.ws.ports.blue", at(9001, "127.0.0.1"), "shop-blue.target"),
        ("services.ws.ports.green", at(9002, "127.0.0.1"), "shop-green.target"),
    ]
    (switch,) = made.switches
    assert isinstance(switch, BalancerSwitch)
    assert [(want.setting, want.bind, want.path, want.default) for want in on_balancer(made, switch)] == [
        ("switches.haproxy.listen", at(80), CFG, False),
        ("switches.haproxy.tls.listen", at(443), CFG, False),
        ("preview.port", at(8090, "::1"), CFG, False),
    ]


def test_without_a_token_there_is_no_preview_port() -> None:
    made = shop("nginx", preview={"port": 8090})
    (switch,) = made.switches
    assert isinstance(switch, BalancerSwitch)
    assert [(want.setting, want.path, want.default) for want in on_balancer(made, switch)] == [
        ("switches.nginx.listen", CONF, True)
    ]


def test_ports_that_nothing_has_are_free() -> None:
    assert of_node(shop(), listening(22, "sshd", "ssh.service")) == []
    assert of_balancer(shop(), file("/etc/haproxy/haproxy.cfg", 8404, HAPROXY)) == []


def test_files_of_another_application_take_their_ports() -> None:
    blog = "/etc/nginx/conf.d/blog.conf"
    assert of_node(shop(services=SERVICES), *(file(blog, port) for port in (8080, 8081, 8082))) == [
        taken(8080, blog, "ports.live"),
        taken(8081, blog, "ports.blue"),
        taken(8082, blog, "ports.green"),
    ]
    unit = "/etc/systemd/system/blog-blue-ws.service"
    claim = file(unit, 9002, "blog-blue.target", "127.0.0.1")
    assert of_node(shop(services=SERVICES), claim) == [taken(9002, unit, "services.ws.ports.green")]
    cfg = "/etc/haproxy/orchestrator/blog.cfg"
    # HAProxy would take two binds of one port, and divide the connections between them
    assert of_balancer(shop(), file(cfg, 80, HAPROXY), listening(80, "haproxy", HAPROXY)) == [
        taken(80, cfg, "switches.haproxy.listen")
    ]


def test_a_port_is_taken_by_all_files_that_name_it() -> None:
    one, other = "/etc/haproxy/haproxy.cfg", "/etc/haproxy/orchestrator/blog.cfg"
    found = [file(one, 80, HAPROXY, address) for address in ("10.0.0.1", "10.0.0.2")]
    assert of_balancer(shop(), *found, file(other, 80, HAPROXY)) == [
        taken(80, f"{one} and {other}", "switches.haproxy.listen")
    ]


def test_a_program_that_listens_takes_its_port() -> None:
    apache = listening(80, "apache2", "apache2.service", address=ALL)
    assert of_balancer(shop(), apache) == [taken(80, "apache2 (apache2.service)", "switches.haproxy.listen")]
    assert of_balancer(shop(), listening(80, "python3")) == [taken(80, "python3", "switches.haproxy.listen")]
    # nginx of its own unit is not the nginx that provisioning configures
    other = listening(8080, "nginx", "nginx-blog.service")
    assert of_node(shop(), other) == [taken(8080, "nginx (nginx-blog.service)", "ports.live")]


def test_the_other_balancer_takes_its_port() -> None:
    nginx = (file(WELCOME, 80), listening(80, "nginx", NGINX))
    assert of_balancer(shop(), *nginx, welcome=WELCOME) == [taken(80, WELCOME, "switches.haproxy.listen")]
    # the application moves from HAProxy to nginx on the same server, and HAProxy still runs
    haproxy = (file(CFG, 80, HAPROXY), listening(80, "haproxy", HAPROXY))
    assert of_balancer(shop("nginx"), *haproxy) == [taken(80, CFG, "switches.nginx.listen")]


def test_a_port_of_another_address_is_free() -> None:
    made = shop(services=SERVICES, preview={"token": "x" * 16, "port": 8090})
    assert of_node(made, listening(9001, "x", address="10.0.0.1"), listening(8080, "x", address="::1")) == []
    assert of_balancer(made, listening(8090, "x", address="10.0.0.1")) == []


def of_color(color: str, port: int, hidden: bool = False) -> tuple[Claim, Listener]:
    """The unit of a color's nginx, and its socket."""
    unit, target = f"shop-{color}-nginx.service", f"shop-{color}.target"
    return file(f"/etc/systemd/system/{unit}", port, target), listening(port, "" if hidden else "nginx", unit, target)


@pytest.mark.parametrize("hidden", [False, True])
def test_an_application_provisioned_again_has_its_ports(hidden: bool) -> None:
    made = shop(services=SERVICES, switch={"tls": {"certificate": "/x"}})
    nginx = [
        (file(CONF, 8080), listening(8080, "" if hidden else "nginx", NGINX)),
        of_color("blue", 8081, hidden),
        of_color("green", 8082, hidden),
    ]
    services = [
        (
            file(f"/etc/systemd/system/shop-{color}-ws.service", port, f"shop-{color}.target", "127.0.0.1"),
            listening(
                port, "" if hidden else "bin/ws", f"shop-{color}-ws.service", f"shop-{color}.target", "127.0.0.1"
            ),
        )
        for color, port in (("blue", 9001), ("green", 9002))
    ]
    assert of_node(made, *(one for pair in (*nginx, *services) for one in pair)) == []
    haproxy = [(file(CFG, port, HAPROXY), listening(port, "" if hidden else "haproxy", HAPROXY)) for port in (80, 443)]
    assert of_balancer(made, *(one for pair in haproxy for one in pair)) == []


def test_the_ports_of_an_earlier_version_s_nginx_are_given_up() -> None:
    # its nginx of the node had all three ports, by the application's own file
    found = [one for port in (8080, 8081, 8082) for one in (file(CONF, port), listening(port, "nginx", NGINX))]
    assert of_node(shop(), *found) == []
    assert of_node(shop(ports={"live": 8082, "blue": 8080, "green": 8081}), *found) == []
    blog = file("/etc/nginx/conf.d/blog.conf", 8081)
    assert of_node(shop(), blog, *found[-1:]) == [
        taken(8081, blog.path, "ports.blue"),
        taken(8082, f"nginx ({NGINX})", "ports.green"),
    ]


def test_a_color_keeps_its_port_for_its_own_nginx_alone() -> None:
    front: list[Claim | Listener] = [file(CONF, 8080), listening(8080, "nginx", NGINX)]
    found = [*front, *of_color("blue", 8081), *of_color("green", 8082)]
    # the node's nginx is reloaded before a color listens, so a color may have the port that was the live one
    assert of_node(shop(ports={"live": 8070, "blue": 8080}), *found) == []
    assert of_node(shop(ports={"live": 8081, "blue": 8070}), *found) == [
        taken(8081, "nginx (shop-blue-nginx.service)", "ports.live")
    ]
    assert of_node(shop(ports={"blue": 8082, "green": 8081}), *found) == [
        taken(8082, "nginx (shop-green-nginx.service)", "ports.blue"),
        taken(8081, "nginx (shop-blue-nginx.service)", "ports.green"),
    ]


def test_a_program_keeps_no_port_that_no_file_names() -> None:
    # the program has not loaded its present files yet
    assert of_balancer(shop(), listening(80, "haproxy", HAPROXY)) == []
    assert of_balancer(shop(), listening(80, "haproxy", HAPROXY), file(CFG, 81, HAPROXY)) == []
    assert of_node(shop(), listening(8080, "nginx", NGINX)) == []


def test_a_service_keeps_its_port_for_its_color_alone() -> None:
    made = shop(services=[SERVICES[0] | {"name": "chat", "ports": {"blue": 9002, "green": 9003}}])
    blue = listening(9002, "bin/ws", "shop-blue-ws.service", "shop-blue.target", "127.0.0.1")
    green = listening(9002, "bin/ws", "shop-green-ws.service", "shop-green.target", "127.0.0.1")
    assert of_node(made, blue) == []
    assert of_node(made, green) == [taken(9002, "bin/ws (shop-green-ws.service)", "services.chat.ports.blue")]


def test_a_port_moves_between_nginx_and_a_service_in_two_steps() -> None:
    ws = listening(9001, "bin/ws", "shop-blue-ws.service", "shop-blue.target", "127.0.0.1")
    unit = file("/etc/systemd/system/shop-blue-ws.service", 9001, "shop-blue.target", "127.0.0.1")
    moved = shop(ports={"live": 9001})
    assert of_node(moved, unit, ws) == [taken(9001, "bin/ws (shop-blue-ws.service)", "ports.live")]
    # the unit alone holds nothing: the service was removed from the settings, and its color has been started since
    assert of_node(moved, unit) == []
    moved = shop(ports={"live": 8070}, services=[SERVICES[0] | {"ports": {"blue": 8080, "green": 9002}}])
    assert of_node(moved, file(CONF, 8080), listening(8080, "nginx", NGINX)) == [
        taken(8080, f"nginx ({NGINX}, {CONF})", "services.ws.ports.blue")
    ]


def test_the_welcome_page_gives_port_80_up() -> None:
    page = (file(WELCOME, 80), file(WELCOME, 80, address="::"), listening(80, "nginx", NGINX))
    assert of_balancer(shop("nginx"), *page, welcome=WELCOME) == []
    assert of_balancer(shop("nginx"), page[0], listening(80), welcome=WELCOME) == []
    assert of_node(shop(ports={"live": 80}), *page, welcome=WELCOME) == []
    # a page that somebody has changed is somebody's site
    assert of_node(shop(ports={"live": 80}), *page) == [taken(80, WELCOME, "ports.live")]
    assert of_balancer(shop("nginx"), *page) == [taken(80, WELCOME, "switches.nginx.listen")]
    # provisioning removes the page only if nginx needs port 80
    made = shop()
    (switch,) = made.switches
    assert isinstance(switch, BalancerSwitch)
    both = [*on_node(made), *on_balancer(made, switch)]
    assert _said(made, both, page, WELCOME) == [taken(80, WELCOME, "switches.haproxy.listen")]
    assert of_balancer(shop("nginx", switch={"listen": 81}), *page, welcome=WELCOME) == []


def test_servers_with_names_of_their_own_share_a_usual_port() -> None:
    blog = "/etc/nginx/sites-enabled/blog"
    secure = {"tls": {"certificate": "/x"}}
    found: list[Claim | Listener] = [file(blog, port, shared=True) for port in (80, 443)]
    assert of_balancer(shop("nginx", switch=secure), *found, listening(80, "nginx", NGINX)) == []
    assert of_balancer(shop("nginx"), found[0], listening(80)) == []
    # on another port the application is not the default server, and at one address the other server would be
    assert of_balancer(shop("nginx", switch={"listen": 8085}), file(blog, 8085, shared=True)) == [
        taken(8085, blog, "switches.nginx.listen")
    ]
    assert of_balancer(shop("nginx"), file(blog, 80, address="10.0.0.1", shared=True)) == [
        taken(80, blog, "switches.nginx.listen")
    ]
    assert of_node(shop(), file(blog, 8080, shared=True)) == [taken(8080, blog, "ports.live")]


def test_a_hidden_program_takes_a_port_of_a_new_application() -> None:
    assert of_node(shop(), listening(8081)) == [taken(8081, HIDDEN, "ports.blue")]
    # on a host that has the application, it may be the application's
    assert of_node(shop(), file(CONF, 8090), listening(8081)) == []


def test_a_node_that_is_a_balancer_too_needs_each_port_once() -> None:
    made = shop(switch={"listen": 8081})
    (switch,) = made.switches
    assert isinstance(switch, BalancerSwitch)
    said = problems(made, "here", [*on_node(made), *on_balancer(made, switch)], InUse())
    assert said == [
        Problem("here", "port 8081 is needed by both ports.blue and switches.haproxy.listen: change one of them")
    ]


def test_hosts_with_one_problem_share_a_line() -> None:
    found = [Problem("node1", "a"), Problem("node1", "b"), Problem("node2", "a"), Problem("lb", "c")]
    assert lines(found) == ["node1, node2: a", "node1: b", "lb: c"]
