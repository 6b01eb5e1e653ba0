"""Two operators, a stalled operator, a frozen node, a dead one."""

from __future__ import annotations

import os
import signal
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fleet.safety import Calm, Run, copy_of_inventory, snapshot, words
from tests.fleet.switching import until
from tests.fleet.test_crash_points import dying, is_consistent

DEADLINE = 15.0
"""Deadline of a step, in seconds, at a node that freezes in it."""


def waiting_run(calm: Calm, directory: Path, stage: str, **changes: object) -> tuple[Run, Path]:
    """Start a release of v1 that waits before a stage until the file that is returned exists.

    + changes: settings that differ from those of the fleet
    """
    holds, go = directory / "holds", directory / "go"
    wait = {"before": stage, "on": "operator", "run": f"touch {holds}; until [ -e {go} ]; do sleep 0.1; done"}
    inventory = copy_of_inventory(directory, hooks=[wait], **changes)
    run = Run(calm.fleet, *words("release", ref="v1"), inventory=inventory)
    until(holds.exists)
    return run, go


def refused_by_the_other(run: Run) -> bool:
    """Whether a run was refused because another run has the lock, and names its owner."""
    return run.end() == 3 and "only one run at a time" in run.text and "root@" in run.text


def test_of_two_operators_at_the_same_time_one_is_refused(calm: Calm, tmp_path: Path) -> None:
    first, go = waiting_run(calm, tmp_path, "fetch")
    try:
        second = Run(calm.fleet, *words("rollback"))
        assert refused_by_the_other(second), second.text
        assert snapshot(calm.fleet).live == calm.before.live
    finally:
        go.touch()
        code = first.end()
    assert code == 0, first.text
    assert is_consistent(calm.fleet).live == calm.before.idle
    calm.no_request_failed()


@pytest.mark.slow
def test_two_operators_at_the_same_time_again_and_again(calm: Calm) -> None:
    for _ in range(20):
        both = [Run(calm.fleet, *words("rollback")) for _ in range(2)]
        if sorted(run.end() for run in both) == [0, 3]:
            assert any(refused_by_the_other(run) for run in both), [run.text for run in both]
        else:
            # so far apart that the second one found the lock given back: then it ran after the first
            assert [run.end() for run in both] == [0, 0], [run.text for run in both]
    is_consistent(calm.fleet)
    calm.no_request_failed()


@pytest.mark.parametrize("point", ["inside shift", pytest.param("before *intent cutover", marks=pytest.mark.slow)])
def test_a_stalled_owner_that_wakes_up_changes_nothing(calm: Calm, tmp_path: Path, point: str) -> None:
    """It is stopped right before its cutover's record, or between that and the command, for longer than its lease."""
    stalled = dying(calm.fleet, point, tmp_path / "point", "rollback", "SIGSTOP")
    until((tmp_path / "point").exists)
    done = calm.fleet.pyinfra(*words("rollback"))
    assert done.returncode == 0, done.stderr
    assert "stopped before its end" in done.stderr
    after = snapshot(calm.fleet)
    os.kill(stalled.pid, signal.SIGCONT)
    output, _ = stalled.communicate(timeout=120)
    assert stalled.returncode not in (0, None), output
    assert snapshot(calm.fleet).said == after.said, output
    is_consistent(calm.fleet)
    calm.no_request_failed()


@pytest.mark.slow
def test_a_frozen_node_costs_its_deadline_once(calm: Calm, tmp_path: Path) -> None:
    run, go = waiting_run(calm, tmp_path, "start", deadlines={"start": DEADLINE})
    calm.fleet.docker("pause", calm.fleet.container("node2"))
    go.touch()
    began = time.monotonic()
    try:
        code = run.end(400)
    finally:
        calm.fleet.docker("unpause", calm.fleet.container("node2"))
    took = time.monotonic() - began
    assert code == 1, run.text
    assert f"node2: took longer than {DEADLINE:g} s and does not answer" in run.text
    assert "node2: not undone, and barred until" in run.text
    # once its deadline, and short looks whether it is back: not one more deadline for every stage that is undone
    assert took < 3 * DEADLINE, run.text
    refused = calm.fleet.pyinfra(*words("release", ref="v1"))
    assert refused.returncode == 3, refused.stderr
    assert "node2: is barred until it has joined" in refused.stderr
    joined = calm.fleet.pyinfra(*words("join", node="node2"))
    assert joined.returncode == 0, joined.stderr
    now = snapshot(calm.fleet)
    assert now.but("node2").said == calm.before.but("node2").said
    # a join starts both colors of its node again, while the node gets no traffic
    differ = {key for key, value in calm.before.said["node2"].items() if now.said["node2"][key] != value}
    assert differ == {"master"}


def test_a_dead_node_is_barred_and_joins_before_it_gets_traffic(calm: Calm, tmp_path: Path) -> None:
    run, go = waiting_run(calm, tmp_path, "start")
    calm.fleet.docker("kill", calm.fleet.container("node3"))
    go.touch()
    try:
        assert run.end(400) == 1, run.text
        assert "node3: not undone, and barred" in run.text
        refused = calm.fleet.pyinfra(*words("release", ref="v1"))
        assert refused.returncode == 3, refused.stderr
        # what cannot be reached can be left out, and the rest moves
        done = calm.fleet.pyinfra(*words("release", ref="v1", allow_missing="node3"))
        assert done.returncode == 0, done.stderr
    finally:
        calm.fleet.start("node3")
    moved = snapshot(calm.fleet)
    assert moved.live == calm.before.idle
    # it is back, with old releases, and no request reaches it
    assert served_by(calm.fleet.haproxy_url) == served_by(calm.fleet.nginx_url) == {"node1", "node2"}
    joined = calm.fleet.pyinfra(*words("join", node="node3"))
    assert joined.returncode == 0, joined.stderr
    after = is_consistent(calm.fleet)
    assert after.release(after.live) == moved.release(moved.live)
    assert served_by(calm.fleet.haproxy_url) == served_by(calm.fleet.nginx_url) == {"node1", "node2", "node3"}


def served_by(url: str) -> set[str]:
    """The nodes that answer through a balancer, of 60 requests."""

    parts = urlsplit(url)
    nodes = set()
    for _ in range(60):
        connection = HTTPConnection(str(parts.hostname), parts.port, timeout=10)
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        nodes.add(str(answer.getheader("X-Node")))
        connection.close()
    return nodes


@pytest.mark.slow
@pytest.mark.parametrize(("stop", "go"), [("kill", "start"), ("pause", "unpause")])
def test_a_rollback_works_with_a_node_frozen_or_down(calm: Calm, stop: str, go: str) -> None:
    fleet = calm.fleet
    fleet.docker(stop, fleet.container("node2"))
    try:
        done = fleet.pyinfra(*words("rollback"))
        assert done.returncode == 0, done.stderr
        assert "warning: node2: cannot be reached" in done.stderr
    finally:
        fleet.docker("unpause", fleet.container("node2")) if go == "unpause" else fleet.start("node2")
    seen = snapshot(fleet)
    assert seen.live == calm.before.idle
    assert seen.said["node1"]["live"] == seen.said["node3"]["live"] == seen.live
    again = fleet.pyinfra(*words("release", ref="v1"))
    assert again.returncode == 0, again.stderr
    assert "mend" in again.stderr
    is_consistent(fleet)
