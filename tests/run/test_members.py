"""What a run asks a balancer before the cutover."""

from __future__ import annotations

from typing import Any

import gevent.event
import pytest
from pyinfra.api.host import Host

from orchestrator import verbs
from orchestrator.errors import CannotTell
from orchestrator.facts.answers import MemberAnswers
from orchestrator.fleet import Fleet
from orchestrator.options import Options
from orchestrator.run.handlers import members
from orchestrator.survey import seen_at
from orchestrator.switches.base import Seen
from tests.fakes.world import World


def test_a_balancer_gets_both_questions_at_once(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, look = gevent.event.Event(), Fleet.look

    def noticed(fleet: Fleet, host: Host) -> Seen:
        asked.set()
        return seen_at(fleet, host)

    def waiting(self: Fleet, host: Host, fact: type[Any], stdin: str | None = None, **arguments: Any) -> Any:
        assert fact is not MemberAnswers or asked.wait(10)
        return look(self, host, fact, stdin, **arguments)

    monkeypatch.setattr(members, "seen_at", noticed)
    monkeypatch.setattr(Fleet, "look", waiting)
    assert verbs.rollback(released.fleet(), Options()) == 0
    assert asked.is_set()


def test_a_balancer_without_weights_is_asked_again(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Exception] = [CannotTell("starts"), CannotTell("starts")]

    def noticed(fleet: Fleet, host: Host) -> Seen:
        if answers:
            raise answers.pop()
        return seen_at(fleet, host)

    monkeypatch.setattr(members, "seen_at", noticed)
    assert verbs.rollback(released.fleet(), Options()) == 0
    assert not answers
