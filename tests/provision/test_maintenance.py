"""The page of maintenance in the rendered configuration of the balancers."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config import Settings
from orchestrator.config.applied import digests
from orchestrator.config.maintenance import MOST
from orchestrator.config.switch import BalancerSwitch
from orchestrator.errors import UsageError
from orchestrator.provision import balancer, render
from tests.provision.test_render import both_kinds, only, settings

TOKEN = "aB3_-x0123456789"
MARKER = {"answers": "all", "token": "probe-token"}


def closed(**changes: Any) -> Settings:
    return settings(marker=MARKER, maintenance=changes)


def both(made: Settings) -> tuple[str, str]:
    return both_kinds(made, made.switches[0])


def test_without_the_setting_nothing_changes() -> None:
    for text in both(settings(marker=MARKER)):
        assert "maintenance" not in text
        assert "probe-token" not in text
    assert render.page(settings()) == ""


def test_all_but_the_testers_get_the_page() -> None:
    haproxy, nginx = both(closed(token=TOKEN, addresses=["10.0.0.0/8", "2001:db8::1"], retry_after="5m"))
    testers = [line.strip() for line in haproxy.splitlines() if line.strip().startswith("acl tester")]
    assert testers == [
        "acl tester req.fhdr(X-Probe-Token) -m str -- probe-token",
        f"acl tester req.fhdr(X-Maintenance) -m str -- {TOKEN}",
        f"acl tester req.fhdr(Cookie) -m reg '(^|; *)maintenance={TOKEN} *($|;)'",
        "acl tester src 10.0.0.0/8 2001:db8::1",
    ]
    (page,) = [line.strip() for line in haproxy.splitlines() if "maintenance.html" in line]
    assert page == (
        'http-request return status 503 content-type "text/html; charset=utf-8" file '
        "/etc/orchestrator/shop-x/maintenance.html hdr Retry-After 300 hdr Cache-Control no-store "
        "if closed !tester !health"
    )
    assert f'map $http_x_maintenance $bg_shop_x_by_word {{ "~^{TOKEN}$" 1; default ""; }}' in nginx
    assert f'map $cookie_maintenance $bg_shop_x_by_mark {{ "~^{TOKEN}$" 1; default ""; }}' in nginx
    assert 'map $http_x_probe_token $bg_shop_x_by_probe { "~^probe-token$" 1; default ""; }' in nginx
    assert "    10.0.0.0/8  1;\n    2001:db8::1  1;\n" in nginx
    assert "add_header Retry-After 300 always;" in nginx


def test_the_page_comes_before_the_choice_of_a_color() -> None:
    haproxy, nginx = both(closed())
    assert haproxy.index("maintenance.html") < haproxy.index("set-var(txn.green)")
    assert nginx.index("= page) { return 503; }") < nginx.index("set $bg_shop_x_pool $bg_shop_x_seen_pool")


def test_the_redirect_to_https_comes_before_the_page() -> None:
    switch = {"kind": "nginx", "group": "b", "urls": ["http://b"], "tls": {"certificate": "/c", "redirect": True}}
    haproxy, nginx = both(settings(switches=[switch], marker=MARKER, maintenance={}))
    assert haproxy.index("redirect code 308") < haproxy.index("maintenance.html")
    assert nginx.index("return 308") < nginx.index("return 503;")


def test_the_token_of_the_testers_does_not_reach_the_application() -> None:
    haproxy, nginx = both(closed(token=TOKEN, header="X-Look"))
    assert haproxy.index("acl tester req.fhdr(X-Look)") < haproxy.index("http-request del-header X-Look\n")
    assert nginx.count('proxy_set_header X-Look "";') == nginx.count("proxy_pass ")


def test_only_root_reads_a_configuration_with_tokens() -> None:
    assert balancer.mode(closed()) == "640"


def test_provisioning_applies_what_the_page_needs() -> None:
    def applied(**changes: Any) -> dict[str, str]:
        made = settings(**changes)
        return digests(made, only(made, BalancerSwitch))

    one = applied(marker=MARKER, maintenance={"token": TOKEN})
    assert one != applied(marker=MARKER, maintenance={"token": TOKEN + "x"})
    assert one != applied(marker=MARKER | {"token": "other"}, maintenance={"token": TOKEN})
    assert one == applied(marker=MARKER, maintenance={"token": TOKEN, "releases": "page"})
    assert applied(marker=MARKER) == applied(marker=MARKER | {"token": "other"})


def test_the_page_fits_into_a_buffer_of_haproxy() -> None:
    assert render.page(closed(page="ä" * (MOST // 2))) == "ä" * (MOST // 2) + "\n"
    with pytest.raises(UsageError, match=r"maintenance\.page: the page has 8194 bytes: use at most 8192 bytes"):
        closed(page="ä" * (MOST // 2 + 1))
    assert render.page(closed(page="<p>\nsoon\n</p>\n")) == "<p>\nsoon\n</p>\n"


@pytest.mark.parametrize("token", ["", "short", "a b" * 9, 'a"b' * 9, "ä" * 20])
def test_a_weak_or_unsafe_token_of_testers_is_refused(token: str) -> None:
    with pytest.raises(UsageError, match=r"maintenance\.token") as error:
        closed(token=token)
    assert not token or token not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"marker": {"answers": "all"}}, "maintenance: marker.token is missing"),
        ({"switches": [{"kind": "node", "urls": ["http://n"]}]}, "a switch of kind node cannot show a page"),
        ({"maintenance": {"addresses": ["web1"]}}, "neither an IP address nor a network"),
        ({"maintenance": {"cookie": "PHPSESSID", "token": TOKEN}}, "is the cookie of PHP's session"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        settings(**{"marker": MARKER, "maintenance": {}} | changes)
