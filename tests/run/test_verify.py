"""Which releases must answer at the addresses of the switch, and which addresses may be silent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.errors import NotYet
from orchestrator.run import data_plane
from orchestrator.run.data_plane import Answer
from orchestrator.run.verify import Verifier

NEW, OLD, NONE = Answer("new", None), Answer("old", None), Answer(None, "TimeoutError: timed out")
URLS = ["http://node1", "http://node2"]


def verifier(monkeypatch: pytest.MonkeyPatch, kind: str, *answers: Answer) -> Verifier:
    """A verifier of a switch with an address for each of these answers."""
    found = dict(zip(URLS, answers, strict=True))
    monkeypatch.setattr(data_plane, "addresses", lambda url: [url.removeprefix("http://")])
    monkeypatch.setattr(data_plane, "ask", lambda url, *_: found[url])
    probe = SimpleNamespace(host=None, ca=None, http2=False)
    switches = [SimpleNamespace(kind=kind, urls=URLS)]
    made: Any = SimpleNamespace(token="", probe=probe, switches=switches)
    return Verifier(made)


@pytest.mark.parametrize(
    ("kind", "answers", "tolerant", "problem"),
    [
        ("node", [NEW, NEW], False, None),
        # a dead node keeps no rollback and no undo from moving the other nodes
        ("node", [NEW, NONE], True, None),
        ("node", [NEW, NONE], False, "http://node2: it is unknown which release answers: TimeoutError"),
        ("node", [NEW, OLD], True, "http://node2: old still answers"),
        ("node", [NONE, NONE], True, "http://node1: it is unknown which release answers"),
        # the address of a balancer stands for all nodes
        ("haproxy", [NEW, NONE], True, "http://node2: it is unknown which release answers"),
    ],
)
def test_a_node_may_be_silent_if_the_check_is_tolerant(
    monkeypatch: pytest.MonkeyPatch, kind: str, answers: list[Answer], tolerant: bool, problem: str | None
) -> None:
    made = verifier(monkeypatch, kind, *answers)
    if problem is None:
        made.whole("new", tolerant)
    else:
        with pytest.raises(NotYet, match=problem):
            made.whole("new", tolerant)
