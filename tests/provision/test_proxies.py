"""Which proxies a node believes, and what the rendered configuration makes of them."""

from __future__ import annotations

import re

import pytest

from orchestrator.model import Color
from orchestrator.provision import render
from orchestrator.provision.proxies import trusted
from orchestrator.stack.nginx import nginx_conf
from tests.provision.test_render import settings

BALANCERS = {"lb1": "10.0.0.8", "lb2": "lb2.example"}
FOUND = {"10.0.0.8": "10.0.0.8"}


@pytest.mark.parametrize(
    ("given", "proxies"),
    [
        (["balancers"], ["10.0.0.8", "10.0.0.9"]),
        ([], []),
        (["192.0.2.0/24"], ["192.0.2.0/24"]),
        (["192.0.2.0/24", "balancers"], ["10.0.0.8", "10.0.0.9", "192.0.2.0/24"]),
    ],
)
def test_balancers_are_trusted_by_default(given: list[str], proxies: list[str]) -> None:
    made = settings(web={"trusted_proxies": given})
    assert trusted(made, BALANCERS, FOUND | {"lb2.example": "10.0.0.9"}) == (proxies, [])
    assert settings().web.trusted_proxies == ["balancers"]


def test_a_balancer_whose_address_is_unknown_is_a_warning() -> None:
    proxies, warnings = trusted(settings(), BALANCERS, FOUND)
    assert proxies == ["10.0.0.8"]
    assert [line.partition(" is unknown here")[0] for line in warnings] == [
        "warning: the IP address of lb2 (lb2.example)"
    ]
    assert trusted(settings(web={"trusted_proxies": []}), BALANCERS, FOUND) == ([], [])


def test_a_trusted_proxy_tells_the_client_s_address_and_scheme() -> None:
    text = render.servers_nginx(settings(), "node1", ["10.0.0.8", "10.0.0.8", "127.0.0.1", "fd00::/8"])
    assert believed(text, "geo $realip_remote_addr $bg_proxied") == ["127.0.0.1", "10.0.0.8", "fd00::/8"]
    # the live port, and this node's gate, come by the socket
    assert 'map $realip_remote_addr $bg_trusted { "unix:" 1; default $bg_proxied; }' in text
    assert re.findall(r"set_real_ip_from (\S+);", text) == ["unix:", "10.0.0.8", "127.0.0.1", "fd00::/8"]
    assert "real_ip_header X-Forwarded-For;\nreal_ip_recursive on;\n" in text


def believed(text: str, block: str) -> list[str]:
    """The addresses of a geo block that are trusted. Asserts that no other address is."""
    *lines, default = text.split(f"{block} {{\n")[1].split("}")[0].splitlines()
    assert default.split() == ["default", "0;"]
    assert {line.split()[1] for line in lines} == {"1;"}
    return [line.split()[0] for line in lines]


def test_the_live_port_tells_the_color_who_the_client_is() -> None:
    text = render.front_nginx(settings(), ["10.0.0.8", "10.0.0.8", "127.0.0.1"])
    assert believed(text, "geo $remote_addr $bg_shop_x_trusted") == ["127.0.0.1", "10.0.0.8"]
    assert 'map "$bg_shop_x_trusted $http_x_forwarded_proto" $bg_shop_x_scheme {\n    "~*^1 https$"  https;' in text
    assert "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;" in text
    assert "proxy_set_header X-Forwarded-Proto $bg_shop_x_scheme;" in text


def test_php_gets_only_what_was_checked() -> None:
    for scripts in (False, True):
        text = nginx_conf(settings(php={"scripts": scripts}), Color.green)
        passed = text.count("fastcgi_pass ")
        assert passed
        for line in (
            "HTTPS $bg_https if_not_empty",
            "REQUEST_SCHEME $bg_scheme",
            "REMOTE_ADDR $remote_addr",
            "HTTP_X_FORWARDED_FOR $bg_forwarded if_not_empty",
        ):
            assert text.count(f"fastcgi_param {line};") == passed


def test_without_proxies_only_the_node_itself_is_believed() -> None:
    text = render.servers_nginx(settings(), "node1")
    assert believed(text, "geo $realip_remote_addr $bg_proxied") == ["127.0.0.1"]
    assert re.findall(r"set_real_ip_from (\S+);", text) == ["unix:"]
    assert believed(render.front_nginx(settings()), "geo $remote_addr $bg_shop_x_trusted") == ["127.0.0.1"]
