"""The firewall of the nodes: strangers are refused, balancers are not, and a wrong list is never loaded."""

from __future__ import annotations

import ipaddress
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


OFF: dict[str, Any] = {"firewall": {"enabled": False}}


def reaches(fleet: Fleet, server: str, node: str) -> list[str]:
    """The exit status of curl for each port of a node, as a server sees the node."""
    one = f"curl -s -o /dev/null -m 10 --connect-timeout 5 http://{node}:%s/.orchestrator/health; echo $?"
    return fleet.exec(server, "; ".join(one % port for port in PORTS)).stdout.split()


def provision(calm: Calm, settings: dict[str, Any], **data: str) -> Run:
    return Run(calm.fleet, *words("provision", **data), environment={"SETTINGS": json.dumps(settings)})


def address_of(fleet: Fleet, server: str) -> str:
    return str(next(each["address"] for each in fleet.known["layout"]["servers"] if each["name"] == server))


def allowed_here(fleet: Fleet) -> str:
    """The address from which this machine sends requests to the nodes. inventory/fleet.py allows it by default."""
    return str(next(ipaddress.IPv4Network(fleet.known["layout"]["subnet"]).hosts()))


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The files that differ, with their servers, modes and times."""
    lines = {server: set(before[server].splitlines()) ^ set(after[server].splitlines()) for server in before}
    return [f"{server}: {line}" for server in before for line in sorted(lines[server])]


def own_rules(fleet: Fleet, node: str) -> str:
    """The rules of the administrator on a node."""
    return fleet.exec(node, "/usr/sbin/nft list table inet own").stdout


def assert_refused(fleet: Fleet, node: str, strangers: tuple[str, ...]) -> None:
    """Assert that a node refuses strangers, and accepts the balancers and itself."""
    for stranger in strangers:
        assert reaches(fleet, stranger, node) == [REFUSED] * 3
    for friend in ("haproxy", "nginx", node):
        assert reaches(fleet, friend, node) == [ANSWERED] * 3


def lacks(fleet: Fleet, node: str, server: str) -> None:
    """Let the firewall of a node lack the address of a server, as if the former inventory had no such balancer."""
    address = address_of(fleet, server).replace(".", "[.]")
    rules, stamp = "/etc/orchestrator/shop/firewall.nft", "/etc/orchestrator/shop/loaded/firewall"
    edit = f"sed -i -E '/^# allowed {address} /d; s/{address}(.32)?,? ?//' {rules}"
    done = fleet.exec(node, f"{edit} && systemctl reload shop-firewall && sha256sum -- {rules} >{stamp}")
    assert done.returncode == 0, done.stderr
    assert reaches(fleet, server, node) == [REFUSED] * 3


def table(fleet: Fleet, node: str) -> str:
    """The rules of the application that the kernel of a node has."""
    return fleet.exec(node, "/usr/sbin/nft list table inet orchestrator_shop").stdout


@pytest.mark.slow
def test_a_refused_balancer_is_admitted_before_a_drain(calm: Calm, provisioning: Provisioning) -> None:
    fleet = calm.fleet
    first, second, third = (node["name"] for node in fleet.nodes)
    disturbing = {"web": {"trusted_proxies": ["balancers", "10.9.9.1"]}}
    loaded = {node: table(fleet, node) for node in (first, second, third)}
    admitted = f"firewall: new connections from {address_of(fleet, 'nginx')} (balancer nginx)"
    provisioning.became(None)
    lacks(fleet, first, "nginx")

    # a provisioning that is killed after it has admitted the balancer leaves a node that the next command settles
    killed = provision(calm, disturbing)
    killed.wait_for(f"{first}: {admitted} are admitted", 300)
    killed.kill()
    assert reaches(fleet, "nginx", first) == [ANSWERED] * 3
    plan = provision(calm, disturbing, plan="true")
    assert plan.end(300) == 0, plan.text
    assert [line for line in plan.lines if line.strip().startswith("load     firewall: only balancers")], plan.text

    lacks(fleet, second, "nginx")
    run = provision(calm, disturbing)
    assert run.end(300) == 0, run.text
    lines = [line.strip() for line in run.lines]
    drains = [n for n, line in enumerate(lines) if "the node serves traffic, so it is drained first" in line]
    assert lines.index(f"{second}: {admitted} are admitted") < drains[0]
    assert len(drains) == 3
    assert lines.index(f"{second}: firewall: load") > drains[-1]

    back = provision(calm, {})
    assert back.end(300) == 0, back.text
    assert {node: table(fleet, node) for node in (first, second, third)} == loaded
    provisioning.became({})
    assert snapshot(fleet).said == calm.before.said
    calm.no_request_failed()


@pytest.mark.slow
def test_a_firewall_after_which_a_check_fails_is_undone(
    calm: Calm, provisioning: Provisioning, broken: Callable[[str, str, str], None]
) -> None:
    fleet = calm.fleet
    names = [node["name"] for node in fleet.nodes]
    provisioning.became(None)
    off = provision(calm, OFF)
    assert off.end(300) == 0, off.text
    before = files(fleet)

    def assert_undone(run: Run, before: dict[str, str]) -> None:
        assert run.end(300) == 1, run.text
        assert "have their former files again, and have loaded them" in run.text
        assert changed(before, files(fleet)) == []
        for name in names:
            assert reaches(fleet, "origin", name) == [ANSWERED] * 3
            assert "orchestrator" not in fleet.exec(name, "nft list tables").stdout
        calm.lock_is_free()

    # the plan names the firewall before it is placed
    plan = provision(calm, {}, plan="true")
    assert plan.end(300) == 0, plan.text
    assert "load     firewall: only balancers and firewall.allow can connect to the ports 8080, 8081 and 8082" in [
        line.strip() for line in plan.lines
    ]
    assert files(fleet) == before

    # once the second node has loaded the firewall, HAProxy no longer reaches this node
    reject = f"INPUT -s {address_of(fleet, 'haproxy')} -p tcp --dport 8080:8082 --syn -j REJECT --reject-with tcp-reset"
    place = "/etc/systemd/system/shop-firewall.service.d"
    lines = f"[Service]\\nExecStartPost=/usr/sbin/iptables -I {reject}\\n"
    mend = f"rm -rf {place}; systemctl daemon-reload; iptables -D {reject}"
    broken(names[1], f"mkdir {place} && printf '{lines}' >{place}/test.conf", f"{mend} 2>/dev/null; true")
    broken_too = files(fleet)
    unreachable = provision(calm, {})
    assert_undone(unreachable, broken_too)
    assert f"cannot be reached since {names[1]} has loaded the firewall" in unreachable.text
    assert f"    {names[0]}: firewall: load" in unreachable.lines
    assert f"    {names[2]}: firewall: load" not in unreachable.lines
    fleet.exec(names[1], mend)

    # while the firewalls are loaded, HAProxy stops to answer requests of its own host: the check of the balancer
    silent = "INPUT -i lo -p tcp --dport 80 -j REJECT --reject-with tcp-reset"
    run = provision(calm, {})
    run.wait_for(f"{names[0]}: firewall: load", 300)
    broken("haproxy", f"iptables -I {silent}", f"iptables -D {silent} 2>/dev/null; true")
    # the former configuration must pass the same check
    run.wait_for("putting the former files back", 300)
    assert fleet.exec("haproxy", f"iptables -D {silent}").returncode == 0
    assert_undone(run, before)
    assert "no node answers through the balancer" in run.text
    assert f"    {names[2]}: firewall: load" in run.lines
    assert snapshot(fleet).said == calm.before.said
    calm.no_request_failed()


@pytest.mark.slow
def test_only_balancers_reach_the_ports_of_a_node(
    calm: Calm, provisioning: Provisioning, broken: Callable[[str, str, str], None]
) -> None:
    # after the other test of this module: HAProxy keeps connections with the translated address for a while
    fleet = calm.fleet
    first, second, *_ = (node["name"] for node in fleet.nodes)
    rule = "nft add table inet own && nft add chain inet own c '{ type filter hook input priority 0; policy accept; }'"
    broken(first, rule, "nft delete table inet own")
    theirs = own_rules(fleet, first)
    # the settings of the fleet do not say that the nodes have a firewall
    assert_refused(fleet, first, ("origin", second))

    # the node sees the balancer at another address than the balancer itself does
    address, here = address_of(fleet, first), allowed_here(fleet)
    other = address.rpartition(".")[0] + ".250"
    translated = f"POSTROUTING -p tcp -d {address} --dport 8080:8082 -j SNAT --to-source {other}"
    provisioning.became(None)
    for _ in range(2):
        off = provision(calm, OFF)
        assert off.end(300) == 0, off.text
        for stranger in ("origin", second):
            assert reaches(fleet, stranger, first) == [ANSWERED] * 3
        left = "find /etc/orchestrator/shop /etc/systemd/system -name '*firewall*'; nft list tables"
        said = fleet.exec(first, left).stdout
        assert "table inet own" in said
        assert "firewall" not in said
        assert "orchestrator" not in said
        on = provision(calm, {"firewall": {"enabled": True, "allow": [here]}})
        assert on.end(300) == 0, on.text
        assert f"    {first}: firewall: load" in on.lines
        assert_refused(fleet, first, ("origin", second))

    off = provision(calm, OFF)
    assert off.end(300) == 0, off.text
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
    right = provision(calm, {"firewall": {"enabled": True, "allow": [other, here]}})
    assert right.end(300) == 0, right.text
    assert_refused(fleet, first, ("origin", second))
    assert own_rules(fleet, first) == theirs != ""
    assert snapshot(fleet).said == calm.before.said
    calm.no_request_failed()
