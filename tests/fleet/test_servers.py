"""Servers that come, go and come back as empty ones, while the fleet serves. No request fails."""

from __future__ import annotations

import http.client
import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import fleet as tool
import pytest
from fleet_tools import run

from tests.fleet.running import Fleet, Provisioning, Shape
from tests.fleet.safety import BALANCERS, Calm, Run, Snapshot, copy_of_inventory, snapshot, traffic, words
from tests.fleet.switching import until
from tests.fleet.test_crash_points import is_consistent
from tests.fleet.test_owners import served_by
from tests.fleet.traffic import Traffic, ask, flawless

ALL = {"node1", "node2", "node3"}
TWO = {"WITHOUT": "node3"}
"""The environment for an inventory without the third node."""

JOIN = "bring it into the traffic with deploys/join.py --data node=node3"


def wiped(prepared: tool.Fleet) -> None:
    """Replace the third node by an empty server with the same name, address and keys."""
    tool.renew(prepared, ["node3"])
    tool.wait(prepared, "node3")
    left = run("docker", "exec", tool.container(prepared.project, "node3"), "ls", "/usr/local/lib", "/srv", "/etc")
    assert "orchestrator" not in left.split()


def done(fleet: Fleet, verb: str, status: int = 0, shape: Shape | None = None, **data: str) -> str:
    """Run a deploy file, assert its exit status, and return its output."""
    ended = fleet.pyinfra(*words(verb, **data), environment=shape)
    said = ended.stdout + ended.stderr
    assert ended.returncode == status, said
    return said


def nothing_left_of_node3(fleet: Fleet) -> None:
    """Assert that no balancer knows the third node, and no rule of the firewall is left."""
    for balancer in BALANCERS:
        said = fleet.exec(
            balancer,
            "cat /etc/orchestrator/shop/nodes; cat /etc/orchestrator/shop/nodes.barred 2>/dev/null; "
            "cat /etc/haproxy/orchestrator/shop.cfg /etc/nginx/conf.d/shop.conf 2>/dev/null; iptables -S OUTPUT",
        ).stdout
        assert "node2" in said
        assert "node3" not in said
        assert "REJECT" not in said


def all_serve(fleet: Fleet) -> None:
    assert served_by(fleet.haproxy_url) == served_by(fleet.nginx_url) == ALL


def as_before(fleet: Fleet, before: Snapshot) -> None:
    """Assert that the other servers are as before, and that the third node runs the same releases."""
    after = snapshot(fleet)
    assert after.ready, after
    assert after.but("node3").said == before.but("node3").said
    for color in ("blue", "green"):
        assert after.release(color, "node3") == before.release(color)


def released(fleet: Fleet, before: Snapshot, shape: Shape | None = None) -> None:
    """Release the version of the idle color again, to all three nodes. All nodes then keep the same releases."""
    version = ask(fleet.nodes[0][f"{before.idle}_url"]).body["version"]
    done(fleet, "release", shape={**(shape or {}), "SETTINGS": json.dumps({"keep": 2})}, ref=version)


@pytest.mark.slow
def test_a_node_leaves_only_if_the_operator_says_so(calm: Calm) -> None:
    fleet = calm.fleet
    # a part of the nodes, as an inventory of staging may have it
    refused = done(fleet, "provision", 3, TWO)
    assert "haproxy and nginx send requests to node3, which is not in this inventory" in refused
    assert "add --data remove=node3." in refused
    assert done(fleet, "provision", 2, TWO, remove="node9").count("no balancer has a node node9") == 1
    assert done(fleet, "provision", 2, remove="node3").count("node3 is in the inventory") == 1
    calm.untouched()
    calm.no_request_failed()


def test_a_node_leaves_and_an_empty_server_comes(calm: Calm, prepared: tool.Fleet, provisioning: Provisioning) -> None:
    fleet = calm.fleet
    provisioning.became(None)
    done(fleet, "provision", 0, TWO, remove="node3")
    nothing_left_of_node3(fleet)
    assert served_by(fleet.haproxy_url) == served_by(fleet.nginx_url) == {"node1", "node2"}

    wiped(prepared)
    said = done(fleet, "provision")
    assert f"node3 is barred, because it was not provisioned before: {JOIN}" in said
    assert said.index("node3: barred") < said.index("haproxy: HAProxy: reload")
    assert served_by(fleet.haproxy_url) == served_by(fleet.nginx_url) == {"node1", "node2"}
    assert "node3: is barred until it has joined" in done(fleet, "release", 3, ref="v1")
    done(fleet, "join", node="node3")
    provisioning.became({})
    all_serve(fleet)
    as_before(fleet, calm.before)
    released(fleet, calm.before)
    is_consistent(fleet)
    calm.no_request_failed()


