"""The plan of a provisioning: it is shown, saved and compared, and nothing changes before it is approved."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.errors import Interrupted, NotUndone, OrchestratorError, Refused, StepFailed
from orchestrator.options import Options, read
from orchestrator.provision import firewall, kept, plan, walk
from orchestrator.provision.live_gate import Answering
from orchestrator.provision.members import Members
from orchestrator.verbs import Approved

# the package has a function of the same name
module = importlib.import_module("orchestrator.verbs.provision")
PLAN = {"node1": ["write    php.ini (/a)"], "haproxy": []}
FLEET: Any = SimpleNamespace(
    settings=SimpleNamespace(app="shop", user="deploy"), nodes=["node1"], balancers={"haproxy": "haproxy"}
)


@pytest.fixture(autouse=True)
def planned(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, list[str]]], None]:
    """A fleet whose plan is PLAN, or the plan that is given. It cannot be changed."""

    def set_plan(found: dict[str, list[str]]) -> None:
        monkeypatch.setattr(plan, "plan", lambda fleet, members: found)

    monkeypatch.setattr(module, "_begin", lambda fleet, options: Members())
    proved = firewall.Proved(warnings={"node1": ("warning: there are connections from 192.0.2.1",)})
    monkeypatch.setattr(firewall, "look", lambda fleet: proved)
    monkeypatch.setattr(firewall, "note", lambda settings: "firewall: off, because ...")
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
        "    firewall: off, because ...",
        "    node1: warning: there are connections from 192.0.2.1",
    ]
    assert verbs.show_for_approval(FLEET, "provision", Options(), verbose=False) == Approved(PLAN)
    capsys.readouterr()
    verbs.show_plan(FLEET, "provision", options, verbose=False, as_json=True)
    assert json.loads(capsys.readouterr().out) == json.loads(file.read_text()) == {"verb": "provision", "inputs": PLAN}


@pytest.mark.parametrize("way", ["approved", "bound"])
def test_a_plan_that_has_changed_is_refused(
    planned: Callable[[dict[str, list[str]]], None], tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_can_lock", lambda fleet: False)
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"inputs": PLAN}))
    planned({"node1": [], "haproxy": ["reload   HAProxy"]})
    approved, bound = (Approved(PLAN), None) if way == "approved" else (None, str(file))
    with pytest.raises(Refused) as refused:
        verbs.provision(FLEET, Options(bound=bound), approved)
    assert "haproxy (now with reload   HAProxy), node1 (now without write    php.ini (/a))" in str(refused.value)
    assert "this command changed nothing" in str(refused.value)


def test_provisioning_takes_the_options_of_a_plan() -> None:
    assert read("provision", {"plan": True}).plan
    assert read("provision", {"save": "plan.json"}).plan
    assert read("provision", {"bound": "plan.json"}).bound == "plan.json"
    assert "provision" in verbs.PLANNED


class Ran:
    """What a provisioning did, in order. The step named ``fails`` fails."""

    def __init__(self, fails: str = "", error: BaseException | None = None) -> None:
        self.steps: list[str] = []
        self.records: list[dict[str, Any]] = []
        self.fails, self.error = fails, error or StepFailed("node2: no room")
        self.former = ["node1", "haproxy"]

    def step(self, name: str) -> Callable[..., Any]:
        def act(*arguments: Any) -> Any:
            self.steps.append(name)
            if name == self.fails:
                raise self.error

        return act

    @contextmanager
    def session(self, fleet: Any, verb: str, user: str) -> Iterator[Any]:
        assert (verb, user) == ("provision", "deploy")
        self.steps.append("lock")
        yield SimpleNamespace(
            append=lambda records: self.records.extend(one.to_json() for one in records),
            end=lambda record: self.records.append(record.to_json()),
        )
        self.steps.append("unlock")

    @contextmanager
    def load_probe(self, fleet: Any, release: str | None) -> Iterator[Any]:
        self.steps.append("probe")
        yield SimpleNamespace(check=None, end=self.step("verdict"))
        self.steps.append("probe ends")


def run(monkeypatch: pytest.MonkeyPatch, ran: Ran, lock: bool = True) -> BaseException | None:
    """Provision, and return the exception with which it ended."""
    monkeypatch.setattr(module, "_can_lock", lambda fleet: lock)
    monkeypatch.setattr(module, "begin_session", ran.session)
    monkeypatch.setattr(module, "_settle", lambda fleet, options, members: ran.step("settle")() or members)
    monkeypatch.setattr(module, "signals", SimpleNamespace(no_more_interrupts=lambda: None))
    for name in (
        *("require", "require_web_user", "prepare", "check", "place", "activate"),
        *("load_former", "mark_unfinished", "finish"),
    ):
        monkeypatch.setattr(walk, name, ran.step(name))
    monkeypatch.setattr(firewall, "look", ran.step("prove"))
    monkeypatch.setattr(firewall, "note", lambda settings: None)
    monkeypatch.setattr(walk, "before_loading", lambda fleet: Answering())
    monkeypatch.setattr(kept, "provisioned_before", lambda fleet: ran.former)
    monkeypatch.setattr(module, "load_probe", ran.load_probe)
    for name in ("keep", "put_back", "forget"):
        monkeypatch.setattr(kept, name, ran.step(name))
    try:
        assert verbs.provision(FLEET, Options()) == 0
    except (OrchestratorError, Interrupted) as error:
        return error
    return None


def ends(ran: Ran) -> list[tuple[str, str]]:
    return [(one["how"], one.get("detail", "")) for one in ran.records if one["record"] == "end"]


PLACED = ["check", "keep", "probe", "place", "activate", "verdict"]
CHANGED = [*PLACED, "probe ends", "forget", "finish", "unlock"]


@pytest.mark.parametrize(
    ("lock", "begin"),
    [
        (True, ["lock", "require", "settle", "prove", "require_web_user", "prepare"]),
        (False, ["require", "settle", "prove", "require_web_user", "prepare", "lock", "prove"]),
    ],
)
def test_all_is_checked_under_the_lock_before_a_file_changes(
    monkeypatch: pytest.MonkeyPatch, lock: bool, begin: list[str]
) -> None:
    ran = Ran()
    assert run(monkeypatch, ran, lock) is None
    assert ran.steps == [*begin, *CHANGED]
    assert [one["record"] for one in ran.records] == ["begin", "end"]
    assert ends(ran) == [("done", "")]


@pytest.mark.parametrize("error", [StepFailed("node2: no room"), Interrupted(2, "SIGINT")])
def test_files_that_were_placed_are_put_back_everywhere(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    ran = Ran("place", error)
    assert run(monkeypatch, ran) is error
    assert ran.steps[6:] == ["check", "keep", "probe", "place", "put_back"]
    assert ends(ran) == [("undone", str(error))]


def test_a_file_that_is_refused_ends_before_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran("check")
    assert run(monkeypatch, ran) is ran.error
    assert ran.steps[-1] == "check"
    assert ran.records == []


def test_a_firewall_that_would_refuse_a_balancer_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran("prove", Refused("node1 does not see lb1"))
    assert run(monkeypatch, ran) is ran.error
    assert ran.steps == ["lock", "require", "settle", "prove"]
    assert ran.records == []


@pytest.mark.parametrize("fails", ["activate", "verdict"])
@pytest.mark.parametrize("error", [StepFailed("node2: no room"), Interrupted(2, "SIGINT")])
def test_configuration_that_does_not_load_is_taken_back(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, fails: str
) -> None:
    ran = Ran(fails, error)
    assert run(monkeypatch, ran) is error
    assert ran.steps[6:] == [*PLACED[: PLACED.index(fails) + 1], "put_back", "forget", "load_former"]
    assert ends(ran) == [("undone", str(error))]


def test_hosts_without_former_files_keep_the_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran("activate")
    ran.former = []
    assert run(monkeypatch, ran) is ran.error
    assert ran.steps[6:] == [*PLACED[:-1], "forget"]
    assert ends(ran) == [("left", "node2: no room")]


def test_a_host_that_does_not_load_its_former_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran("activate")

    def load_former(*arguments: Any) -> None:
        raise StepFailed("node1 does not answer")

    monkeypatch.setattr(
        Ran, "step", lambda self, name, step=Ran.step: load_former if name == "load_former" else step(self, name)
    )
    error = run(monkeypatch, ran)
    assert isinstance(error, NotUndone)
    assert str(error).startswith(
        "node2: no room; afterwards, the former configuration could not be put back and loaded on all hosts: node1 "
    )
    assert ran.steps[-1] == "mark_unfinished"
    assert ends(ran) == [("left", str(error))]


def test_files_that_cannot_be_put_back_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran("place")

    def put_back(fleet: Any) -> None:
        raise StepFailed("node2 does not answer")

    monkeypatch.setattr(
        Ran, "step", lambda self, name, step=Ran.step: put_back if name == "put_back" else step(self, name)
    )
    error = run(monkeypatch, ran)
    assert isinstance(error, NotUndone)
    assert "node2 does not answer. Repair the cause, and run deploys/provision.py" in str(error)
    assert ends(ran) == [("left", str(error))]
