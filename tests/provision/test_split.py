"""Which client gets which node and color, in the rendered configuration."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import UsageError
from orchestrator.provision import render
from tests.provision.test_render import NODES, both_kinds, settings


def both(**changes: Any) -> tuple[str, str]:
    made = settings(switches=[{"kind": "nginx", "group": "b", "urls": ["http://b"], **changes}])
    return both_kinds(made, made.switches[0])


def test_by_default_no_balancer_sets_a_cookie() -> None:
    for text in both():
        assert "cookie" not in text.lower()


def test_a_client_has_the_same_node_in_both_colors() -> None:
    haproxy, nginx = both(sticky={"cookie": "SRV"})
    blue, green = haproxy.split("\nbackend ")[1:]
    values = []
    for backend in (blue, green):
        assert "    cookie SRV insert indirect nocache httponly\n" in backend
        values.append(
            [line.split(" cookie ")[1] for line in backend.splitlines() if " cookie " in line[5:] and "server" in line]
        )
    assert values[0] == values[1] == [render.sticky_value(settings(), name) for name in NODES]
    assert len(set(values[0])) == len(NODES)
    # ketama would hash the port
    assert nginx.count("    hash $bg_shop_x_sticky;\n") == 2
    assert "consistent;" not in nginx


def test_a_cookie_does_not_give_a_nodes_name_away() -> None:
    haproxy, nginx = both(sticky={"cookie": "SRV"})
    for name in NODES:
        assert f"cookie {name}" not in haproxy
        assert name not in nginx.split("server {")[-1]


def test_the_first_answer_comes_from_the_node_in_the_cookie() -> None:
    _, nginx = both(sticky={"cookie": "SRV"})
    assert 'map $cookie_SRV $bg_shop_x_sticky { "" $request_id; default $cookie_SRV; }' in nginx
    assert "SRV=$request_id; Path=/; HttpOnly" in nginx


def test_the_cookie_is_for_https_only_where_it_was_set_by_https() -> None:
    haproxy, nginx = both(sticky={"cookie": "SRV"}, tls={"certificate": "/c"})
    assert "replace-header Set-Cookie '^(SRV=.*)' '\\1; Secure' if { ssl_fc }" in haproxy
    assert 'map $scheme $bg_shop_x_secure { https "; Secure"; default ""; }' in nginx
    assert "Secure" not in both(sticky={"cookie": "SRV"})[0]


def test_by_default_requests_are_split() -> None:
    haproxy, nginx = both()
    assert "use_backend shop-x_green if { rand(100),sub(txn.green) lt 0 }" in haproxy
    assert nginx.count('split_clients "$request_id" ') == 99
    assert "xxh32" not in haproxy


def test_clients_are_split_by_address() -> None:
    haproxy, nginx = both(split="client")
    assert "set-var(txn.client) src\n" in haproxy
    assert "use_backend shop-x_green if { var(txn.client),xxh32,mod(100),sub(txn.green) lt 0 }" in haproxy
    assert nginx.count('split_clients "$remote_addr" ') == 99
    assert "rand(" not in haproxy
    assert '"$request_id"' not in nginx


def test_clients_are_split_by_a_cookie_and_without_it_by_address() -> None:
    haproxy, nginx = both(split="client", split_cookie="SID")
    address, cookie = haproxy.index("set-var(txn.client) src\n"), haproxy.index("set-var(txn.client) req.cook(SID)")
    assert address < cookie
    assert '    ""       $remote_addr;\n    default  $cookie_SID;' in nginx
    assert nginx.count('split_clients "$bg_shop_x_client" ') == 99


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split_cookie": "SID"}, "split_cookie needs split"),
        ({"split": "client", "split_cookie": "S-ID"}, "split_cookie"),
        ({"split": "user"}, "split"),
        ({"sticky": {"cookie": "a b"}}, "sticky.cookie"),
        ({"sticky": {}}, "sticky.cookie"),
    ],
)
def test_contradictory_settings_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        both(**changes)