def asked_until_it_ends(connection: http.client.HTTPConnection, path: str) -> int:
    """Send requests on one connection until nginx ends the connection, and return how many were answered."""
    for number in range(1, 2000):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        if answer.getheader("Connection") == "close":
            return number
        time.sleep(0.1)
    raise AssertionError("nginx has kept the connection")


def test_a_join_cuts_off_no_request_of_its_node(calm: Calm) -> None:
    """The node was barred a moment before: a slow request is in flight, and a balancer still uses two connections."""
    fleet = calm.fleet
    url = urlsplit(fleet.nodes[2][f"{calm.before.live}_url"])
    slow, kept, to_service = (http.client.HTTPConnection(str(url.hostname), url.port, timeout=60) for _ in range(3))
    slow.request("GET", "/slow?s=15")
    with ThreadPoolExecutor() as pool:
        answered = [pool.submit(asked_until_it_ends, kept, "/"), pool.submit(asked_until_it_ends, to_service, "/ws")]
        for balancer in BALANCERS:
            assert fleet.exec(balancer, "/usr/local/lib/orchestrator/shop/bar node3 on").returncode == 0
        done(fleet, "join", node="node3")
        assert min(one.result(300) for one in answered) > 1
    answer = slow.getresponse()
    assert answer.status == 200
    assert answer.read()
    all_serve(fleet)
    assert is_consistent(fleet).live == calm.before.live
    calm.no_request_failed()


@pytest.mark.slow
def test_a_reinstalled_node_joins_before_it_gets_traffic(
    fleet: Fleet, before: Snapshot, prepared: tool.Fleet, provisioning: Provisioning
) -> None:
    provisioning.became(None)
    wiped(prepared)
    until(lambda: served_by(fleet.haproxy_url) == {"node1", "node2"})
    with traffic(fleet) as probe:
        calm = Calm(fleet, before, probe)
        said = done(fleet, "provision")
        assert f"node3 is barred, because it was not provisioned before: {JOIN}" in said
        assert said.index("node3: barred") < said.index("node3: user deploy")
        # still barred, and said again
        assert f"node3 is barred, because it has no release in {before.live}, which gets traffic" in done(
            fleet, "provision"
        )
        assert served_by(fleet.haproxy_url) == served_by(fleet.nginx_url) == {"node1", "node2"}
        # a rollback does not wait for the node
        for _ in range(2):
            done(fleet, "rollback")
        done(fleet, "join", node="node3")
        provisioning.became({})
        all_serve(fleet)
        as_before(fleet, before)
        calm.no_request_failed()
    released(fleet, before)
    is_consistent(fleet)


@pytest.mark.slow
def test_a_restored_node_with_an_old_release_is_barred(
    fleet: Fleet, before: Snapshot, provisioning: Provisioning
) -> None:
    provisioning.became(None)
    # node3 has the former release in the live color, as from a backup
    live, old = before.live, before.release(before.idle)
    restore = f"ln -sfn ../releases/{old} /srv/shop/{live}/release && systemctl restart shop-{live}.target"
    assert fleet.exec("node3", restore).returncode == 0
    until(lambda: served_by(fleet.haproxy_url) == ALL)
    with traffic(fleet) as probe:
        said = done(fleet, "provision")
        assert f"node3 is barred, because it has release {old} in {live}, which gets traffic, and the other" in said
        assert served_by(fleet.haproxy_url) == served_by(fleet.nginx_url) == {"node1", "node2"}
        assert fleet.exec("node3", "test ! -e /srv/shop/guard/drain").returncode == 0
        done(fleet, "join", node="node3")
        provisioning.became({})
        all_serve(fleet)
        as_before(fleet, before)
        Calm(fleet, before, probe).no_request_failed()


