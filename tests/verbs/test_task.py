"""Tasks by name: where they run, what they print, and how they end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator import deploy, verbs
from orchestrator.config import load
from orchestrator.config.task import Task
from orchestrator.console import lines
from orchestrator.errors import Interrupted, Refused, UsageError
from orchestrator.fleet import Fleet
from orchestrator.journal.session import who
from orchestrator.options import Options
from orchestrator.scripts.guarded import guarded
from orchestrator.stages import plan
from orchestrator.stages.hooks import RunHook
from orchestrator.verbs.task import SCRIPT, confirm
from tests.fakes.processes import eventually, wait_until_dead
from tests.fakes.world import World
from tests.run.conftest import _twice, released
from tests.run.test_hooks import install_as_web
from tests.stages import plans

__all__ = ["_twice", "released"]


def fleet(world: World, **tasks: Any) -> Fleet:
    return world.fleet(load({**world.settings, "tasks": tasks, "environment": {"values": {"KEY": "a-Secret-value-1"}}}))


FACTS = "echo $RELEASE $COLOR $RELEASE_PATH $ORCHESTRATOR_VERB $ORCHESTRATOR_NODES $ORCHESTRATOR_USER; pwd -P"


@pytest.mark.exhaustive
def test_a_task_runs_on_each_node_in_the_live_release(released: World, capfd: pytest.CaptureFixture[str]) -> None:
    made = fleet(released, facts={"run": f"{FACTS}; echo a-Secret-value-1 >&2"})
    assert verbs.VERBS["task"](made, Options(task="facts")) == 0
    out, err = capfd.readouterr()
    release = released.live_release("node1")
    expected = []
    for name in released.nodes:
        path = f"{released.root(name)}/releases/{release}"
        expected += [
            f"{name} | {release} blue {path} task node1 node2 node3 {who()}",
            f"{name} | {path}",
            f"{name} | ***",
        ]
    assert out.splitlines() == expected
    assert err == "done: task facts on node1, node2, node3\n"


def test_a_task_stops_at_the_first_failure(released: World, capfd: pytest.CaptureFixture[str]) -> None:
    made = fleet(released, fails={"run": "echo here; [ $HOST_NAME != node2 ]"})
    assert verbs.VERBS["task"](made, Options(task="fails")) == 1
    out, err = capfd.readouterr()
    assert out == "node1 | here\nnode2 | here\n"
    assert "task fails failed on node2: `echo here; [ $HOST_NAME != node2 ]` ended with status 1" in err
    assert err.endswith("; it did not run on node3\n")


def test_a_task_stops_at_a_node_that_is_down(released: World, capfd: pytest.CaptureFixture[str]) -> None:
    released.down.add("node1")
    assert verbs.VERBS["task"](fleet(released, t={"run": "true"}), Options(task="t")) == 1
    assert "task t failed on node1: cannot be reached; it did not run on node2, node3\n" in capfd.readouterr().err


@pytest.mark.parametrize(("on", "said"), [("first", "node1 | x\n"), ("operator", "operator | x\n")])
def test_a_task_may_run_at_one_place(released: World, on: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert verbs.VERBS["task"](fleet(released, t={"run": "echo x", "on": on}), Options(task="t")) == 0
    assert capfd.readouterr().out == said


def test_a_task_may_run_as_the_web_user(released: World, capfd: pytest.CaptureFixture[str]) -> None:
    install_as_web(released)
    made = fleet(released, t={"run": f"{FACTS}; echo $USER", "on": "first", "user": "web"})
    assert verbs.VERBS["task"](made, Options(task="t")) == 0
    said = capfd.readouterr().out.splitlines()
    release = released.live_release("node1")
    assert said[0].startswith(f"node1 | {release} blue {released.root('node1')}/releases/{release} task node1 ")
    assert said[-1] == "node1 | www-data"


def test_a_task_that_takes_too_long_is_ended(released: World, capfd: pytest.CaptureFixture[str]) -> None:
    task = {"run": "echo begun; sleep 600", "on": "operator", "deadline": 0.3}
    assert verbs.VERBS["task"](fleet(released, t=task), Options(task="t")) == 1
    assert "task t failed on operator: took longer than 0.3 s\n" in capfd.readouterr().err


def test_a_node_without_a_release_says_so(released: World, capfd: pytest.CaptureFixture[str]) -> None:
    (released.root("node1") / "live").unlink()
    assert verbs.VERBS["task"](fleet(released, t={"run": "true"}), Options(task="t")) == 1
    assert "node1 | this node has no live release: run deploys/release.py first\n" in capfd.readouterr().out


def test_an_unknown_task_is_refused(released: World) -> None:
    with pytest.raises(UsageError, match=r"the settings have no task cahce \(did you mean cache\?\)"):
        verbs.VERBS["task"](fleet(released, cache={"run": "true"}), Options(task="cahce"))


def test_tasks_are_listed(released: World, capfd: pytest.CaptureFixture[str]) -> None:
    made = fleet(
        released,
        warm={"run": "bin/warm", "on": "first", "user": "web"},
        logs={"run": "tail log"},
        tag={"run": "git tag x", "on": "operator"},
    )
    assert verbs.VERBS["tasks"](made, Options()) == 0
    assert capfd.readouterr().out == (
        "logs  each node: tail log\ntag   this machine: git tag x\n"
        f"warm  first node, as {made.settings.web_user}: bin/warm\n"
    )


@pytest.mark.parametrize(("yes", "answer"), [(True, ""), (False, "y\n")])
def test_a_task_may_ask_first(monkeypatch: pytest.MonkeyPatch, yes: bool, answer: str) -> None:
    asked: list[str] = []

    def answered(text: str, err: bool) -> bool:
        asked.append(text)
        return True

    monkeypatch.setattr("click.confirm", answered)
    confirm(Task(run="rm x", confirm=True), "clean", yes, is_terminal=True)
    assert asked == ([] if yes else ["run the task clean (`rm x`)?"])


def test_a_task_that_is_not_confirmed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.confirm", lambda text, err: False)
    with pytest.raises(Refused, match="was not confirmed"):
        confirm(Task(run="rm x", confirm=True), "clean", yes=False, is_terminal=True)
    with pytest.raises(UsageError, match="there is no terminal: add -y"):
        confirm(Task(run="rm x", confirm=True), "clean", yes=False, is_terminal=False)
    confirm(Task(run="rm x"), "clean", yes=False, is_terminal=False)


def test_a_hook_may_name_a_task() -> None:
    tasks = {"warm": {"run": "bin/warm", "on": "first", "user": "web"}}
    i = plans.inputs("release", full=False, tasks=tasks, hooks=[{"before": "cutover", "task": "warm"}])
    (stage,) = (stage for stage in plan(i).stages if stage.kind.name == "hook")
    (step,) = stage.do
    assert isinstance(step.action, RunHook)
    assert (step.place.name, step.action.run, step.action.user) == ("node1", "bin/warm", i.settings.web_user)


def test_lines_come_when_they_are_complete() -> None:
    pieces = [b"one\ntw", b"o\n\xc3", b"\xa9\x1b[1m\r\nlast \xff"]
    met: list[object] = []

    def given() -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            met.append(len(piece))

    for line in lines.split(given()):
        met.append(line)
    # a number says how many bytes had come
    assert met == ["one", 6, "two", 3, "é\\x1b[1m", 13, "last \ufffd"]


def test_a_command_of_a_node_ends_with_its_input(released: World, tmp_path: Path) -> None:
    """As if the operator's process were gone: the end of the connection ends the standard input."""
    run = f"sleep 600 & echo $! >{tmp_path}/child; echo $$ >{tmp_path}/main; touch {tmp_path}/begun; wait"
    command = guarded(SCRIPT, [str(released.root("node1")), run, "", "", "mark", "watch"], None)
    with subprocess.Popen(["sh", "-c", command.get_raw_value()], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as node:
        eventually(lambda: (tmp_path / "begun").exists())
        assert node.stdin is not None
        node.stdin.close()
        assert node.wait(60) == 137
    for name in ("child", "main"):
        wait_until_dead(int((tmp_path / name).read_text()))


def test_an_interrupted_task_ends_with_its_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> int:
        raise Interrupted(2, "SIGINT")

    monkeypatch.setattr(deploy, "VERBS", {"task": interrupted})
    monkeypatch.setattr(sys, "argv", ["pyinfra"])
    assert deploy._now(None, "task", Options()) == 130  # type: ignore[arg-type]
