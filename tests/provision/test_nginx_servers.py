"""The servers of an nginx configuration, as ``nginx -T`` prints it."""

from __future__ import annotations

from orchestrator.config.switch import NginxSwitch
from orchestrator.provision import render
from orchestrator.provision.bind import ALL_IPV4, ALL_IPV6
from orchestrator.provision.nginx_servers import directives, servers
from tests.provision.test_render import NODES, only, settings

Found = list[tuple[str, str, int, bool]]


def binds(dump: str) -> Found:
    """Path, address, first port and whether the port is shared, of all servers."""
    return [
        (server.path, bind.address, bind.first, shared)
        for server in servers(dump.splitlines())
        for bind, shared in server.binds()
    ]


def in_conf(text: str) -> Found:
    return binds(f"# configuration file /etc/nginx/conf.d/a.conf:\n{text}\n")


def ports(text: str) -> list[tuple[int, bool]]:
    """The same for one file, without path and address."""
    return [(port, shared) for _, _, port, shared in in_conf(text)]


def test_comments_are_no_directives() -> None:
    text = """
# server { listen 1;
map $uri $a { "~^/#b # c"  'd#';  default e#f; }  # "g
"""
    assert directives(text) == ["map", "$uri", "$a", "{", '"~^/#b # c"', "'d#'", ";", "default", "e#f", ";", "}"]
    assert directives(text.replace("# c", "# h")) != directives(text)


def test_each_port_has_the_file_that_names_it() -> None:
    dump = """
# configuration file /etc/nginx/nginx.conf:
http {
    include /etc/nginx/conf.d/*.conf;
    server { listen 8000; listen [::]:8000; }
}
# configuration file /etc/nginx/conf.d/blog.conf:
# listen 1; server {
server {
    listen 127.0.0.1:8001;  # listen 2;
}
"""
    assert binds(dump) == [
        ("/etc/nginx/nginx.conf", ALL_IPV4, 8000, False),
        ("/etc/nginx/nginx.conf", ALL_IPV6, 8000, False),
        ("/etc/nginx/conf.d/blog.conf", "127.0.0.1", 8001, False),
    ]


def test_a_server_with_names_of_its_own_shares_its_port() -> None:
    assert ports("server { listen 80; server_name blog.test www.blog.test; }") == [(80, True)]
    assert ports("server { server_name blog.test; listen 80; listen 81 default_server; }") == [(80, True), (81, False)]
    assert ports("server { listen 80; server_name blog.test _; }") == [(80, False)]
    assert ports('server { listen 80; server_name ""; }') == [(80, False)]
    assert ports("server { listen 80; }") == [(80, False)]


def test_an_http_server_without_listen_has_port_80() -> None:
    assert ports("server { server_name blog.test; }") == [(80, True)]
    assert ports("mail { server { protocol imap; } }") == []
    # the included file may have the directive
    assert ports("server { include snippets/listen.conf; }") == []


def test_a_listen_outside_of_a_server_counts() -> None:
    assert ports("listen 8443 ssl;\nlisten [::]:8443 ssl;") == [(8443, False), (8443, False)]


def test_a_server_of_streams_shares_no_port() -> None:
    assert ports("stream { server { listen 443; server_name blog.test; } }") == [(443, False)]


def test_quotes_braces_and_variables_end_no_block() -> None:
    text = r"""
upstream u { server 10.0.0.1:1; }
map $uri $x { "~}{" 1; default '}'; }
server {
    listen 8000;
    if ($uri ~ "^/a{2}") { return 302 "https://x;{"; }
    location ~ \.php$ { set $y "${uri}index\"}"; set $z ${uri}a; }
    listen 8001;
}
server{listen 8002;}
"""
    assert ports(text) == [(8000, False), (8001, False), (8002, False)]


def test_nothing_is_read_from_a_text_that_is_no_configuration() -> None:
    assert ports("}}; { server { \" ' listen") == [(80, False)]
    assert binds("") == []


def test_our_own_files_name_our_ports() -> None:
    switch = {"kind": "nginx", "group": "b", "urls": ["http://b"], "listen": 8085, "tls": {"certificate": "/x"}}
    made = settings(switches=[switch], preview={"token": "x" * 16, "port": 8090})
    balancer = render.balancer_nginx(made, only(made, NginxSwitch), NODES)
    assert [port for port, _ in ports(balancer)] == [8085, 443, 8090]
    assert [port for port, _ in ports(render.front_nginx(made))] == [8080]
