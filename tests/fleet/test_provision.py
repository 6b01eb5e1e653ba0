"""Provisioning again: nothing changes; a change on a serving fleet goes node by node, drained, and loses no request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.running import Fleet, Provisioning, Shape
from tests.fleet.safety import Calm, Run, Snapshot, copy_of_inventory, snapshot, words
from tests.fleet.switching import until
from tests.fleet.traffic import Traffic, ask, flawless, measured


def test_a_second_run_changes_nothing(calm: Calm) -> None:
    done = calm.fleet.pyinfra(*words("provision"))
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    ours = said[next(n for n, line in enumerate(said) if line.startswith("provision shop")) :]
    assert [line for line in ours if line.strip()][1] == "done: provisioned", ours
    assert snapshot(calm.fleet).said == calm.before.said


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"php": {"ini": {"memory_limit": '1"\n[broken'}}}, "memory_limit"),
        pytest.param({"gate": {"path": "/health page"}}, "gate.path", marks=pytest.mark.slow),
        pytest.param({"source": {"origin": "x", "key": "/nowhere/key"}}, "/nowhere/key", marks=pytest.mark.slow),
    ],
)
def test_bad_settings_change_nothing(calm: Calm, tmp_path: Path, settings: Any, message: str) -> None:
    applied = calm.fleet.exec("node1", "cat /etc/orchestrator/shop/provisioned").stdout
    run = Run(calm.fleet, *words("provision"), inventory=copy_of_inventory(tmp_path, **settings))
    assert run.end(300) != 0, run.text
    assert calm.fleet.exec("node1", "cat /etc/orchestrator/shop/provisioned").stdout == applied != ""
    assert message in run.text
    assert "Traceback" not in run.text
    assert snapshot(calm.fleet).said == calm.before.said
    calm.no_request_failed()


def files(fleet: Fleet) -> dict[str, str]:
    """All files of all servers that provisioning could have written, with their modes and times."""
    look = "find /etc /usr/local ! -type d -printf '%p %m %u %g %T@ %l\\n' | sort"
    return {server: fleet.exec(server, look).stdout for server in fleet.servers}


def test_a_plan_shows_what_would_change_and_changes_nothing(calm: Calm, tmp_path: Path) -> None:
    before = files(calm.fleet)
    nodes = ", ".join(node["name"] for node in calm.fleet.nodes)
    run = Run(
        calm.fleet, *words("provision", plan="true"), inventory=copy_of_inventory(tmp_path, **settings("10.9.9.1"))
    )
    assert run.end(300) == 0, run.text
    plan = [line.strip() for line in run.lines]
    assert f"{nodes}:" in plan, run.text
    assert (
        "reload   blue: nginx with the settings of the servers: the node serves traffic, so it is drained first" in plan
    )
    assert [line for line in plan if line.startswith("write ") and "/etc/orchestrator/shop/servers.nginx" in line], (
        run.text
    )
    assert "haproxy, nginx: nothing to do" in plan, run.text
    run = Run(calm.fleet, "deploys/provision.py", question=True)
    run.wait_for("Detected changes", 300)
    assert f"    {nodes}, haproxy, nginx: nothing to do" in run.lines, run.text
    run.answer("\n")
    assert run.end(300) == 0, run.text
    assert "done: provisioned" in run.lines, run.text
    assert files(calm.fleet) == before
    assert snapshot(calm.fleet).said == calm.before.said
    calm.no_request_failed()


def test_a_file_that_one_host_refuses_changes_no_host(
    calm: Calm, broken: Callable[[str, str, str], None], tmp_path: Path
) -> None:
    nginx = "/usr/sbin/nginx"
    script = "#!/bin/sh\\necho not on this host >&2; exit 78\\n"
    refuse = f"mv {nginx} {nginx}.real && printf '{script}' >{nginx} && chmod 755 {nginx}"
    broken("node2", refuse, f"mv -f {nginx}.real {nginx}")
    before = files(calm.fleet)
    run = Run(calm.fleet, *words("provision"), inventory=copy_of_inventory(tmp_path, **settings("10.9.9.1")))
    assert run.end(300) == 1, run.text
    assert "provision: no file was changed on any host: node2: " in run.text
    assert "settings of the servers for nginx: not on this host" in run.text
    assert files(calm.fleet) == before
    assert snapshot(calm.fleet).said == calm.before.said
    calm.lock_is_free()
    calm.no_request_failed()


@pytest.mark.slow
def test_a_file_that_cannot_be_placed_changes_no_host(
    calm: Calm, broken: Callable[[str, str, str], None], tmp_path: Path
) -> None:
    # no file can be put into the place of a directory
    path = "/etc/orchestrator/shop/servers.nginx"
    broken("node2", f"mv {path} {path}.real && mkdir {path}", f"rmdir {path} && mv {path}.real {path}")
    before = files(calm.fleet)
    run = Run(calm.fleet, *words("provision"), inventory=copy_of_inventory(tmp_path, **settings("10.9.9.1")))
    assert run.end(300) == 1, run.text
    assert "node2: settings of the servers for nginx: " in run.text
    assert "all files are as before on all hosts" in run.text
    assert files(calm.fleet) == before
    assert snapshot(calm.fleet).said == calm.before.said
    calm.lock_is_free()
    status = Run(calm.fleet, *words("status"))
    assert status.end() == 0, status.text
    assert [line for line in status.lines if re.search(r" provision +undone after .* by ", line)], status.text
    calm.no_request_failed()


@pytest.mark.slow
def test_a_provisioning_that_was_killed_is_taken_back_first(calm: Calm, tmp_path: Path) -> None:
    fleet = calm.fleet
    begun = "grep -q unfinished /etc/orchestrator/shop/provisioned"
    placed = "grep -qF 10.9.9.1 /etc/orchestrator/shop/servers.nginx"
    before = files(fleet)
    # no file is put into place on node2 while another command has the lock of the files
    hold = f"until {begun}; do sleep 0.01; done; exec flock -F /etc sleep 600"
    holder = fleet.exec("node2", f"nohup sh -c '{hold}' >/dev/null 2>&1 & echo $!").stdout.strip()
    run = Run(fleet, *words("provision"), inventory=copy_of_inventory(tmp_path, **settings("10.9.9.1")))
    until(lambda: fleet.exec("node1", placed).returncode == 0, 120)
    run.kill()
    assert fleet.exec("node2", placed).returncode != 0
    assert fleet.exec("node2", f"kill {holder}").returncode == 0

    nodes = ", ".join(node["name"] for node in fleet.nodes)
    plan = Run(fleet, *words("provision", plan="true"))
    assert plan.end(300) == 0, plan.text
    assert [line for line in plan.lines if "undo     the files that an earlier provisioning" in line], plan.text
    again = Run(fleet, *words("provision"))
    assert again.end(300) == 0, again.text
    stopped = "the former files are back, because an earlier provisioning stopped half-way"
    assert f"    {nodes}, haproxy, nginx: {stopped}" in again.lines, again.text
    assert files(fleet) == before
    assert snapshot(fleet).said == calm.before.said
    calm.lock_is_free()
    calm.no_request_failed()


def settings(proxy: str, **more: Any) -> dict[str, Any]:
    return {"php": {"workers": 16, "request_limit": 61}, "web": {"trusted_proxies": ["balancers", proxy]}, **more}


CHANGED = {"SETTINGS": json.dumps(settings("10.9.9.1"))}
"""Another trusted proxy: nginx of both colors reloads on every node. Another limit: PHP-FPM is restarted while idle."""


def drained(run: Run, fleet: Fleet) -> None:
    """Assert that a run provisioned each node after draining it."""
    assert run.end(400) == 0, run.text
    for node in fleet.nodes:
        assert f"{node['name']}: the node serves traffic, so it is drained first" in run.text
        assert f"{node['name']}: blue: nginx with the settings of the servers" in run.text
        assert fleet.exec(node["name"], "test ! -e /srv/shop/guard/drain").returncode == 0


def more_settings(folder: Path) -> Path:
    """An inventory with more settings of the servers: one of the nodes, and one of HAProxy."""
    inventory = copy_of_inventory(folder, web={"trusted_proxies": ["balancers", "10.9.9.3"]})
    # at HAProxy alone, because a reload of a busy nginx loses requests
    at, sticky = "\ndef _host(", '_settings["switches"][0]["sticky"] = {"cookie": "SRV"}'
    inventory.write_text(inventory.read_text().replace(at, f"\n{sticky}\n\n{at}"))
    return inventory


def test_a_release_with_unprovisioned_settings_is_refused(calm: Calm, tmp_path: Path) -> None:
    fleet, inventory = calm.fleet, more_settings(tmp_path)
    nodes = ", ".join(node["name"] for node in fleet.nodes)
    lines = [
        f"{nodes}: web.trusted_proxies has changed since the last provisioning: run deploys/provision.py",
        "haproxy: switches.haproxy.sticky was added since the last provisioning: run deploys/provision.py",
    ]
    refused = Run(fleet, *words("release", ref="v1"), inventory=inventory)
    assert refused.end() == 3, refused.text
    assert f"release: {'; '.join(lines)}" in refused.lines
    calm.untouched()
    status = Run(fleet, *words("status"), inventory=inventory)
    assert status.end() == 0, status.text
    assert [" ".join(line.split()) for line in status.lines if "PROVISION" in line] == [
        f"PROVISION {line}" for line in lines
    ]
    calm.no_request_failed()


def test_a_change_goes_node_by_node_and_loses_no_request(
    calm: Calm, provisioning: Provisioning, tmp_path: Path
) -> None:
    provisioning.became(None)
    drained(
        Run(calm.fleet, *words("provision"), inventory=copy_of_inventory(tmp_path, **settings("10.9.9.1"))), calm.fleet
    )
    provisioning.became(CHANGED)
    # the live color's FPM has its master still: that is in the snapshot
    assert snapshot(calm.fleet).said == calm.before.said
    for balancer in ("haproxy", "nginx"):
        assert calm.fleet.exec(balancer, "/usr/local/lib/orchestrator/shop/bar list").stdout == ""
    states = calm.fleet.exec("haproxy", "echo 'show stat' | socat stdio unix-connect:/run/haproxy/shop.sock").stdout
    assert "DRAIN" not in states
    assert "MAINT" not in states
    calm.no_request_failed()


@pytest.mark.slow
def test_provisioned_settings_are_released(calm: Calm, provisioning: Provisioning, tmp_path: Path) -> None:
    fleet, inventory = calm.fleet, more_settings(tmp_path)
    provisioning.became(None)
    for verb, data in (("provision", {}), ("release", {"ref": "v1"})):
        run = Run(fleet, *words(verb, **data), inventory=inventory)
        assert run.end(300) == 0, run.text
        assert "warning" not in run.text
    assert ask(fleet.haproxy_url).headers["set-cookie"].startswith("SRV=")
    for server in (*(node["name"] for node in fleet.nodes), "haproxy", "nginx"):
        file = fleet.exec(server, "stat -c '%a %U %G' /etc/orchestrator/shop/provisioned").stdout
        assert file == "640 root deploy\n", server
    calm.no_request_failed()


@pytest.mark.slow
def test_a_port_changes_while_its_color_has_no_traffic(calm: Calm, provisioning: Provisioning, tmp_path: Path) -> None:
    ports = {"live": 8080, "blue": 8081, "green": 8082}
    live, idle = calm.before.live, calm.before.idle
    for name in ("wrong", "right"):
        (tmp_path / name).mkdir()
    wrong = copy_of_inventory(tmp_path / "wrong", ports=ports | {live: 8091})
    right = copy_of_inventory(tmp_path / "right", ports=ports | {idle: 8092})

    refused = Run(calm.fleet, *words("provision"), inventory=wrong)
    assert refused.end() == 3, refused.text
    assert f"haproxy and nginx send users' requests to {live} on port {ports[live]}: set ports.{live}" in refused.text
    calm.untouched()

    provisioning.became(None)
    fleets_own = "inventory/fleet.py"
    for verb, inventory in (
        ("provision", right),
        ("release", right),
        ("rollback", right),
        ("provision", fleets_own),
        ("rollback", fleets_own),
    ):
        run = Run(calm.fleet, *words(verb), inventory=inventory)
        assert run.end(400) == 0, run.text
    provisioning.became({})
    assert snapshot(calm.fleet).live == idle
    calm.no_request_failed()


@pytest.mark.slow
def test_a_drained_node_answers_before_the_next_is_drained(
    fleet: Fleet, before: Snapshot, provisioning: Provisioning, tmp_path: Path
) -> None:
    provisioning.became(None)
    # nginx has two nodes, and tries a node that was barred with one request: here every request is slow
    bar = "/usr/local/lib/orchestrator/shop/bar node3"
    assert fleet.exec("nginx", f"{bar} on").returncode == 0
    inventory = copy_of_inventory(tmp_path, **settings("10.9.9.1"))
    samples = tmp_path / "samples"
    with Traffic([fleet.nginx_url], samples, connections=20, rate=2.0, mix=("slow",), slow_seconds=7.0) as traffic:
        drained(Run(fleet, *words("provision"), inventory=inventory), fleet)
        report = traffic.stop()
    assert fleet.exec("nginx", f"{bar} off").returncode == 0
    provisioning.became(CHANGED)
    print(measured(report))
    flawless(report)
    assert snapshot(fleet).said == before.said


class TestWithoutBalancers:
    @pytest.fixture
    def shape(self) -> Shape:
        return CHANGED

    @pytest.mark.slow
    def test_a_node_ends_its_kept_connections_first(
        self, fleet: Fleet, before: Snapshot, provisioning: Provisioning, tmp_path: Path
    ) -> None:
        urls = [node["live_url"] for node in fleet.nodes]
        inventory = copy_of_inventory(tmp_path, **settings("10.9.9.2", switches=[{"kind": "node", "urls": urls}]))
        with Traffic(urls, tmp_path / "samples", connections=24, rate=100.0) as traffic:
            provisioning.became(None)
            drained(Run(fleet, *words("provision"), inventory=inventory), fleet)
            report = traffic.stop()
        # the balancers were not asked, and are as they were
        print(measured(report))
        flawless(report)
        assert snapshot(fleet).said == before.said
