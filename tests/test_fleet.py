"""Commands that are sent to a host directly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.command import StringCommand
from pyinfra.connectors.fake import FakeConnector
from pyinfra.connectors.util import CommandOutput, make_unix_command_for_host

from tests.fakes.world import World


@pytest.mark.parametrize(("sudo", "words"), [(True, "sudo -H -n sh -c"), (False, "sh -c")])
def test_a_direct_command_runs_as_root_with_sudo(
    sudo: bool, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def run(self: FakeConnector, command: StringCommand, **arguments: Any) -> tuple[bool, CommandOutput]:
        arguments.pop("_stdin", None)
        sent.append(str(make_unix_command_for_host(self.state, self.host, command, **arguments)))
        return True, CommandOutput([])

    fleet = World(tmp_path, 1, ("haproxy",)).fleet()
    monkeypatch.setattr(FakeConnector, "run_shell_command", run)
    fleet.state.config.SUDO = sudo
    assert fleet.shell(fleet.host("node1"), StringCommand("true")) == []
    assert len(sent) == 1
    assert sent[0].startswith(words)
