"""The preview in the rendered configuration of the balancers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch
from orchestrator.errors import UsageError
from orchestrator.provision import balancer
from tests.provision.test_render import both_kinds, only, settings

TOKEN = "aB3_-x0123456789"


def shown(token: str | None = TOKEN, **changes: Any) -> Settings:
    return settings(preview={"token": token, **changes})


def both(made: Settings) -> tuple[str, str]:
    return both_kinds(made, made.switches[0])


@pytest.mark.parametrize("token", [None, ""])
def test_without_a_token_there_is_no_preview_at_any_port(token: str | None) -> None:
    made = shown(token, port=8090)
    assert both(made) == both(settings())
    assert balancer.ports(made, only(made, BalancerSwitch)) == [80]
    assert balancer.mode(made) == "644"


def test_header_and_cookie_must_match_exactly() -> None:
    haproxy, nginx = both(shown())
    assert f"acl preview req.fhdr(X-Preview) -m str -- {TOKEN}\n" in haproxy
    assert f"acl preview req.fhdr(Cookie) -m reg '(^|; *)preview={TOKEN} *($|;)'\n" in haproxy
    assert f'map $http_x_preview $bg_shop_x_by_header {{ "~^{TOKEN}$" 1; default ""; }}' in nginx
    assert f'map $cookie_preview $bg_shop_x_by_cookie {{ "~^{TOKEN}$" 1; default ""; }}' in nginx


def test_names_of_ones_own() -> None:
    haproxy, nginx = both(shown(header="X-Look-Ahead", cookie="ahead"))
    assert "req.fhdr(X-Look-Ahead)" in haproxy
    assert "(^|; *)ahead=" in haproxy
    assert "$http_x_look_ahead" in nginx
    assert "$cookie_ahead" in nginx


def test_a_preview_shows_the_color_with_less_traffic_else_green() -> None:
    haproxy, nginx = both(shown())
    choices = [line.strip() for line in haproxy.splitlines() if "_backend" in line]
    assert choices[:2] == [
        "use_backend shop-x_green if { var(txn.preview) -m bool } { var(txn.green) -m int le 50 }",
        "use_backend shop-x_blue if { var(txn.preview) -m bool }",
    ]
    rules = nginx.split("map $bg_shop_x_weight $bg_shop_x_preview_pool {")[1].split("}")[0]
    patterns = re.findall(r'"~(\S+)"\s+shop-x_(\w+);', rules)
    for weight in range(101):
        found = [color for pattern, color in patterns if re.search(pattern, str(weight))]
        assert found == ["green" if weight <= 50 else "blue"], weight
    assert re.search(r'default\s+"";', rules)


def test_a_preview_gets_503_as_well_if_the_weight_is_unknown() -> None:
    haproxy, nginx = both(shown())
    assert haproxy.index("return status 503") < haproxy.index("acl preview")
    assert (
        'map $bg_shop_x_preview $bg_shop_x_seen_pool { "" $bg_shop_x_users_pool; default $bg_shop_x_preview_pool; }'
        in nginx
    )
    assert 'set $bg_shop_x_pool $bg_shop_x_seen_pool;\n    if ($bg_shop_x_pool = "") {' in nginx


def test_the_token_does_not_reach_the_application() -> None:
    haproxy, nginx = both(shown())
    assert haproxy.index("set-var(txn.preview)") < haproxy.index("http-request del-header X-Preview\n")
    assert f"replace-header Cookie '(.*)preview={TOKEN}(.*)' '\\1preview=1\\2' if preview" in haproxy
    assert 'proxy_set_header X-Preview "";' in nginx
    assert "proxy_set_header Cookie $bg_shop_x_cookies;" in nginx


def test_only_root_reads_a_configuration_with_the_token() -> None:
    assert balancer.mode(shown()) == "640"


@pytest.mark.parametrize(
    ("address", "bound"), [("127.0.0.1", "127.0.0.1:8090"), ("10.0.0.9", "10.0.0.9:8090"), ("::1", "[::1]:8090")]
)
def test_a_port_of_its_own_needs_no_token(address: str, bound: str) -> None:
    made = shown(port=8090, bind=address)
    haproxy, nginx = both(made)
    assert f"    bind {bound} name preview\n" in haproxy
    assert "acl preview so_name preview\n" in haproxy
    assert f"    listen {bound};\n" in nginx
    assert 'map $server_port $bg_shop_x_by_port { 8090 1; default ""; }' in nginx
    assert balancer.ports(made, only(made, BalancerSwitch)) == [80, 8090]


def test_the_port_is_not_the_users() -> None:
    with pytest.raises(UsageError, match=r"preview\.port: the switch of kind haproxy answers users on port 80"):
        shown(port=80)


def test_the_port_is_not_sent_to_https() -> None:
    switch = {"kind": "nginx", "group": "b", "urls": ["http://b"], "tls": {"certificate": "/c", "redirect": True}}
    haproxy, _ = both(settings(switches=[switch], preview={"token": TOKEN, "port": 8090}))
    line = next(line for line in haproxy.splitlines() if "redirect" in line)
    assert line.endswith("|| { so_name preview }")


@pytest.mark.parametrize("token", ["short", "a b" * 9, 'a"b' * 9, "a;b" * 9, "a$b" * 9, "ä" * 20, TOKEN + "."])
def test_a_weak_or_unsafe_token_is_refused(token: str) -> None:
    with pytest.raises(UsageError, match=r"preview\.token") as error:
        both(shown(token))
    assert token not in str(error.value)


@pytest.mark.parametrize("names", [{"header": "X Preview"}, {"header": ""}, {"cookie": "a-b"}, {"cookie": "a;b"}])
def test_names_that_could_break_the_configuration_are_refused(names: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"preview\."):
        shown(**names)


def test_no_dump_of_the_settings_holds_the_token() -> None:
    made = shown()
    assert "token" not in made.model_dump(mode="json")["preview"]
    assert "token" not in made.model_dump()["preview"]
    assert TOKEN not in made.model_dump_json()
    assert TOKEN not in repr(made)
