"""The console command."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import cli
from orchestrator.options import KNOWN
from orchestrator.verbs import VERBS

ROOT = Path(__file__).parents[1]


def words(*arguments: str) -> list[str]:
    return cli.pyinfra_command(arguments)[1:]


def test_verbs_are_deploy_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert words("release", "inventory/fleet.py", "-y", "--ref", "1.10") == [
        *("-y", "inventory/fleet.py", "deploys/release.py", "--data", 'ref="1.10"')
    ]
    assert words("plan", "--json", "-v") == [
        *("--json", "-v", "inventory/prod.py", "deploys/release.py", "--data", "plan=true")
    ]
    assert words("plan", "--rollback")[1] == "deploys/rollback.py"
    assert words("join", "inventory/fleet.py", "node3")[-1] == "node=node3"
    assert words("task", "cache", "inventory/fleet.py") == [
        *("inventory/fleet.py", "deploys/task.py", "--data", "task=cache")
    ]
    for inventory in (["inventory/prod.py"], []):
        assert words("maintenance", *inventory, "on") == [
            *("inventory/prod.py", "deploys/maintenance.py", "--data", "page=on")
        ]
    assert words("maintenance", "inventory/fleet.py") == ["inventory/fleet.py", "deploys/maintenance.py"]
    assert words("task", "cache", "-y")[:2] == ["-y", "inventory/prod.py"]
    assert words("exec", "inventory/fleet.py", "node2", "--", "php", "-r", "echo 1;", "--", "1") == [
        *("-y", "inventory/fleet.py", "deploys/exec.py"),
        *("--data", 'command=["php", "-r", "echo 1;", "--", "1"]', "--data", "node=node2"),
    ]
    assert words("exec", "--all", "--color", "idle", "--user", "deploy", "--", "id") == [
        *("-y", "inventory/prod.py", "deploys/exec.py", "--data", 'command=["id"]'),
        *("--data", "color=idle", "--data", "user=deploy", "--data", "all=true"),
    ]
    assert words("tasks", "inventory/fleet.py") == ["inventory/fleet.py", "deploys/tasks.py"]


def test_bad_arguments_end_with_status_2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in ([], ["relase"], ["release"], ["exec"], ["exec", "--"], ["status", "--", "id"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert ended.value.code == 2


def test_every_verb_has_a_deploy_file_and_options() -> None:
    files = {path.stem for path in (ROOT / "deploys").glob("*.py")}
    assert files == set(VERBS) == set(KNOWN)
    assert set(cli.VERBS) - {"plan"} == files
