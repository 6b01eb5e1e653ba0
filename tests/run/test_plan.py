"""The plan that is shown is the plan that runs. A saved plan binds a run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.errors import Refused, UsageError
from orchestrator.options import Options
from orchestrator.plan.inputs import Inputs
from orchestrator.stages import plan
from tests.fakes.processes import wait_until_dead
from tests.fakes.world import World


def test_a_plan_changes_nothing_and_names_every_stage(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = released.snapshot()
    verbs.show_plan(released.fleet(), "release", Options(ref="v1"), verbose=True, as_json=False)
    shown = capsys.readouterr().err
    assert released.snapshot() == before
    _, inputs = verbs.inputs(released.fleet(), "release", Options(ref="v1"))
    for stage in plan(inputs).stages:
        assert f"\n    {stage.name} " in shown
    assert "skipped: every live link follows the switch" in shown
    assert "risk: the probe is off" in shown
    assert "$ /usr/local/lib/orchestrator/shop/guard /srv/shop/guard 0 300 sh -c" in shown


def test_a_plan_names_shared_paths_that_are_not_sent(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load(released.settings | {"php": {"public": ".", "workers": 2}})
    for verb, options in (("release", Options(ref="v1")), ("rollback", Options())):
        verbs.show_plan(released.fleet(settings), verb, options, verbose=False, as_json=False)
        assert ("contains shared paths: storage." in capsys.readouterr().err) == (verb == "release")


@pytest.mark.exhaustive
def test_the_commands_of_the_plan_are_the_commands_of_the_run(
    released: World, capsys: pytest.CaptureFixture[str]
) -> None:
    verbs.show_plan(released.fleet(), "rollback", Options(), verbose=False, as_json=True)
    planned = json.loads(capsys.readouterr().out)
    released.commands.clear()
    assert verbs.rollback(released.fleet(), Options()) == 0
    ran = [command for _, command in released.commands]
    steps = [step for stage in planned["stages"] for step in stage["steps"]]
    commands = [command for step in steps for command in step["commands"]]
    assert commands
    for command in commands:
        # each command of a run is between two marks; a plan has no run number yet
        assert any(f"\n({_without_number(command)}\n)\n" in _without_number(one) for one in ran), command


def _without_number(command: str) -> str:
    return re.sub(r"(/guard [^ ]+/guard) \d+ ", r"\1 N ", command)


def test_the_token_is_not_in_the_plan(released: World, capsys: pytest.CaptureFixture[str]) -> None:
    verbs.show_plan(released.fleet(), "release", Options(ref="v1"), verbose=True, as_json=True)
    assert "secret-token" not in capsys.readouterr().out


@pytest.mark.exhaustive
def test_a_run_is_bound_to_a_saved_plan(released: World, tmp_path: Path) -> None:
    file = str(tmp_path / "plan.json")
    for verb in ("rollback", "release"):
        verbs.show_plan(released.fleet(), verb, Options(ref="v1", save=file), verbose=False, as_json=False)
        run = verbs.VERBS[verb]
        assert run(released.fleet(), Options(ref="v1", bound=file)) == 0
        before = released.snapshot()
        with pytest.raises(Refused, match=r"changed since it was saved in .*plan.json: .*the live release \(was "):
            run(released.fleet(), Options(ref="v1", bound=file))
        assert released.snapshot() == before
    with pytest.raises(UsageError, match="the file has no saved plan"):
        verbs.release(released.fleet(), Options(ref="v1", bound=str(tmp_path / "no.json")))


def test_inputs_survive_the_journal(released: World) -> None:
    _, inputs = verbs.inputs(released.fleet(), "release", Options(ref="v1"))
    back = Inputs.from_json(json.loads(json.dumps(inputs.to_json())), inputs.settings)
    assert back == inputs
    assert plan(back) == plan(inputs)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("hook", "status"),
    [
        ({"before": "cutover", "run": "echo $RELEASE > ../hooked-$COLOR", "undo": "rm ../hooked-$COLOR"}, 0),
        ({"after": "promote", "on": "operator", "run": "exit 3"}, 0),
        ({"before": "cutover", "on": "first node", "run": "exit 3"}, 1),
        ({"after": "gate", "on": "operator", "run": "exit 3"}, 1),
    ],
)
def test_hooks_run_at_their_points(released: World, hook: dict[str, str], status: int) -> None:
    before = released.snapshot()
    settings = load({**released.settings, "hooks": [hook]})
    assert verbs.release(released.fleet(settings), Options(ref="v1")) == status
    if status:
        assert released.snapshot() == before
    elif "undo" in hook:
        made = released.root("node3") / "releases/hooked-green"
        assert made.read_text().strip() == released.live_release("node3")


@pytest.mark.exhaustive
def test_a_hook_is_undone_with_the_run(released: World) -> None:
    hooks = [
        {"before": "warm", "run": "touch ../hooked", "undo": "rm -f ../hooked"},
        {"after": "gate", "on": "operator", "run": "exit 1"},
    ]
    assert verbs.release(released.fleet(load({**released.settings, "hooks": hooks})), Options(ref="v1")) == 1
    assert not (released.root("node1") / "releases/hooked").exists()


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_late_operator_hook_is_ended_with_its_children(released: World, tmp_path: Path) -> None:
    child = tmp_path / "child"
    run = f"sleep 60 & echo $! > {child}; read line; wait"
    hooks = [{"before": "cutover", "on": "operator", "run": run, "deadline": 1.0}]
    assert verbs.release(released.fleet(load({**released.settings, "hooks": hooks})), Options(ref="v1")) == 1
    wait_until_dead(int(child.read_text()))


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_hook_here_that_fails_shows_what_it_printed(released: World, capfd: pytest.CaptureFixture[str]) -> None:
    hooks = [{"before": "cutover", "on": "operator", "run": "echo first; echo second >&2; exit 3"}]
    assert verbs.release(released.fleet(load({**released.settings, "hooks": hooks})), Options(ref="v1")) == 1
    said = [line.strip() for line in capfd.readouterr().err.splitlines()]
    assert [line for line in said if line.startswith("operator | ")] == ["operator | first", "operator | second"]


def test_a_hook_at_a_stage_that_is_not_there_is_refused(released: World) -> None:
    settings = load({**released.settings, "hooks": [{"before": "cutovr", "run": "true"}]})
    with pytest.raises(UsageError, match="hooks: there is no stage cutovr"):
        verbs.release(released.fleet(settings), Options(ref="v1"))
