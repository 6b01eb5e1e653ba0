"""The state that HAProxy's and nginx's scripts print, parsed; what does not name a weight is never a color."""

from __future__ import annotations

import pytest

from orchestrator.errors import CannotTell
from orchestrator.layout import BalancerLayout
from orchestrator.model import Color, Weights
from orchestrator.switches.haproxy import HAProxy
from orchestrator.switches.nginx import Nginx

LAYOUT = BalancerLayout("shop")

HAPROXY = [
    "running=25",
    "kept=100",
    "filesystem=ext2/ext3",
    "barred=10.0.0.3 10.0.0.4 ",
    "blue.in_flight=3",
    "green.in_flight=0",
]
NGINX = ["kept=25", "serving=yes", "filesystem=xfs", "barred="]


def without(lines: list[str], key: str, *instead: str) -> list[str]:
    return [line for line in lines if not line.startswith(f"{key}=")] + list(instead)


def test_haproxy_says_what_runs_and_what_is_kept() -> None:
    seen = HAProxy(LAYOUT).seen(HAPROXY)
    assert (seen.weights, seen.kept) == (Weights(25), Weights(100))
    assert seen.filesystem == "ext2/ext3"
    assert seen.barred == ("10.0.0.3", "10.0.0.4")


def test_haproxy_counts_requests_and_names_members() -> None:
    lines = ["out.node1=MAINT", "down.green.node2=DOWN", "down.blue.web.3=DOWN 1/2"]
    seen = HAProxy(LAYOUT).seen([*HAPROXY, *lines])
    assert seen.in_flight == {Color.blue: 3, Color.green: 0}
    assert seen.out == ("node1",)
    assert seen.down == {Color.blue: ("web.3",), Color.green: ("node2",)}


@pytest.mark.parametrize("text", ["", "101", "-1", "green", "2 5"])
@pytest.mark.parametrize("key", ["running", "kept"])
def test_haproxy_without_a_weight_names_no_color(key: str, text: str) -> None:
    names = {
        "running": "^HAProxy's map has no valid weight: check that HAProxy is running$",
        "kept": f"^{LAYOUT.weights_map} has no valid weight$",
    }
    with pytest.raises(CannotTell, match=names[key]):
        HAProxy(LAYOUT).seen(without(HAPROXY, key, f"{key}={text}"))
    with pytest.raises(CannotTell, match=names[key]):
        HAProxy(LAYOUT).seen(without(HAPROXY, key))


def test_nginx_uses_the_weight_that_it_keeps() -> None:
    seen = Nginx(LAYOUT).seen(NGINX)
    assert (seen.weights, seen.kept, seen.in_flight) == (Weights(25), Weights(25), None)
    assert (seen.filesystem, seen.barred) == ("xfs", ())


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (without(NGINX, "kept", "kept="), "/var/lib/orchestrator/shop/weight has no valid weight"),
        (without(NGINX, "kept", "kept=101"), "has no valid weight"),
        (without(NGINX, "kept", "kept=x"), "has no valid weight"),
        (without(NGINX, "serving"), "nginx is not running"),
        ([], "has no valid weight"),
    ],
)
def test_nginx_without_a_weight_names_no_color(lines: list[str], why: str) -> None:
    with pytest.raises(CannotTell, match=why):
        Nginx(LAYOUT).seen(lines)
