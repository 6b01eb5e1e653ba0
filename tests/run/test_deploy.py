"""The entry point of a deploy file: the plan that is shown and its run have the same fleet."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.operations import python

from orchestrator import deploy
from orchestrator.options import Options
from tests.fakes.world import World


def test_the_plan_and_its_run_have_the_same_fleet(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = world.fleet()
    asked: list[Any] = []
    declared: list[dict[str, Any]] = []
    first = next(iter(fleet.state.inventory))
    fleet.state.active_hosts = set(fleet.state.inventory)
    monkeypatch.setattr(deploy, "signals", SimpleNamespace(install=lambda: None))
    monkeypatch.setattr(deploy, "ctx_state", SimpleNamespace(get=lambda: fleet.state))
    monkeypatch.setattr(deploy, "ctx_host", SimpleNamespace(get=lambda: first))
    monkeypatch.setattr(deploy, "asked", lambda state, verb: (fleet, Options()))
    monkeypatch.setattr(deploy, "_ask_first", lambda fleet, verb, options: asked.append(fleet))
    monkeypatch.setattr(python, "call", lambda **told: declared.append(told))
    deploy.run("release")
    assert len(declared) == 1
    assert declared[0]["fleet"] is asked[0]
