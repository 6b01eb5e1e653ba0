"""A command of the operator: where it runs, what is printed, and how it ends."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pytest
from pyinfra.connectors.ssh import SSHConnector

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.console import lines
from orchestrator.errors import NoJournal, Refused, UsageError
from orchestrator.fleet import Fleet
from orchestrator.journal.session import who
from orchestrator.model import Color
from orchestrator.options import Options, read
from orchestrator.provision import render
from orchestrator.verbs import exec as verb
from orchestrator.verbs.session import begin_session
from tests.fakes.world import World
from tests.run.conftest import _twice, released

__all__ = ["_twice", "released"]


def fleet(world: World) -> Fleet:
    for name in world.nodes:
        path = world.path / name / "usr/local/lib/orchestrator/shop/console"
        path.write_text(render.console(load(world.settings)).replace("/srv/shop", str(world.root(name))))
        path.chmod(0o755)
    return world.fleet(load({**world.settings, "environment": {"values": {"KEY": "a-Secret-value-1"}}}))


def run(made: Fleet, *words: str, **more: Any) -> int:
    return verbs.VERBS["exec"](made, Options(command=words, all=True, **more))


@pytest.mark.exhaustive
@pytest.mark.parametrize("user", ["web", "deploy"])
def test_each_node_runs_the_command_in_its_release(
    released: World, user: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("USER", "someone")
    facts = "echo $RELEASE $COLOR $ORCHESTRATOR_VERB $ORCHESTRATOR_NODES $ORCHESTRATOR_USER"
    assert run(fleet(released), "sh", "-c", f"{facts}; pwd -P; echo a-Secret-value-1", user=user) == 0
    out, err = capfd.readouterr()
    release, who_runs = released.live_release("node1"), {"web": "shop-web", "deploy": "deploy"}[user]
    expected = []
    for name in released.nodes:
        expected += [
            f"{name} | {release} blue exec node1 node2 node3 {who()}",
            f"{name} | {released.root(name)}/releases/{release}",
            f"{name} | ***",
        ]
    assert out.splitlines() == expected
    assert err.splitlines() == [f"{name}: live release {release} (blue), as {who_runs}" for name in released.nodes]


def test_a_command_may_run_in_the_idle_release(released: World, capfd: pytest.CaptureFixture[str]) -> None:
    idle = released.release("node1", Color.green)
    assert run(fleet(released), "sh", "-c", "echo $RELEASE $COLOR", user="deploy", idle=True) == 0
    out, err = capfd.readouterr()
    assert out.splitlines() == [f"{name} | {idle} green" for name in released.nodes]
    assert f"node1: idle release {idle} (green), as deploy\n" in err


def test_the_words_of_a_command_arrive_as_they_are(released: World, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["printf", "[%s]\\n", 'it\'s "$HOME"', "*", "", "two\nlines"]
    assert run(fleet(released), *words, user="deploy") == 0
    said = [line.removeprefix("node1 | ") for line in capfd.readouterr().out.splitlines() if line.startswith("node1")]
    assert said == ['[it\'s "$HOME"]', "[*]", "[]", "[two", "lines]"]


def test_the_first_failure_ends_the_command(released: World, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(fleet(released), "sh", "-c", "echo here; [ $HOST_NAME != node2 ]", user="deploy") == 1
    out, err = capfd.readouterr()
    assert out == "node1 | here\nnode2 | here\n"
    assert err.endswith("failed on node2: the command ended with status 1; it did not run on node3\n")


def test_a_node_that_is_down_lets_no_node_run(released: World) -> None:
    made = fleet(released)
    released.down.add("node3")
    with pytest.raises(Refused, match="nothing was run: node3 cannot be reached"):
        run(released.fleet(made.settings), "touch", "ran", user="deploy")
    release = released.live_release("node1")
    assert not (released.root("node1") / f"releases/{release}/ran").exists()


def test_a_run_at_work_is_named(released: World, capfd: pytest.CaptureFixture[str]) -> None:
    made = fleet(released)
    with begin_session(released.fleet(), "release"):
        assert run(made, "true", user="deploy") == 0
        assert f"warning: a run is at work: {who()}" in capfd.readouterr().err
        with pytest.raises(Refused, match="a run may change the release of the idle color now: a run is at work"):
            run(made, "true", user="deploy", idle=True)


def test_the_idle_release_needs_the_journal(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise NoJournal("the disk is full")

    monkeypatch.setattr(verb, "read_journal", broken)
    with pytest.raises(Refused, match="it is unknown whether a run is at work: the disk is full"):
        run(fleet(released), "true", user="deploy", idle=True)
    assert run(fleet(released), "true", user="deploy") == 0


class Became(Exception):
    """The process was replaced by another program."""


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words of the program that takes the place of this process. Each node seems to be reached by SSH."""
    found: list[str] = []

    def execvp(file: str, words: Sequence[str]) -> None:
        found.extend(words)
        raise Became

    monkeypatch.setattr(os, "execvp", execvp)
    monkeypatch.setattr(lines, "connector_of", lambda host: SSHConnector(host.state, host))
    return found


@pytest.mark.parametrize(("terminal", "flag"), [(True, "-t"), (False, "-T")])
def test_ssh_runs_the_command_on_one_node(
    released: World,
    became: list[str],
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    flag: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, "isatty", lambda number: terminal)
    with pytest.raises(Became):
        verbs.VERBS["exec"](fleet(released), Options(command=("php", "artisan", "it's"), node="node2"))
    assert became[:2] == ["ssh", flag]
    assert became[-2] == "node2"
    assert became[-1].startswith("exec sh -c ")
    release = released.live_release("node2")
    assert capfd.readouterr().err == f"node2: live release {release} (blue), as shop-web\n"


def test_the_first_node_is_the_default(released: World, became: list[str]) -> None:
    with pytest.raises(Became):
        verbs.VERBS["exec"](fleet(released), Options(command=("true",)))
    assert became[-2] == "node1"


def test_a_host_without_ssh_has_no_terminal(released: World) -> None:
    with pytest.raises(Refused, match="node1 is not reached by SSH, so the command can have no terminal: add --all"):
        verbs.VERBS["exec"](fleet(released), Options(command=("true",)))


@pytest.mark.parametrize(
    ("given", "words"),
    [(["php", "-r", "echo 1;", 1], ("php", "-r", "echo 1;", "1")), ("php -r 'echo 1;'", ("php", "-r", "echo 1;"))],
)
def test_a_command_is_a_list_of_words_or_a_text(given: object, words: tuple[str, ...]) -> None:
    assert read("exec", {"command": given}).command == words


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "there is no command: type orchestrator exec INVENTORY -- COMMAND"),
        ({"command": "echo 'open"}, "this is not a command: no closing quotation"),
        ({"command": "true", "all": True, "node": "node1"}, "leave out --all or the node node1"),
        ({"command": "true", "color": "ilde"}, "there is no such color for this command (did you mean idle?)"),
        ({"command": "true", "user": "root"}, "there is no such user for this command (use web or deploy)"),
    ],
)
def test_wrong_options_are_refused(data: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        read("exec", data)
    assert message in str(refused.value)
