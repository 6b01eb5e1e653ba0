"""A damaged journal or lock on a fleet: status, unlock and rollback work. The other verbs end with one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator import verbs
from orchestrator.errors import Refused, Unreadable
from orchestrator.journal import session
from orchestrator.model import Color
from orchestrator.options import Options
from tests.fakes.world import World
from tests.run.test_crash import is_consistent
from tests.run.test_former_journals import killed

pytestmark = pytest.mark.exhaustive


def store(world: World) -> Path:
    (found,) = world.path.glob("haproxy/**/journal")
    return found


def as_a_newer_version(world: World) -> None:
    """Write the newest journal as if a newer version with an unknown setting had written it."""
    newest = max((store(world) / "runs").iterdir())
    records = [json.loads(line) for line in newest.read_text().splitlines()]
    for record in records:
        if record["record"] == "begin":
            record["version"] = "9.9.9"
        if record["record"] == "inputs":
            record["inputs"]["settings"]["telemetry"] = True
    newest.write_text("".join(json.dumps(record) + "\n" for record in records))


def test_status_and_rollback_work_without_a_readable_file(
    released: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session, "LEASE", 0.0)
    (store(released) / "lock").write_bytes(b"\xff\0garbled")
    (store(released) / "fence").write_text("x\n")
    for path in (store(released) / "runs").iterdir():
        path.write_bytes(b'\xff\0\n1\n{"x":1}\n{"record":"results","results":5}\n')
    assert verbs.show_status(released.fleet(), Options()) == 0
    out = capsys.readouterr().out
    assert "lock         an unknown owner" in out
    assert "JOURNAL      lock: empty or garbled, so the holder of the lock is unknown" in out
    assert "line 3 (not a record) and 1 more left out" in out
    assert verbs.rollback(released.fleet(), Options()) == 0
    is_consistent(released)
    assert released.live("node1") == "green"
    (store(released) / "lock").write_bytes(b"")
    verbs.show_lock(released.fleet())
    assert verbs.unlock(released.fleet(), Options()) == 0
    assert not (store(released) / "lock").exists()


@pytest.mark.parametrize("stage", ["start", "cutover"])
def test_a_rollback_passes_over_a_run_that_a_newer_version_left(
    released: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stage: str
) -> None:
    former = str(released.release("node1", Color.green))
    killed(released, "release", "intent", stage, options=Options(ref="v1"))
    as_a_newer_version(released)
    monkeypatch.setattr(session, "LEASE", 0.0)
    for verb in ("release", "resume", "abort"):
        with pytest.raises(Unreadable, match=r"orchestrator 9\.9\.9, a newer version than this"):
            verbs.VERBS[verb](released.fleet(), Options())
    capsys.readouterr()
    if stage == "cutover":
        # the idle color has the release that was never committed
        with pytest.raises(Refused, match="which was never committed: name an older release with --data to="):
            verbs.rollback(released.fleet(), Options())
        # a refused rollback settles nothing
        with pytest.raises(Unreadable):
            verbs.abort(released.fleet(), Options())
        assert verbs.rollback(released.fleet(), Options(to=former)) == 0
    else:
        assert verbs.rollback(released.fleet(), Options()) == 0
    assert "the rollback continues without settling release by" in capsys.readouterr().err
    assert released.live("node1") == "green"
    assert released.live_release("node1") == former
    # the rollback is the newest run now, so nothing is left to settle
    with pytest.raises(Refused, match="nothing to promote"):
        verbs.promote(released.fleet(), Options())
