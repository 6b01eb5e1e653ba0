"""Fixtures for runs on ``@fake`` hosts."""

from __future__ import annotations

from pathlib import Path

import gevent
import pytest
from pyinfra.connectors.fake import FakeConnector

from orchestrator import verify
from orchestrator.fleet import Fleet
from tests.fakes.world import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Three provisioned nodes behind HAProxy and nginx, no release yet."""
    made = World(tmp_path / "world")

    def run(
        self: FakeConnector, command: object, print_output: bool = False, print_input: bool = False, **arguments: object
    ):  # type: ignore[no-untyped-def]
        text = command if isinstance(command, str) else command.get_raw_value()  # type: ignore[attr-defined]
        stdin = arguments.get("_stdin") or ""
        gevent.sleep(0)
        return made.answer(self, text, str(stdin))

    monkeypatch.setattr(FakeConnector, "run_shell_command", run)
    monkeypatch.setattr(Fleet, "prepare_connections", lambda self: None)
    monkeypatch.setattr(verify, "ask", made.ask)
    return made
