"""The operator's process is killed at any point of a run: nothing fails, status tells, the next command settles it.

``make test`` takes a seeded sample of the points, ``make test-all`` every one.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from orchestrator.run import data_plane
from tests.fleet import commands
from tests.fleet.running import ROOT, Fleet
from tests.fleet.safety import Calm, Snapshot, snapshot, words

POINTS = {"release": 33, "rollback": 21}
SAMPLE = 1
SEED = 20261124

DYING = Path(__file__).with_name("dying.py")


def dying(fleet: Fleet, at: int | str, file: Path, verb: str, signal: str = "SIGKILL") -> commands.Process:
    """Start a run that a signal meets at a point (dying.py). At 0, all points are only listed in the file."""
    data = {"ref": "v1"} if verb == "release" else {}
    return start([str(at), signal, str(file), "inventory/fleet.py", *words(verb, **data)], fleet)


def start(arguments: Sequence[str], fleet: Fleet) -> commands.Process:
    """Start dying.py on a fleet."""
    # the file goes with the object that is returned
    output = tempfile.TemporaryFile()  # noqa: SIM115
    words = [str(DYING), *arguments]
    return commands.start(words, directory=ROOT, environment=fleet.env, output=output, errors=output)


def cases() -> list[Any]:
    every = [(verb, at) for verb, points in POINTS.items() for at in range(1, points + 1)]
    sample = set(random.Random(SEED).sample(every, SAMPLE))
    return [
        pytest.param(
            verb, at, "abort" if number % 2 else "release", marks=[] if (verb, at) in sample else [pytest.mark.slow]
        )
        for number, (verb, at) in enumerate(every)
    ]


def is_consistent(fleet: Fleet) -> Snapshot:
    """Assert that one color has all the traffic, each color runs one release, and no partial file is left."""
    seen = snapshot(fleet)
    assert seen.ready, seen
    for color in ("blue", "green"):
        assert len({seen.release(color, node["name"]) for node in fleet.nodes}) == 1, seen
    assert len({seen.said[node["name"]]["releases"] for node in fleet.nodes}) == 1, seen
    assert not any(seen.said[node["name"]]["half"] for node in fleet.nodes), seen
    weights = seen.said["haproxy"]
    assert weights["kept"] == weights["running"] == f"green {100 if seen.live == 'green' else 0}", seen
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("verb", POINTS)
def test_the_points_are_counted(calm: Calm, tmp_path: Path, verb: str) -> None:
    file = tmp_path / "points"
    run = dying(calm.fleet, 0, file, verb)
    output, _ = run.communicate(timeout=120)
    assert run.returncode == 0, output
    points = file.read_text().splitlines()
    assert len(points) == POINTS[verb], points
    is_consistent(calm.fleet)
    calm.no_request_failed()


@pytest.mark.parametrize(("verb", "at", "then"), cases())
def test_killed_at_a_point(calm: Calm, tmp_path: Path, verb: str, at: int, then: str) -> None:
    file, fleet = tmp_path / "point", calm.fleet
    run = dying(fleet, at, file, verb)
    output, _ = run.communicate(timeout=120)
    assert run.returncode == -9, output
    point = file.read_text()

    for url in (fleet.haproxy_url, fleet.nginx_url):
        # a command that was on its way may still move the traffic meanwhile: all of it, and once
        releases = [data_plane.ask(url, "").release for _ in range(20)]
        runs = [release for release, _ in groupby(releases)]
        assert len(runs) <= (2 if point == "inside shift" else 1), f"killed {point}: {releases} answer at {url}"
    told = fleet.pyinfra(*words("status"))
    assert told.returncode == 0, told.stderr
    expected = where(point)
    # the owner of the lock may still live, so status does not say that it has stopped
    held = "lock         free" if point == "after end" else "lock         root@"
    assert held in told.stdout, told.stdout
    assert "STOPPED" not in told.stdout
    freed = fleet.pyinfra(*words("unlock"))
    assert freed.returncode == 0, freed.stderr
    told = fleet.pyinfra(*words("status"))
    assert expected in told.stdout, f"killed {point}: {told.stdout}"

    done = fleet.pyinfra(*words(then, **({"ref": "v1"} if then == "release" else {})))
    assert done.returncode == 0, f"killed {point}: {done.stderr}"
    after = is_consistent(fleet)
    if then == "abort" and "STOPPED" in expected and "after its commit" not in expected:
        assert after.live == calm.before.live, point
        assert after.release(after.live) == calm.before.release(after.live), point
        assert after.release(after.idle) == calm.before.release(after.idle), point
    calm.no_request_failed()


def where(point: str) -> str:
    """What status must say of a run that was killed at a point."""
    if point.startswith("before begin") or point == "after end":
        return "lock         free"
    if point == "before end":
        return "stopped after its commit"
    if point.startswith("after begin"):
        return "before it changed anything"
    if point.startswith("inside"):
        stage = point.split()[1]
        return "stopped after its commit" if stage in ("promote", "prune") else "STOPPED"
    words_of = point.split()
    if "commit" in words_of:
        return "stopped after its commit" if words_of[0] == "after" else "STOPPED"
    if words_of[-1] in ("promote", "prune"):
        return "stopped after its commit"
    if words_of[0] == "after" and "intent" in words_of:
        parts = point.removeprefix("after ").split(", ")
        begun = [part.removeprefix("intent ") for part in parts if part.startswith("intent ")]
        return f"stopped in {', '.join(begun[:-1])} or {begun[-1]}" if len(begun) > 1 else f"stopped in {words_of[-1]}"
    return "STOPPED"


@pytest.mark.slow
def test_a_silent_lock_is_waited_out_and_the_run_settled(calm: Calm, tmp_path: Path) -> None:
    run = dying(calm.fleet, 12, tmp_path / "point", "release")
    run.communicate(timeout=120)
    assert run.returncode == -9
    done = calm.fleet.pyinfra(*words("abort"))
    assert done.returncode == 0, done.stderr
    assert "waiting to see whether that run is alive" in done.stderr
    assert snapshot(calm.fleet).said == calm.before.said
    calm.no_request_failed()
