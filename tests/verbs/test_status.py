"""The lines of status, from a fleet and a journal: pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.aws.scaling import Group
from orchestrator.config import load
from orchestrator.facts.node import NodeState
from orchestrator.journal.records import Begin, Commit, End, Intent, Paused, RunInputs, RunRecord, StageResults, stamped
from orchestrator.journal.store import Contents, Held, Owner
from orchestrator.model import Weights
from orchestrator.plan.fleet_state import FleetState
from orchestrator.switches.base import Seen
from orchestrator.verbs.status import duration, lines
from tests.fakes.states import BLUE, GREEN, node

SETTINGS = load(
    {
        "app": "shop",
        "source": {"origin": "/nowhere", "ref": "main"},
        "switches": [{"kind": "haproxy", "group": "haproxy", "urls": ["http://haproxy.test/"]}],
        "marker": {"answers": "all", "token": "secret-token"},
    }
)

NODE = node(release={BLUE: "r2", GREEN: "r1"}, started={BLUE: "r2", GREEN: "r1"}, releases=("r1", "r2"), disk_mb=900)

SWITCH = Seen(Weights(0), Weights(0), None)

HEALTHY = FleetState(
    {"node1": NODE, "node2": NODE},
    {"haproxy": SWITCH},
    {"haproxy": ("balancer", "haproxy")},
    {"node1": "10.0.0.1", "node2": "10.0.0.2"},
)

EMPTY = Contents(None, [])


def said(fleet: FleetState = HEALTHY, contents: Contents = EMPTY) -> list[str]:
    return [" ".join(line.split()) for line in lines(fleet, contents, SETTINGS)]


def run(*records: RunRecord) -> list[dict[str, Any]]:
    began: list[RunRecord] = [Begin("release", "ann@laptop"), RunInputs({"release": "r2", "ref": "v2"}), *records]
    return [
        {**stamped(record), "at": f"2026-01-02T03:0{4 + (number > 1)}:05.000000Z"}
        for number, record in enumerate(began)
    ]


def test_a_contract_is_named() -> None:
    contracted = replace(HEALTHY, nodes={"node1": NODE, "node2": replace(NODE, barrier="r2")})
    assert "contract r2: no older release can run" in said(contracted)
    assert not any("contract" in line for line in said())


def test_a_healthy_fleet() -> None:
    node = "live blue blue r2 (warm) green r1 (warm) 2 releases, 900 MiB free"
    assert said() == ["shop", "haproxy blue 100% green 0%", f"node1 {node}", f"node2 {node}", "lock free"]


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        (Seen(Weights(25), Weights(25), None), "haproxy blue 75% green 25%"),
        (Seen(Weights(25), Weights(0), None), "haproxy blue 75% green 25%, would restart with 0%"),
        ("its socket does not answer", "haproxy unknown state: its socket does not answer"),
    ],
)
def test_a_switch(seen: Seen | str, line: str) -> None:
    assert line in said(replace(HEALTHY, switches={"haproxy": seen}))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"live": None}, "node1 live unknown blue r2 (warm)"),
        (
            {"release": {BLUE: "r2", GREEN: None}, "started": {BLUE: "r2", GREEN: None}},
            "node1 live blue blue r2 (warm) green -",
        ),
        ({"active": {BLUE: True, GREEN: False}}, "node1 live blue blue r2 (warm) green r1 (down)"),
        (
            {"started": {BLUE: "r2", GREEN: "r0"}},
            "node1 live blue blue r2 (warm) green r1 (up, not started for this release)",
        ),
        ({"shrunk": frozenset({GREEN})}, "node1 live blue blue r2 (warm) green r1 (shrunk)"),
        ({"restarted": frozenset({BLUE, GREEN})}, "node1 live blue blue r2 (warm) green r1 (cold)"),
    ],
)
def test_a_node(change: dict[str, Any], line: str) -> None:
    nodes: dict[str, NodeState | str] = {"node1": replace(NODE, **change), "node2": "does not answer"}
    found = said(replace(HEALTHY, nodes=nodes))
    assert found[2].startswith(line)
    assert found[3] == "node2 does not answer"


def test_a_barred_node() -> None:
    fleet = replace(HEALTHY, switches={"haproxy": replace(SWITCH, barred=("10.0.0.2",))})
    assert "BARRED node2 gets no traffic until it has joined: deploys/join.py --data node=node2" in said(fleet)


@pytest.mark.parametrize(
    ("digests", "line"),
    [
        ({"php.ini": "1"}, None),
        ({"php.ini": "2"}, "node1: php.ini has changed since the last provisioning: run deploys/provision.py"),
        (
            None,
            "node1: last provisioned by an earlier version of this tool: run deploys/provision.py first",
        ),
    ],
)
def test_settings_that_were_not_provisioned(digests: dict[str, str] | None, line: str | None) -> None:
    fleet = replace(
        HEALTHY, nodes={"node1": replace(NODE, digests=digests), "node2": NODE}, wanted={"node1": {"php.ini": "1"}}
    )
    assert [said for said in said(fleet) if "PROVISION" in said] == ([f"PROVISION {line}"] if line else [])


@pytest.mark.parametrize(
    ("group", "line"),
    [
        (Group("web", {"i-1": "InService"}), "scaling web: 1 instances"),
        (Group("web", {}, frozenset({"Launch", "AZ"})), "scaling web: 0 instances, suspended: AZ, Launch"),
        ("AWS did not answer in time", "scaling AWS did not answer in time"),
    ],
)
def test_an_auto_scaling_group(group: Group | str, line: str) -> None:
    assert line in said(replace(HEALTHY, group=group))


@pytest.mark.parametrize(
    ("records", "alarm", "ended"),
    [
        ([End("done")], "", "done by ann@laptop"),
        ([End("undone", "gate failed")], "", "undone by ann@laptop gate failed"),
        ([End("undone", "gate failed:\n  why")], "", "undone by ann@laptop gate failed: why"),
        ([], "stopped before it changed anything; the next release or rollback undoes it first", "not ended by"),
        ([Intent("fetch")], "stopped in fetch; the next release or rollback undoes it first", "not ended by"),
        # the stages of a chain begin together
        (
            [Intent("fetch"), Intent("share"), Intent("configure")],
            "stopped in fetch, share or configure;",
            "not ended by",
        ),
        (
            [Intent("fetch"), Intent("share"), StageResults("fetch"), StageResults("share", failed=True)],
            "stopped in share;",
            "not ended by",
        ),
        (
            [Intent("cutover"), Commit()],
            "stopped after its commit; the next release or rollback completes it first",
            "not ended by",
        ),
        ([Intent("fetch"), End("left", "node2")], "stopped in fetch; the next release", "left by ann@laptop node2"),
        ([Paused("preview")], "waits before any traffic: deploys/promote.py continues the release", "paused by"),
        ([Paused("25")], "waits at 25% of the traffic: deploys/promote.py continues the release", "paused by"),
    ],
)
def test_the_newest_run(records: list[RunRecord], alarm: str, ended: str) -> None:
    found = said(contents=Contents(None, [run(*records)]))
    how, _, rest = ended.partition(" by")
    took = "1 min 0 s" if records else "0 s"
    assert f"2026-01-02T03:04:05 release r2 (v2) {how} after {took} by{rest}" in found[-1]
    alarms = [line for line in found if line.startswith(("STOPPED", "PAUSED"))]
    assert len(alarms) == bool(alarm)
    if alarm:
        kind = "PAUSED" if alarm.startswith("waits") else "STOPPED"
        assert alarms[0].startswith(f"{kind} release by ann@laptop of 2026-01-02T03:04:05.000000Z {alarm}")


def test_a_run_that_holds_the_lock_is_not_called_stopped() -> None:
    owner = Owner("ann@laptop", 7, "release", "2026-01-02T03:04:05.000000Z", "")
    found = said(contents=Contents(Held(owner, 3.2), [run(Intent("fetch"))]))
    assert f"lock {owner}, last heard of 3 s ago" in found
    assert not [line for line in found if line.startswith(("STOPPED", "PAUSED"))]


def test_five_runs_are_listed() -> None:
    assert len(said(contents=Contents(None, [run(End("done"))] * 7))) == len(said()) + 5


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (7.6, "8 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (3600, "1 h 0 min"), (90061, "25 h 1 min")],
)
def test_a_duration_has_at_most_two_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_run_without_times_and_ref_is_listed() -> None:
    rollback = [{**stamped(Begin("rollback", "ann@laptop"))}, stamped(RunInputs({"release": "r1", "ref": ""}))]
    for record in rollback:
        del record["at"]
    assert said(contents=Contents(None, [rollback]))[-1] == "? rollback r1 not ended by ann@laptop"