@pytest.mark.slow
def test_the_only_node_with_traffic_is_not_barred(calm: Calm, provisioning: Provisioning) -> None:
    fleet, changed = calm.fleet, {"SETTINGS": json.dumps({"web": {"trusted_proxies": ["balancers", "10.9.9.1"]}})}
    provisioning.became(None)
    bars = "for node in node2 node3; do /usr/local/lib/orchestrator/shop/bar $node"
    for balancer in BALANCERS:
        assert fleet.exec(balancer, f"{bars} on; done").returncode == 0
    said = done(fleet, "provision", shape=changed)
    assert "node1: the node serves traffic, so it is drained first, but not barred, because it is the only node" in said
    assert "node1: blue: nginx with the settings of the servers" in said
    assert served_by(fleet.haproxy_url) == served_by(fleet.nginx_url) == {"node1"}
    for balancer in BALANCERS:
        assert fleet.exec(balancer, f"{bars} off; done").returncode == 0
    provisioning.became(changed)
    calm.untouched()
    calm.no_request_failed()


@pytest.mark.slow
def test_a_node_whose_drain_was_killed_is_let_in_again(calm: Calm, provisioning: Provisioning, tmp_path: Path) -> None:
    fleet, changed = calm.fleet, {"web": {"trusted_proxies": ["balancers", "10.9.9.1"]}}
    provisioning.became(None)
    bar = "/usr/local/lib/orchestrator/shop/bar node3"
    for balancer in BALANCERS:
        assert fleet.exec(balancer, f"{bar} on").returncode == 0
    # a request that is in flight for so long that the drain of node1 is killed meanwhile
    slow = f"{fleet.nodes[0][calm.before.live + '_url']}/slow?s=15"
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(ask, slow)
        run = Run(fleet, *words("provision"), inventory=copy_of_inventory(tmp_path, **changed))
        until(lambda: out_of_balancers(fleet, "node1"))
        run.signal(signal.SIGKILL)
        run.end()
        assert answer.result().status == http.client.OK
    assert "DRAINED      node1 gets no traffic" in done(fleet, "status")
    assert "node1: is kept out of the traffic by a provisioning that did not end" in done(fleet, "release", 3, ref="v1")
    # otherwise this provisioning would drain node2, the only node with traffic
    said = done(fleet, "provision", shape={"SETTINGS": json.dumps(changed)})
    assert "node1: let in again, because a provisioning stopped while it drained the node" in said
    assert "the only node" not in said
    assert served_by(fleet.haproxy_url) == served_by(fleet.nginx_url) == {"node1", "node2"}
    for balancer in BALANCERS:
        assert fleet.exec(balancer, f"{bar} off").returncode == 0
    provisioning.became({"SETTINGS": json.dumps(changed)})
    # nginx tries a node that was barred with one request, which may be a slow one, before it sends others
    until(lambda: served_by(fleet.nginx_url) == ALL)
    all_serve(fleet)
    calm.untouched()
    calm.no_request_failed()


def out_of_balancers(fleet: Fleet, node: str) -> bool:
    """Whether HAProxy and nginx keep new requests from a node."""
    servers = fleet.exec("haproxy", "echo 'show stat' | socat stdio unix-connect:/run/haproxy/shop.sock").stdout
    barred = fleet.exec("nginx", "/usr/local/lib/orchestrator/shop/bar list").stdout.split()
    out = [line for line in servers.splitlines() if line.split(",")[1:2] == [node] and ",MAINT," in line]
    return len(out) == 2 and node in barred


NODE_SWITCH = {"SWITCH": "node"}


@pytest.mark.slow
def test_without_a_balancer_a_new_node_answers_503_at_first(
    fleet: Fleet, before: Snapshot, prepared: tool.Fleet, provisioning: Provisioning, tmp_path: Path
) -> None:
    provisioning.ensure(NODE_SWITCH)
    provisioning.became(None)
    wiped(prepared)
    *others, third = [node["live_url"] for node in fleet.nodes]
    with Traffic(others, tmp_path / "samples", connections=16, rate=60.0, slow_seconds=1.0) as probe:
        assert JOIN in done(fleet, "provision", shape=NODE_SWITCH)
        assert ask(third).status == http.client.SERVICE_UNAVAILABLE
        assert "node3: is barred until it has joined" in done(fleet, "release", 3, NODE_SWITCH, ref="v1")
        done(fleet, "join", shape=NODE_SWITCH, node="node3")
        assert ask(third).headers["x-release"] == before.release(before.live)
        as_before(fleet, before)
        provisioning.became(NODE_SWITCH)
        # forth and back, so that the links are where the balancers send the traffic
        released(fleet, before, NODE_SWITCH)
        done(fleet, "rollback", shape=NODE_SWITCH)
        report = probe.stop()
    flawless(report)
    is_consistent(fleet)
