"""A partial fleet is a decision made in the open: left out, barred, and back by `join`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.errors import NotUndone, Refused, UsageError
from orchestrator.journal import session
from orchestrator.model import Color
from orchestrator.options import Options, read
from orchestrator.plan.steps import Step
from orchestrator.run.executor import Executor
from orchestrator.run.walk import Result
from tests.fakes.world import World
from tests.run.test_former_journals import killed

pytestmark = pytest.mark.exhaustive


def barred(world: World, balancer: str) -> list[str]:
    path = world.path / balancer / "barred"
    return path.read_text().split() if path.exists() else []


def leave_out(world: World, node: str) -> None:
    world.down.add(node)
    (world.path / node / "unreachable").touch()


def bring_back(world: World, node: str) -> None:
    world.down.discard(node)
    (world.path / node / "unreachable").unlink()


def release_without(world: World, node: str) -> None:
    """Release v1 while a node is unreachable. Then the node answers again, is barred, and lacks the release."""
    leave_out(world, node)
    assert verbs.release(world.fleet(), Options(ref="v1", allow_missing=frozenset({node}))) == 0
    bring_back(world, node)


def test_a_node_that_is_left_out_is_barred_until_it_has_joined(released: World) -> None:
    leave_out(released, "node3")
    allow = frozenset({"node3"})
    assert verbs.release(released.fleet(), Options(ref="v1", allow_missing=allow)) == 0
    assert [released.weight(balancer) for balancer in released.balancers] == [100, 100]
    assert [barred(released, balancer) for balancer in released.balancers] == [["node3"], ["node3"]]
    bring_back(released, "node3")
    new = released.release("node1", Color.green)
    assert released.release("node3", Color.green) != new
    with pytest.raises(Refused, match=r"node3: is barred until it has joined \(deploys/join.py --data node=node3"):
        verbs.release(released.fleet(), Options(ref="v2"))

    assert verbs.join(released.fleet(), Options(node="node3")) == 0
    assert [barred(released, balancer) for balancer in released.balancers] == [[], []]
    for color in Color:
        assert released.release("node3", color) == released.release("node1", color)
    assert released.live("node3") == "green"
    assert verbs.rollback(released.fleet(), Options()) == 0
    assert {released.live(node) for node in released.nodes} == {"blue"}


def test_a_rollback_leaves_a_barred_node_out(released: World) -> None:
    release_without(released, "node3")
    (released.root("node3") / "blue/release").unlink()
    assert verbs.rollback(released.fleet(), Options()) == 0
    assert [released.weight(balancer) for balancer in released.balancers] == [0, 0]
    assert [barred(released, balancer) for balancer in released.balancers] == [["node3"], ["node3"]]
    assert verbs.join(released.fleet(), Options(node="node3")) == 0
    for color in Color:
        assert released.release("node3", color) == released.release("node1", color)


def test_a_release_without_a_node_that_fails_lets_it_in_again(released: World) -> None:
    leave_out(released, "node3")
    released.break_("haproxy", "set")
    assert verbs.release(released.fleet(), Options(ref="v1", allow_missing=frozenset({"node3"}))) == 1
    assert [barred(released, balancer) for balancer in released.balancers] == [[], []]


@pytest.mark.slow
def test_a_healthy_node_takes_part_even_if_it_may_be_missing(released: World) -> None:
    assert verbs.release(released.fleet(), Options(ref="v1", allow_missing=frozenset({"node3"}))) == 0
    assert released.release("node3", Color.green) == released.release("node1", Color.green)
    assert barred(released, "haproxy") == []


@pytest.mark.slow
def test_a_failed_join_leaves_the_node_barred(released: World) -> None:
    release_without(released, "node3")
    released.break_("node3", "health")
    assert verbs.join(released.fleet(), Options(node="node3")) == 1
    assert barred(released, "haproxy") == ["node3"]
    released.mend("node3")
    assert verbs.join(released.fleet(), Options(node="node3")) == 0
    assert barred(released, "haproxy") == []


def test_a_node_that_dies_under_a_run_is_unsettled_and_barred(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Executor._one
    before = released.snapshot()

    def dying(this: Executor, step: Step, undoing: bool) -> Result:
        if step.action.name == "warm":
            leave_out(released, "node2") if "node2" not in released.down else None
        return one(this, step, undoing)

    with monkeypatch.context() as deadly:
        deadly.setattr(Executor, "_one", dying)
        assert verbs.release(released.fleet(), Options(ref="v1")) == 1
    assert barred(released, "haproxy") == ["node2"]
    assert [released.weight(balancer) for balancer in released.balancers] == [0, 0]
    after = released.snapshot()
    assert {name: after[name] for name in ("node1", "node3")} == {name: before[name] for name in ("node1", "node3")}
    bring_back(released, "node2")
    assert verbs.join(released.fleet(), Options(node="node2")) == 0
    assert released.snapshot() == before
    assert barred(released, "haproxy") == []


@pytest.mark.slow
def test_a_join_of_a_node_that_takes_part_is_refused(released: World) -> None:
    with pytest.raises(Refused, match="node1 is not barred"):
        verbs.join(released.fleet(), Options(node="node1"))
    with pytest.raises(UsageError, match="there is no node node9"):
        verbs.join(released.fleet(), Options(node="node9"))
    with pytest.raises(UsageError, match="join needs the name of a node"):
        read("join", {})


@pytest.mark.slow
def test_an_unknown_missing_node_is_refused(released: World) -> None:
    with pytest.raises(UsageError, match="there is no node node9"):
        verbs.release(released.fleet(), Options(ref="v1", allow_missing=frozenset({"node9"})))


def test_a_new_store_continues_above_the_places_fences(released: World) -> None:
    for host in ("node1", "nginx"):
        path = released.root(host) if host == "node1" else released.path / host / "var/lib/orchestrator/shop"
        (path / "guard/fence").write_text("41\n")
    assert verbs.rollback(released.fleet(), Options()) == 0
    assert [released.weight(balancer) for balancer in released.balancers] == [100, 100]
    assert int((released.root("node2") / "guard/fence").read_text()) == 42


def test_status_names_what_is_barred(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert verbs.show_status(released.fleet(), Options()) == 0
    assert "BARRED" not in capsys.readouterr().out
    (released.path / "nginx/barred").write_text("node3\n")
    assert verbs.show_status(released.fleet(), Options()) == 0
    assert "BARRED       node3 gets no traffic until it has joined: deploys/join.py --data node=node3" in (
        capsys.readouterr().out
    )


def test_a_node_that_is_not_in_the_inventory_any_more_is_lost(
    released: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Executor._one

    def killing(this: Executor, step: Step, undoing: bool) -> Result:
        if step.action.name == "warm":
            raise KeyboardInterrupt
        return one(this, step, undoing)

    with monkeypatch.context() as deadly:
        deadly.setattr(Executor, "_one", killing)
        with pytest.raises(KeyboardInterrupt):
            verbs.release(released.fleet(), Options(ref="v1"))
    released.nodes.remove("node2")
    try:
        assert verbs.abort(released.fleet(), Options()) == 1
        said = capsys.readouterr().err
        assert "node2: node node2 is no longer in the inventory" in said
        assert "node2: no longer in the inventory, so there is nothing to bar" in said
        assert barred(released, "haproxy") == []
        assert verbs.release(released.fleet(), Options(ref="v1")) == 0
        assert [released.weight(balancer) for balancer in released.balancers] == [100, 100]
    finally:
        released.nodes.insert(1, "node2")


@pytest.mark.parametrize("left", [[], ["node2"]])
def test_a_node_is_barred_only_if_another_node_answers(
    released: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], left: list[str]
) -> None:
    before, answer = released.snapshot(), released.answer
    hook = {"after": "start", "on": "operator", "run": f"touch {tmp_path}/lost; exit 1"}
    lost = [node for node in released.nodes if node not in left]

    def silent(connector: Any, command: str, stdin: str = "") -> Any:
        if (tmp_path / "lost").exists():
            released.down.update(lost)
        return answer(connector, command, stdin)

    released.answer = silent  # type: ignore[method-assign]
    made = load(released.settings | {"hooks": [hook]})
    assert verbs.release(released.fleet(made), Options(ref="v1")) == 1
    names, err = ", ".join(lost), capsys.readouterr().err
    assert [barred(released, balancer) for balancer in released.balancers] == [lost if left else []] * 2
    assert (f"{names}: not undone, and barred until you run" in err) is bool(left)
    assert (f"{names}: not undone, but not barred, because no node of the run answers" in err) is not bool(left)
    # when the nodes answer again, the next command undoes the rest
    released.answer = answer  # type: ignore[method-assign]
    released.down.clear()
    assert verbs.abort(released.fleet(), Options()) == 0
    for node in lost if left else ():
        assert verbs.join(released.fleet(), Options(node=node)) == 0
    assert released.snapshot() == before


def test_no_run_continues_on_nodes_that_are_not_undone(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = released.snapshot()
    killed(released, "release", "intent", "cutover", options=Options(ref="v1"))
    monkeypatch.setattr(session, "LEASE", 0.0)
    released.down.update(released.nodes)
    with pytest.raises(NotUndone, match="no node answers the undo of release by"):
        verbs.rollback(released.fleet(), Options())
    assert [barred(released, balancer) for balancer in released.balancers] == [[], []]
    released.down.clear()
    assert verbs.abort(released.fleet(), Options()) == 0
    assert released.snapshot() == before
