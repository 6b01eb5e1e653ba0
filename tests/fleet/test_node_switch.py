"""The fleet without a balancer: each node's own link decides, and traffic goes to the nodes' live ports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.probe.sample import Kind
from tests.fleet.running import Fleet, Shape
from tests.fleet.test_shares import Shares
from tests.fleet.traffic import Traffic, ask, flawless, measured

AT = re.compile(r"(?:fired|already), (-?[\d.]+) ms after the instant")


@pytest.fixture
def shape() -> Shape:
    return {"SWITCH": "node"}


def test_releases_and_rollbacks_move_all_links_and_lose_nothing(fleet: Fleet, tmp_path: Path) -> None:
    shares = Shares(fleet, tmp_path, "node")
    urls = [node["live_url"] for node in fleet.nodes]
    shares.run("release", "ref=v1")
    with Traffic(urls, tmp_path / "samples") as traffic:
        # an even number of runs, so that at the end the links are where the balancers send the traffic
        runs = [shares.run("release", "ref=v2"), shares.run("rollback"), shares.run("rollback")]
        report = traffic.stop()
    flawless(report)
    assert set(report.totals.kinds) == set(Kind)
    assert {answer.headers["x-release"] for answer in map(ask, urls)} == {runs[-1]["inputs"]["release"]}
    for run in runs:
        # the run's own probe knows the cutover
        assert [one["new"] for one in run["probe"]["transitions"]] == [run["inputs"]["release"]]
        fired = next(event for event in run["events"] if (event["record"], event["stage"]) == ("results", "cutover"))
        late = [float(found[1]) for result in fired["results"] if (found := AT.search(result["detail"]))]
        assert len(late) == len(urls)
        print("after the instant, ms:", late)
    print(measured(report))
