"""Production and staging of one application on the same servers, and inventories that must not share servers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.probe.process import ProbeProcess
from tests.fleet.running import Fleet
from tests.fleet.safety import BALANCERS, Calm, Run, copy_of_inventory, snapshot, words
from tests.fleet.traffic import ask

NAME = "shop-staging"
NODES = ("node1", "node2", "node3")
LEFT = f"""
find /etc /home /run /srv /usr/local /var -name '*{NAME}*' 2>/dev/null
systemctl list-units --all --plain --no-legend '{NAME}-*'
ss -Hltn 'sport = :8170 or sport = :8171 or sport = :8172 or sport = :8000 or sport = :8543 or sport = :8190'
"""
"""Prints all that may be left of staging on a server."""


def test_another_inventory_of_the_application_is_refused(calm: Calm, tmp_path: Path) -> None:
    other = copy_of_inventory(tmp_path).rename(tmp_path / "staging.py")
    ours, theirs = (f"{name} (lock and journal: haproxy)" for name in ("fleet", "staging"))
    line = (
        f"the application shop belongs to the inventory {ours}, and this inventory is {theirs}: if both "
        "inventories are to share"
    )
    run = Run(calm.fleet, *words("provision"), inventory=other)
    assert run.end() == 3, run.text
    assert f"node1, node2, node3, haproxy, nginx: {line}" in run.text
    assert "run deploys/provision.py --data replaces=fleet" in run.text
    run = Run(calm.fleet, *words("release"), inventory=other)
    assert run.end() == 3, run.text
    assert f"node1, node2, node3, haproxy, nginx: {line}" in run.text
    calm.untouched()
    calm.no_request_failed()


class Staging:
    """Runs of the deployment `staging`, which has ports of its own."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.urls = {kind: f"http://127.0.0.1:{fleet.port(kind, 'second')}" for kind in BALANCERS}
        settings = {
            "deployment": "staging",
            "ports": {"live": 8170, "blue": 8171, "green": 8172},
            "switches": [self._switch(kind) for kind in BALANCERS],
            "preview": {"token": fleet.known["preview"], "port": 8190},
            # both deployments share the memory of the nodes
            "php": {"workers": 4, "ini": {"opcache.memory_consumption": "64"}},
        }
        self.environment = {"SETTINGS": json.dumps(settings)}

    def _switch(self, kind: str) -> Mapping[str, Any]:
        known = self.fleet.known["balancers"][kind][0]
        tls = {"certificate": known["certificate"], "key": known["certificate_key"], "listen": 8543}
        return {"kind": kind, "group": kind, "urls": [self.urls[kind]], "listen": 8000, "tls": tls}

    def run(self, verb: str, status: int = 0, **data: str) -> str:
        """Run a deploy file. Returns its output."""
        done = self.fleet.pyinfra(*words(verb, **data), environment=self.environment, timeout=900)
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def left(self) -> dict[str, str]:
        """What each server still has of staging."""
        found = {server: self.fleet.exec(server, LEFT).stdout for server in (*NODES, *BALANCERS)}
        return {server: lines for server, lines in found.items() if lines}


def releases(urls: Mapping[str, str]) -> set[str]:
    """The releases that answer at these addresses."""
    return {ask(url).headers["x-release"] for url in urls.values() for _ in range(6)}


@pytest.mark.slow
def test_production_and_staging_share_all_servers(calm: Calm) -> None:
    fleet, staging = calm.fleet, Staging(calm.fleet)
    production = {"haproxy": fleet.haproxy_url, "nginx": fleet.nginx_url}
    live, idle = (calm.before.release(color) for color in (calm.before.live, calm.before.idle))

    def run(verb: str, **data: str) -> None:
        done = fleet.pyinfra(*words(verb, **data), timeout=900)
        assert done.returncode == 0, done.stdout + done.stderr

    assert staging.left() == {}
    staging.run("provision")
    assert snapshot(fleet).said == calm.before.said
    staging.run("release", ref="v1")
    (first,) = releases(staging.urls)
    with ProbeProcess(list(staging.urls.values()), rate=20, require_marker=True) as probe:
        # each deployment moves alone
        staging.run("release", ref="v2")
        (second,) = releases(staging.urls)
        assert second != first
        assert releases(production) == {live}
        run("rollback")
        assert (releases(production), releases(staging.urls)) == ({idle}, {second})
        staging.run("rollback")
        assert (releases(production), releases(staging.urls)) == ({idle}, {first})
        run("release", ref="v2")
        assert releases(staging.urls) == {first}
        assert releases(production).isdisjoint({idle, first, second})
        report = probe.stop()
    assert (report.totals.failed, report.unfinished) == (0, 0), report.totals.examples
    assert set(report.totals.releases) == {first, second}

    after = snapshot(fleet)
    assert "the application of this inventory is shop-staging" in staging.run("remove", 2, remove="shop")
    assert "done: shop-staging is removed from" in staging.run("remove", remove=NAME)
    assert staging.left() == {}
    assert snapshot(fleet).said == after.said
    calm.lock_is_free()
    calm.no_request_failed()
