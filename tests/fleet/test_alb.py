"""The real fleet behind an ALB: corrected moto as its control plane, a data plane that learns of each change late."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.ports import Ports
from orchestrator.probe.sample import Kind
from tests.alb.control import REGION
from tests.alb.double import Double
from tests.fleet.running import Fleet
from tests.fleet.test_shares import Shares, there_and_back
from tests.fleet.traffic import Traffic, flawless, measured

SLOW_TO_LEARN = (2.0, 10.0)
"""Seconds after which each of the balancer's nodes has adopted a change."""


@contextmanager
def behind_alb(fleet: Fleet, directory: Path, **more: Any) -> Iterator[tuple[Double, Shares]]:
    """An ALB as the only switch, with the nodes of the fleet as its targets. Lock and journal stay at HAProxy."""
    servers = {server["name"]: server for server in fleet.known["layout"]["servers"]}
    members = {node["name"]: servers[node["name"]]["address"] for node in fleet.nodes}
    ports = Ports()
    where = {
        (members[name], port): ("127.0.0.1", int(servers[name]["ports"][color]))
        for name in members
        for color, port in (("blue", ports.blue), ("green", ports.green))
    }
    with Double(members, ports, where, check={"HealthCheckPath": "/health"}, **more) as alb:
        base = {
            "switches": [{**alb.settings, "region": REGION, "quiet": 2}],
            "journal": {"host": "haproxy"},
            "deadlines": {"verify": 40, "switch": 30},
        }
        yield alb, Shares(fleet, directory, base=base, env=alb.env)


@pytest.mark.slow
def test_every_share_and_the_way_back_from_each(fleet: Fleet, tmp_path: Path) -> None:
    with behind_alb(fleet, tmp_path) as (alb, shares):
        there_and_back(shares, alb.urls, tmp_path, "alb")


def test_a_release_and_back_behind_an_alb(fleet: Fleet, tmp_path: Path) -> None:
    with behind_alb(fleet, tmp_path) as (alb, shares):
        shares.run("release", "ref=v1")
        with Traffic(alb.urls, tmp_path / "samples", rate=100.0) as traffic:
            cutover = [{"weight": 25}, {"weight": 100}]
            new = shares.run("release", "ref=v2", cutover=cutover)["inputs"]["release"]
            shares.run("rollback")
            report = traffic.stop()
    flawless(report)
    assert new in report.totals.releases
    assert len(report.totals.releases) == 2
    assert set(report.totals.kinds) == set(Kind)
    print(measured(report))


@pytest.mark.slow
@pytest.mark.parametrize("stickiness", [0, 6])
def test_a_data_plane_that_lags_behind_loses_nothing(fleet: Fleet, tmp_path: Path, stickiness: int) -> None:
    with behind_alb(fleet, tmp_path, delay=SLOW_TO_LEARN, stickiness=stickiness) as (alb, shares):
        shares.run("release", "ref=v1")
        with Traffic(alb.urls, tmp_path / "samples", rate=100.0) as traffic:
            for ref in ("v2", "v1"):
                shares.run("release", f"ref={ref}", cutover=[{"weight": 25}, {"weight": 100}])
            shares.run("rollback")
            report = traffic.stop()
    flawless(report)
    print("sticky" if stickiness else "not sticky", measured(report))
