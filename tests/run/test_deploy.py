"""The entry point of a deploy file: the plan that is shown and its run have the same fleet."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any

import click
import pytest
from pyinfra.api import output
from pyinfra.operations import python

from orchestrator import deploy
from orchestrator.config import load
from orchestrator.fleet import Fleet
from orchestrator.mask import Mask
from orchestrator.options import Options
from tests.fakes.world import World

NODE_SWITCH = {"kind": "node", "urls": ["http://127.0.0.1:8080"]}


def test_the_lines_of_pyinfra_hide_secrets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    # as with -vvv
    monkeypatch.setattr(output, "_echo", click.echo)
    mask = Mask(
        load({"app": "shop", "source": {"origin": "x"}, "marker": {"token": "secret-token"}, "switches": [NODE_SWITCH]})
    )
    deploy._hide_in_logs(mask)
    output.echo("[node1] >>> curl -H 'X-Probe-Token: secret-token'", err=True)
    output.echo(err=True)
    assert capsys.readouterr().err == "[node1] >>> curl -H 'X-Probe-Token: ***'\n\n"


@pytest.fixture
def fleet(world: World, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """A fleet in whose first host pyinfra runs the deploy file."""
    fleet = world.fleet()
    first = next(iter(fleet.state.inventory))
    fleet.state.active_hosts = set(fleet.state.inventory)
    monkeypatch.setattr(deploy, "signals", SimpleNamespace(install=lambda: None))
    monkeypatch.setattr(deploy, "ctx_state", SimpleNamespace(get=lambda: fleet.state))
    monkeypatch.setattr(deploy, "ctx_host", SimpleNamespace(get=lambda: first))
    monkeypatch.setattr(deploy, "asked", lambda state, verb: (fleet, Options()))
    monkeypatch.setattr(deploy, "atexit", SimpleNamespace(register=lambda act: None))
    return fleet


def test_the_plan_and_its_run_have_the_same_fleet(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    declared: list[dict[str, Any]] = []
    monkeypatch.setattr(deploy, "_ask_first", lambda fleet, verb, options: asked.append(fleet))
    monkeypatch.setattr(python, "call", lambda **told: declared.append(told))
    deploy.run("release")
    assert len(declared) == 1
    assert declared[0]["fleet"] is asked[0]


def test_the_end_of_the_process_searches_for_no_garbage(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[Any] = []
    monkeypatch.setattr(deploy, "atexit", SimpleNamespace(register=registered.append))
    monkeypatch.setattr(deploy, "_ask_first", lambda fleet, verb, options: None)
    monkeypatch.setattr(python, "call", lambda **told: None)
    deploy.run("release")
    assert registered == [gc.freeze]
