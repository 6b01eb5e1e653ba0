"""A host is asked each question once during a provisioning, and again after a change."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.context import ctx_host

from orchestrator.errors import Unclear
from orchestrator.model import Color
from orchestrator.provision import answers, common, node
from orchestrator.provision.answers import Answers
from orchestrator.provision.facts import Accounts, MissingPackages
from orchestrator.provision.listed import Listed
from orchestrator.provision.planned import Planned
from tests.provision import test_root
from tests.provision.test_listed import Host

INSIDE = {"AuthorizedKeys", "Earlier", "GitSetting", "Heirs"}
"""Facts that the body of an operation reads each time."""


class Asked:
    """A host that keeps the questions it gets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, Any]] = []
        monkeypatch.setattr(answers, "host", self)

    def get_fact(self, fact: type, **arguments: Any) -> str:
        self.asked.append((fact.__name__, arguments))
        return f"answer {len(self.asked)}"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


def test_a_fact_is_read_once(asked: Asked) -> None:
    known: Any = Answers()
    found = [known.fact(Accounts, users=["deploy"]) for _ in range(3)]
    assert found == ["answer 1"] * 3
    assert asked.asked == [("Accounts", {"users": ["deploy"]})]


def test_each_fact_has_its_own_answer(asked: Asked) -> None:
    known: Any = Answers()
    assert known.fact(Accounts, users=["deploy"]) == "answer 1"
    assert known.fact(Accounts, users=["web"]) == "answer 2"
    assert known.fact(MissingPackages, packages=["deploy"]) == "answer 3"
    assert known.fact(Accounts, users=["web"]) == "answer 2"


@pytest.mark.parametrize("paths", [[], ["/a"]])
def test_all_facts_are_read_again_after_a_change(asked: Asked, paths: list[str]) -> None:
    known: Any = Answers()
    known.fact(Accounts, users=["deploy"])
    known.forget(paths)
    assert known.fact(Accounts, users=["deploy"]) == "answer 2"


@pytest.mark.parametrize("together", [[], ["/a", "/b"]])
def test_a_path_without_an_answer_is_an_error(monkeypatch: pytest.MonkeyPatch, together: list[str]) -> None:
    monkeypatch.setattr(answers, "host", SimpleNamespace(get_fact=lambda fact, paths: {"/a": None}))
    with pytest.raises(Unclear, match="no answer about /b"):
        Answers(together).entries(["/a", "/b"])


@pytest.mark.parametrize("name", test_root.VARIANTS)
def test_phases_on_an_unchanged_host_ask_it_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (node, common):
        monkeypatch.setattr(module, "local_text", lambda path, key: "text\n")
    host, known = Host(), Answers()
    with ctx_host.use(host):
        for work in (Listed(known), Planned(known), Planned(known)):
            node.place(work, test_root.VARIANTS[name], "node1", {"lb": "lb.example"}, Color.blue)
            if isinstance(work, Listed):
                known.read_together(work.paths)
    often = {fact: count for fact, count in host.asked.items() if fact not in INSIDE and count > 1}
    # the two users, and the services of the two colors
    assert often.items() <= {"Accounts": 2, "ReleasedServices": 2}.items()
