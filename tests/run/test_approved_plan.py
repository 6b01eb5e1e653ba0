"""Without ``-y`` a run is bound to the plan that was shown before the question."""

from __future__ import annotations

import pytest

from orchestrator import verbs
from orchestrator.errors import Refused
from orchestrator.journal import session
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.verbs import Approved
from tests.fakes.git import git
from tests.fakes.world import World
from tests.run.test_former_journals import killed


def show(world: World, verb: str = "release", options: Options | None = None) -> Approved:
    return verbs.show_for_approval(world.fleet(), verb, options or Options(ref="v1"), verbose=False)


@pytest.mark.exhaustive
@pytest.mark.parametrize("verb", ["release", "rollback"])
def test_an_unchanged_fleet_gets_the_plan_that_was_shown(
    released: World, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    approved = show(released, verb)
    assert "stopped before its end" not in capsys.readouterr().err
    assert verbs.PLANNED[verb](released.fleet(), Options(ref="v1"), approved) == 0
    assert {released.live(node) for node in released.nodes} == {"green"}


@pytest.mark.exhaustive
def test_a_tag_that_moved_is_refused(released: World) -> None:
    before = released.snapshot()
    approved = show(released)
    then, now = (git(released.origin, "rev-parse", ref).strip() for ref in ("v1", "v2"))
    git(released.origin, "tag", "-f", "v1", "v2")
    with pytest.raises(Refused) as refused:
        verbs.release(released.fleet(), Options(ref="v1"), approved)
    git(released.origin, "tag", "-f", "v1", then)
    assert str(refused.value) == (
        f"the plan has changed since it was shown: the commit (was {then}, is {now}); this command changed nothing: "
        "repeat the command to see the new plan"
    )
    assert refused.value.status == 3
    assert released.snapshot() == before
    # neither a lock nor an open run is left: the plan runs once it was shown again
    approved = show(released)
    assert verbs.release(released.fleet(), Options(ref="v1"), approved) == 0


@pytest.mark.exhaustive
def test_another_live_release_is_refused(released: World) -> None:
    approved = show(released)
    assert verbs.rollback(released.fleet(), Options()) == 0
    with pytest.raises(Refused, match=r"the live release \(was .*, is .*\).*; this command changed nothing"):
        verbs.release(released.fleet(), Options(ref="v1"), approved)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_node_that_is_gone_is_refused(released: World) -> None:
    allow = Options(ref="v1", allow_missing=frozenset({"node3"}))
    approved = show(released, options=allow)
    released.down.add("node3")
    (released.path / "node3" / "unreachable").touch()
    with pytest.raises(Refused, match=r"the nodes that are left out \(now with node3\)"):
        verbs.release(released.fleet(), allow, approved)


@pytest.mark.exhaustive
def test_an_earlier_run_is_announced_and_an_equal_plan_goes_on(
    released: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    killed(released, "release", "intent", "fetch", after=True, options=Options(ref="v1"))
    monkeypatch.setattr(session, "LEASE", 0.0)
    monkeypatch.setattr("orchestrator.verbs.show.LEASE", 0.0)
    approved = show(released)
    assert "stopped before its end: this command undoes it first, and continues if" in capsys.readouterr().err
    assert verbs.release(released.fleet(), Options(ref="v1"), approved) == 0
    assert {released.live(node) for node in released.nodes} == {"green"}


@pytest.mark.exhaustive
def test_a_run_whose_settling_changes_the_plan_is_only_settled(
    released: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = released.snapshot()
    killed(released, "release", "commit", options=Options(ref="v1"))
    monkeypatch.setattr(session, "LEASE", 0.0)
    monkeypatch.setattr("orchestrator.verbs.show.LEASE", 0.0)
    approved = show(released)
    with pytest.raises(
        Refused,
        match=r"^the plan has changed since it was shown: .*the live release.*; this command has only settled ",
    ):
        verbs.release(released.fleet(), Options(ref="v1"), approved)
    assert released.snapshot() == before
    approved = show(released)
    assert verbs.release(released.fleet(), Options(ref="v1"), approved) == 0


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_fleet_without_a_plan_is_settled_only(
    released: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = released.snapshot()
    killed(released, "release", "intent", "cutover", after=True, options=Options(ref="v1"))
    # one balancer was told, the other was not
    (released.path / "haproxy/running").write_text("100\n")
    monkeypatch.setattr(session, "LEASE", 0.0)
    monkeypatch.setattr("orchestrator.verbs.show.LEASE", 0.0)
    approved = show(released)
    assert approved.inputs is None
    assert "this command settles that run, and then stops" in capsys.readouterr().err
    with pytest.raises(
        Refused, match="no plan was shown and approved before this run; this command has only settled release by "
    ):
        verbs.release(released.fleet(), Options(ref="v1"), approved)
    assert released.snapshot() == before


@pytest.mark.exhaustive
def test_a_run_that_waits_is_named_before_the_question(released: World) -> None:
    assert verbs.release(released.fleet(), Options(ref="v1", until="preview")) == 0
    with pytest.raises(Refused, match=r"waits \(preview\): deploys/promote.py continues the release"):
        show(released)
    assert verbs.abort(released.fleet(), Options()) == 0
    assert {released.release(node, Color.green) for node in released.nodes} == {released.release("node1", Color.green)}


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_run_that_holds_the_lock_is_not_called_stopped(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    killed(released, "release", "intent", "fetch", after=True, options=Options(ref="v1"))
    show(released)
    said = capsys.readouterr().err
    assert "locked: " in said
    assert "stopped before its end" not in said
