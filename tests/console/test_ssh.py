"""The command line of OpenSSH that leads to a host of the inventory."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.console.ssh import ssh

FULL: dict[str, Any] = {
    "ssh_hostname": "192.0.2.7",
    "ssh_port": 2222,
    "ssh_user": "deploy",
    "ssh_key": "~/keys/a key",
    "ssh_known_hosts_file": "/tmp/known hosts 100%h",
    "ssh_strict_host_key_checking": "yes",
    "ssh_forward_agent": False,
}


def meant(words: list[str]) -> dict[str, list[str]]:
    """What OpenSSH itself understands: option -> its values."""
    done = subprocess.run([words[0], "-G", *words[1:]], capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key, []).append(value)
    return found


def test_ssh_gets_what_the_inventory_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    # ssh ignores a key that is missing
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/a key").touch()
    words = ssh("node1", FULL, 3, "exec sh -c 'a b'", terminal=False)
    assert words[-3:] == ["--", "192.0.2.7", "exec sh -c 'a b'"]
    found = meant(words)
    wanted = {
        "hostname": "192.0.2.7",
        "port": "2222",
        "user": "deploy",
        "identityfile": f"{tmp_path}/keys/a key",
        "identitiesonly": "yes",
        "stricthostkeychecking": "true",
        "connecttimeout": "3",
        "forwardagent": "no",
        "batchmode": "yes",
        "requesttty": "false",
        "controlmaster": "false",
    }
    assert {key: found[key][0] for key in wanted} == wanted
    assert found["userknownhostsfile"] in (["/tmp/known hosts 100%h"], ["/tmp/known hosts 100%%h"])


def test_ssh_uses_the_operators_configuration(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "Host web1\n  HostName web1.example.com\n  User ann\n  RemoteCommand tmux\n  ControlMaster auto\n"
    )
    found = meant(ssh("web1", {"ssh_config_file": str(config)}, None, "true", terminal=True))
    assert (found["hostname"], found["user"], found["requesttty"]) == (["web1.example.com"], ["ann"], ["true"])
    # a shared connection would outlive this command, and a command of the configuration would run instead of this one
    assert found["controlmaster"] == ["false"]
    assert found.get("remotecommand", ["none"]) == ["none"]


def test_ssh_uses_no_agent_if_the_inventory_forbids_it() -> None:
    assert meant(ssh("web1", {"ssh_allow_agent": False}, None, "true", terminal=True))["identityagent"] == ["none"]
