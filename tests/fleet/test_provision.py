"""Provisioning again: nothing changes; a change on a serving fleet goes node by node, drained, and loses no request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fleet.safety import Calm, Run, calm, copy_of_inventory, snapshot, words  # noqa: F401 (a fixture)
from tests.fleet.traffic import Traffic, flawless, measured


def test_a_second_run_changes_nothing(calm: Calm) -> None:  # noqa: F811
    done = calm.fleet.pyinfra(*words("provision"))
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    ours = said[next(n for n, line in enumerate(said) if line.startswith("provision shop")) :]
    assert [line for line in ours if line.strip()][1] == "done: provisioned", ours
    assert snapshot(calm.fleet).said == calm.before.said


def test_a_change_goes_node_by_node_and_loses_no_request(calm: Calm, tmp_path: Path) -> None:  # noqa: F811
    changed = copy_of_inventory(tmp_path, php={"workers": 16, "request_limit": 61})
    for inventory in (changed, "inventory/fleet.py"):
        run = Run(calm.fleet, *words("provision"), inventory=inventory)
        assert run.end(300) == 0, run.text
        for node in ("node1", "node2", "node3"):
            assert f"{node}: serving, so it is drained first" in run.text
            assert f"{node}: nginx with its new configuration" in run.text
            assert calm.fleet.exec(node, "test ! -e /srv/shop/guard/drain").returncode == 0
        # the live color's FPM has its master still: that is in the snapshot
        assert snapshot(calm.fleet).said == calm.before.said, run.text
    for balancer in ("haproxy", "nginx"):
        assert calm.fleet.exec(balancer, "/usr/local/lib/orchestrator/shop/bar list").stdout == ""
    states = calm.fleet.exec("haproxy", "echo 'show stat' | socat stdio unix-connect:/run/haproxy/shop.sock").stdout
    assert "DRAIN" not in states
    assert "MAINT" not in states
    calm.no_request_failed()


def test_without_balancers_a_node_ends_its_kept_connections_first(calm: Calm, tmp_path: Path) -> None:  # noqa: F811
    urls = [node["live_url"] for node in calm.fleet.nodes]
    switches = [{"kind": "node", "urls": urls}]
    with Traffic(urls, tmp_path / "samples", connections=24, rate=100.0) as traffic:
        for limit in (61, 60):
            inventory = copy_of_inventory(tmp_path, switches=switches, php={"workers": 16, "request_limit": limit})
            run = Run(calm.fleet, *words("provision"), inventory=inventory)
            assert run.end(400) == 0, run.text
            for node in calm.fleet.nodes:
                assert f"{node['name']}: serving, so it is drained first" in run.text
                assert f"{node['name']}: nginx with its new configuration" in run.text
        report = traffic.stop()
    print(measured(report))
    flawless(report)
    assert snapshot(calm.fleet).said == calm.before.said


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"php": {"ini": {"memory_limit": '1"\n[broken'}}}, "memory_limit"),
        ({"gate": {"path": "/health page"}}, "gate.path"),
        ({"source": {"origin": "x", "key": "/nowhere/key"}}, "/nowhere/key"),
    ],
)
def test_bad_settings_change_nothing(calm: Calm, tmp_path: Path, settings: Any, message: str) -> None:  # noqa: F811
    run = Run(calm.fleet, *words("provision"), inventory=copy_of_inventory(tmp_path, **settings))
    assert run.end(300) != 0, run.text
    assert message in run.text
    assert "Traceback" not in run.text
    assert snapshot(calm.fleet).said == calm.before.said
    calm.no_request_failed()
