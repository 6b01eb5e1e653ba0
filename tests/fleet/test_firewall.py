"""The firewall of the nodes: strangers are refused, balancers are not, and a wrong list is never loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.fleet.running import Fleet, Provisioning
from tests.fleet.safety import Calm, Run, snapshot, words
from tests.fleet.test_provision import files

PORTS = (8080, 8081, 8082)
REFUSED, ANSWERED = "7", "0"
"""Exit status of curl if the node refuses the connection, and if the node answers."""


def reaches(fleet: Fleet, server: str, node: str) -> list[str]:
    """The exit status of curl for each port of a node, as a server sees the node."""
    one = f"curl -s -o /dev/null -m 10 --connect-timeout 5 http://{node}:%s/.orchestrator/health; echo $?"
    return fleet.exec(server, "; ".join(one % port for port in PORTS)).stdout.split()


def provision(calm: Calm, settings: dict[str, Any], **data: str) -> Run:
    return Run(calm.fleet, *words("provision", **data), environment={"SETTINGS": json.dumps(settings)})


def own_rules(fleet: Fleet, node: str) -> str:
    """The rules of the administrator on a node."""
    return fleet.exec(node, "/usr/sbin/nft list table inet own").stdout


def assert_refused(fleet: Fleet, node: str, strangers: tuple[str, ...]) -> None:
    """Assert that a node refuses strangers, and accepts the balancers and itself."""
    for stranger in strangers:
        assert reaches(fleet, stranger, node) == [REFUSED] * 3
    for friend in ("haproxy", "nginx", node):
        assert reaches(fleet, friend, node) == [ANSWERED] * 3


@pytest.mark.slow
def test_only_balancers_reach_the_ports_of_a_node(
    calm: Calm, provisioning: Provisioning, broken: Callable[[str, str, str], None]
) -> None:
    fleet = calm.fleet
    first, second, *_ = (node["name"] for node in fleet.nodes)
    rule = "nft add table inet own && nft add chain inet own c '{ type filter hook input priority 0; policy accept; }'"
    broken(first, rule, "nft delete table inet own")
    theirs = own_rules(fleet, first)
    for stranger in ("origin", second):
        assert reaches(fleet, stranger, first) == [ANSWERED] * 3

    # the node sees the balancer at another address than the balancer itself does
    address = next(node["address"] for node in fleet.known["layout"]["servers"] if node["name"] == first)
    network = address.rpartition(".")[0]
    other, here = f"{network}.250", f"{network}.1"
    translated = f"POSTROUTING -p tcp -d {address} --dport 8080:8082 -j SNAT --to-source {other}"
    broken(
        "haproxy",
        f"ip address add {other}/32 dev eth0 && iptables -t nat -I {translated}",
        f"iptables -t nat -D {translated}; ip address del {other}/32 dev eth0",
    )
    before = files(fleet)
    wrong = provision(calm, {"firewall": {"enabled": True, "allow": [here]}})
    assert wrong.end(300) == 3, wrong.text
    assert "no file was changed on any host:" in wrong.text
    assert f"{first} does not see the balancer haproxy at the balancer's own address" in wrong.text
    assert other in wrong.text
    assert files(fleet) == before
    calm.lock_is_free()

    provisioning.became(None)
    right = {"firewall": {"enabled": True, "allow": [other, here]}}
    for _ in range(2):
        on = provision(calm, right)
        assert on.end(300) == 0, on.text
        assert f"    {first}: firewall" in on.lines
        assert_refused(fleet, first, ("origin", second))
        off = provision(calm, {})
        assert off.end(300) == 0, off.text
        assert reaches(fleet, "origin", first) == [ANSWERED] * 3
        left = "find /etc/orchestrator/shop /etc/systemd/system -name '*firewall*'; nft list tables"
        said = fleet.exec(first, left).stdout
        assert "table inet own" in said
        assert "firewall" not in said
        assert "orchestrator" not in said
    assert own_rules(fleet, first) == theirs != ""
    assert snapshot(fleet).said == calm.before.said
    calm.no_request_failed()
