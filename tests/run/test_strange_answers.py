"""Runs go on without a host whose answer cannot be read, and switches are set back even while one restarts."""

from __future__ import annotations

import pytest
from pyinfra.connectors.fake import FakeConnector
from pyinfra.connectors.util import CommandOutput, OutputLine

from orchestrator import verbs
from orchestrator.errors import Refused
from orchestrator.options import Options
from tests.fakes.world import World

SHIFT = "HAProxy did not take the weight"
"""A text that only the script of a shift at HAProxy has."""


@pytest.fixture
def lying(released: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A fleet of which node3 answers every command with a greeting, and says that the command succeeded."""
    run = World.answer

    def answer(self: World, connector: FakeConnector, command: str, stdin: str = "") -> tuple[bool, CommandOutput]:
        if connector.host.name != "node3":
            return run(self, connector, command, stdin)
        return True, CommandOutput([OutputLine("stdout", "Welcome \x1b[31mto node3")])

    monkeypatch.setattr(World, "answer", answer)
    # the other nodes cannot reach its health page, and the balancers bar it
    (released.path / "node3" / "unreachable").touch()
    return released


@pytest.mark.exhaustive
def test_a_node_that_lies_stops_a_release_by_one_line(lying: World) -> None:
    before = [lying.weight(balancer) for balancer in lying.balancers]
    with pytest.raises(Refused, match=r"node3: its answer cannot be read: Welcome \\x1b\[31mto node3"):
        verbs.release(lying.fleet(), Options(ref="v1"))
    assert [lying.weight(balancer) for balancer in lying.balancers] == before


@pytest.mark.exhaustive
def test_a_node_that_lies_can_be_left_out_like_a_node_down(lying: World) -> None:
    missing = frozenset({"node3"})
    assert verbs.release(lying.fleet(), Options(ref="v1", allow_missing=missing)) == 0
    assert {lying.weight(balancer) for balancer in lying.balancers} == {100}
    assert verbs.rollback(lying.fleet(), Options(allow_missing=missing)) == 0
    assert {lying.weight(balancer) for balancer in lying.balancers} == {0}


@pytest.mark.exhaustive
def test_status_names_a_node_that_lies_and_shows_the_others(lying: World, capsys: pytest.CaptureFixture[str]) -> None:
    verbs.VERBS["status"](lying.fleet(), Options())
    said = capsys.readouterr()
    lines = [line for line in (said.out + said.err).splitlines() if "node3" in line]
    assert any("its answer cannot be read: Welcome \\x1b[31mto node3" in line for line in lines)
    assert "\x1b[31mto" not in said.out + said.err


@pytest.mark.exhaustive
def test_a_garbled_number_of_a_run_is_written_by_the_next_run(released: World) -> None:
    fence = released.root("node2") / "guard/fence"
    fence.write_text("abc\n")
    assert verbs.release(released.fleet(), Options(ref="v1")) == 0
    assert fence.read_text().strip().isdigit()


@pytest.mark.exhaustive
def test_an_undo_waits_for_a_haproxy_that_restarts(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run, asked = World.answer, []

    def answer(self: World, connector: FakeConnector, command: str, stdin: str = "") -> tuple[bool, CommandOutput]:
        if SHIFT in command:
            asked.append(command)
            # HAProxy ends at the cutover, and is back when the undo asks for the second time
            released.break_("haproxy", "haproxy") if len(asked) == 1 else None
            released.mend("haproxy") if len(asked) == 3 else None
        return run(self, connector, command, stdin)

    monkeypatch.setattr(World, "answer", answer)
    assert verbs.release(released.fleet(), Options(ref="v1")) == 1
    assert len(asked) == 3
    assert [released.weight(balancer) for balancer in released.balancers] == [0, 0]


@pytest.mark.exhaustive
def test_a_balancer_whose_bars_cannot_be_read_cannot_be_told(released: World) -> None:
    bar = released.path / "haproxy/usr/local/lib/orchestrator/shop/bar"
    bar.write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")
    with pytest.raises(Refused, match="haproxy: it is unknown which nodes are barred: sudo: a password is required"):
        verbs.release(released.fleet(), Options(ref="v1"))
