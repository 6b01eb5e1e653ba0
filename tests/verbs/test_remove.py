"""The verb `remove`: the operator must name the application, and no run may be open."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import click
import pytest

from orchestrator.config import load
from orchestrator.errors import OrchestratorError, Refused, UsageError
from orchestrator.fleet import Fleet
from orchestrator.options import read
from orchestrator.provision.removal import plan, walk
from orchestrator.provision.removal.left import Left
from orchestrator.verbs.remove import _confirm, _has_journal, _keeps, remove

STATE = "/var/lib/orchestrator/shop"
FOUND = {"lb1": Left(paths=(STATE,)), "node1": Left(entries=("shared",), shared=1536)}


def fleet(**settings: Any) -> Fleet:
    made = load(
        {
            "app": "shop",
            "source": {"origin": "x"},
            "marker": {"answers": "all"},
            "switches": [{"kind": "haproxy", "group": "haproxy", "urls": ["http://b"]}],
            **settings,
        }
    )
    hosts: dict[str, Any] = {"nodes": ["node1"], "balancers": {"lb1": "haproxy"}}
    return cast(Fleet, SimpleNamespace(settings=made, journal_host=made.journal.host or "lb1", **hosts))


@pytest.mark.parametrize(
    ("name", "asks", "answer", "error"),
    [
        ("", False, None, UsageError),
        ("shop-admin", False, None, UsageError),
        ("shop-admin", True, None, UsageError),
        ("shop", False, None, None),
        # the name was given already, so it is not asked for
        ("shop", True, None, None),
        ("", True, "shop", None),
        ("", True, "shop-admin", Refused),
        ("", True, "", Refused),
    ],
)
def test_the_operator_names_the_application(
    monkeypatch: pytest.MonkeyPatch, name: str, asks: bool, answer: str | None, error: type[OrchestratorError] | None
) -> None:
    questions: list[str] = []

    def prompt(text: str, **_: Any) -> str:
        questions.append(text)
        assert answer is not None
        return answer

    monkeypatch.setattr(click, "prompt", prompt)
    options = read("remove", {"remove": name} if name else {})
    if error:
        with pytest.raises(error):
            _confirm(fleet(), options, FOUND, asks)
    else:
        _confirm(fleet(), options, FOUND, asks)
    assert questions == (
        ["Type shop to remove shop and its shared data (node1 1.5 MiB) for good"] if answer is not None else []
    )


@pytest.mark.parametrize(
    ("journal", "found", "there"),
    [
        ({}, FOUND, True),
        # a removal that was killed at its end
        ({}, {"node1": Left(entries=("live",))}, False),
        ({"host": "node1"}, FOUND, False),
        ({"kind": "s3", "bucket": "journals"}, {}, True),
    ],
)
def test_the_lock_is_taken_while_there_is_one(journal: dict[str, str], found: dict[str, Left], there: bool) -> None:
    assert _has_journal(fleet(journal=journal), found) is there


def test_the_checks_are_repeated_after_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    made = fleet(journal={"host": "lb2"})
    made.state = cast(Any, SimpleNamespace(check_for_changes=True))
    monkeypatch.setattr(walk, "look", lambda fleet, keep: FOUND)
    # a file system was mounted while the operator read the plan
    monkeypatch.setattr(plan, "problems", lambda found, keep: ["node1: /srv/shop/shared/big is mounted"])
    monkeypatch.setattr(click, "prompt", lambda *_, **__: pytest.fail("it asks"))
    with pytest.raises(Refused, match="node1: /srv/shop/shared/big is mounted"):
        remove(made, read("remove", {}))


def test_only_shared_data_can_be_kept() -> None:
    assert _keeps(read("remove", {"keep": "shared"}))
    assert not _keeps(read("remove", {}))
    with pytest.raises(UsageError, match="the only allowed value is shared"):
        read("remove", {"keep": "releases"})
