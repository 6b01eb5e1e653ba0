"""How a run begins: the command that makes a guard refuse older runs also reads the state of the host."""

from __future__ import annotations

import pytest

from orchestrator import verbs
from orchestrator.errors import UsageError
from orchestrator.facts.node import SCRIPT
from orchestrator.journal import session
from orchestrator.journal.session import Session
from orchestrator.options import Options
from tests.fakes.world import World
from tests.run.faults import before

LOOK = SCRIPT.strip().splitlines()[0]


class Killed(BaseException):
    """The process is gone."""


def die() -> None:
    raise Killed


def looks(world: World, node: str) -> list[str]:
    """With what a node was read: ``with the guard`` or ``alone``, for each look."""
    found = [command for name, command in world.commands if name == node and LOOK in command]
    return ["with the guard" if "GUARD_PREEMPT=1" in command else "alone" for command in found]


@pytest.mark.exhaustive
def test_a_run_reads_each_node_once(released: World) -> None:
    released.commands.clear()
    assert verbs.rollback(released.fleet(), Options()) == 0
    assert {node: looks(released, node) for node in released.nodes} == {
        node: ["with the guard"] for node in released.nodes
    }


@pytest.mark.exhaustive
def test_nodes_are_read_again_after_a_run_was_settled(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LEASE", 0.0)
    with monkeypatch.context() as dying:
        dying.setattr(Session, "give_back", lambda this: this._renewing and this._renewing.kill())
        before(dying, "promote", die)
        with pytest.raises(Killed):
            verbs.rollback(released.fleet(), Options())
    released.commands.clear()
    # the rollback was committed: the next run completes it, and then rolls back once more
    assert verbs.rollback(released.fleet(), Options()) == 0
    assert looks(released, "node1") == ["with the guard", "alone"]
    assert {released.live(node) for node in released.nodes} == {"blue"}


@pytest.mark.exhaustive
def test_a_host_whose_state_cannot_be_read_is_asked_again(released: World) -> None:
    released.commands.clear()
    answer, asked = released.answer, []

    def garbled(connector, command, stdin=""):  # type: ignore[no-untyped-def]
        if connector.host.name == "node2" and "GUARD_PREEMPT=1" in command:
            asked.append(command)
            command = command.replace(LOOK, f"exit 4\n{LOOK}")
        return answer(connector, command, stdin)

    released.answer = garbled  # type: ignore[method-assign]
    assert verbs.rollback(released.fleet(), Options()) == 0
    assert len(asked) == 1
    assert looks(released, "node2") == ["with the guard", "alone"]
    assert looks(released, "node1") == ["with the guard"]


def test_the_origin_is_asked_while_the_hosts_are_read(released: World) -> None:
    released.commands.clear()
    assert verbs.release(released.fleet(), Options(ref="v1")) == 0
    asked = [number for number, (_, command) in enumerate(released.commands) if "ls-remote" in command]
    closed = [number for number, (_, command) in enumerate(released.commands) if "GUARD_PREEMPT=1" in command]
    assert min(asked) < min(closed)
    with pytest.raises(UsageError, match="no-such-branch"):
        verbs.release(released.fleet(), Options(ref="no-such-branch"))
