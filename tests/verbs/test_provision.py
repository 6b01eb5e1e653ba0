"""The plan of a provisioning: it is shown, saved and compared, and nothing changes before it is approved."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.errors import Refused
from orchestrator.options import Options, read
from orchestrator.provision import plan
from orchestrator.provision.members import Members
from orchestrator.verbs import Approved

# the package has a function of the same name
module = importlib.import_module("orchestrator.verbs.provision")
PLAN = {"node1": ["write    php.ini (/a)"], "haproxy": []}
FLEET: Any = SimpleNamespace(settings=SimpleNamespace(app="shop"), nodes=["node1"], balancers={"haproxy": "haproxy"})


@pytest.fixture(autouse=True)
def planned(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, list[str]]], None]:
    """A fleet whose plan is PLAN, or the plan that is given. It cannot be changed."""

    def set_plan(found: dict[str, list[str]]) -> None:
        monkeypatch.setattr(plan, "plan", lambda fleet, members: found)

    monkeypatch.setattr(module, "_begin", lambda fleet, options: Members())
    set_plan(PLAN)
    return set_plan


def test_a_plan_is_shown_by_host(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    options = Options(save=str(file))
    assert verbs.show_plan(FLEET, "provision", options, verbose=False, as_json=False) == PLAN
    assert capsys.readouterr().err.splitlines() == [
        "    node1:",
        "        write    php.ini (/a)",
        "    haproxy: nothing to do",
    ]
    assert verbs.show_for_approval(FLEET, "provision", Options(), verbose=False) == Approved(PLAN)
    capsys.readouterr()
    verbs.show_plan(FLEET, "provision", options, verbose=False, as_json=True)
    assert json.loads(capsys.readouterr().out) == json.loads(file.read_text()) == {"verb": "provision", "inputs": PLAN}


@pytest.mark.parametrize("way", ["approved", "bound"])
def test_a_plan_that_has_changed_is_refused(
    planned: Callable[[dict[str, list[str]]], None], tmp_path: Path, way: str
) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"inputs": PLAN}))
    planned({"node1": [], "haproxy": ["reload   HAProxy"]})
    approved, bound = (Approved(PLAN), None) if way == "approved" else (None, str(file))
    with pytest.raises(Refused) as refused:
        verbs.provision(FLEET, Options(bound=bound), approved)
    assert "haproxy (now with reload   HAProxy), node1 (now without write    php.ini (/a))" in str(refused.value)
    assert "nothing was changed" in str(refused.value)


def test_provisioning_takes_the_options_of_a_plan() -> None:
    assert read("provision", {"plan": True}).plan
    assert read("provision", {"save": "plan.json"}).plan
    assert read("provision", {"bound": "plan.json"}).bound == "plan.json"
    assert "provision" in verbs.PLANNED
