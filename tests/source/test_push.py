"""rsync reaches a node in the same way as pyinfra."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.config.source import DirectorySource
from orchestrator.errors import CommandFailed
from orchestrator.source import push
from orchestrator.source.delivery import Delivery
from orchestrator.source.kind import Supply

DATA: dict[str, Any] = {
    "ssh_hostname": "192.0.2.1",
    "ssh_port": 2222,
    "ssh_user": "deploy",
    "ssh_key": "/keys/my key",
    "ssh_known_hosts_file": "/keys/known_hosts",
    "ssh_strict_host_key_checking": "yes",
    "ssh_allow_agent": False,
    "ssh_config_file": None,
    "ssh_password": None,
    "ssh_key_password": None,
}


LOST = "rsync: connection unexpectedly closed (0 bytes received so far) [sender]"
UNEXPLAINED = "rsync error: unexplained error (code 255) at io.c(228) [sender=3.2.7]"


def host(**data: Any) -> Any:
    return SimpleNamespace(name="node1", connector=SimpleNamespace(data=data))


def test_by_the_inventorys_own_login() -> None:
    options, place = push.reach(host(**DATA))
    assert place == "deploy@192.0.2.1:"
    assert options == [
        "--rsh",
        "ssh -oBatchMode=yes -oConnectTimeout=10 -oServerAliveInterval=5 -oUserKnownHostsFile=/keys/known_hosts "
        "-oStrictHostKeyChecking=yes -oIdentitiesOnly=yes -p 2222 -i '/keys/my key'",
    ]


def test_without_a_hostname_rsync_uses_the_node_s_name() -> None:
    assert push.reach(host(ssh_hostname=None))[1] == "node1:"


def test_an_address_with_colons_stands_in_brackets() -> None:
    assert push.reach(host(**{**DATA, "ssh_hostname": "2001:db8::1"}))[1] == "deploy@[2001:db8::1]:"


def test_ssh_s_last_line_is_the_reason_why_rsync_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rsync = tmp_path / "rsync"
    said = ["*** authorized use only ***", "deploy@192.0.2.1: Permission denied (publickey).", "", LOST, UNEXPLAINED]
    rsync.write_text("#!/bin/sh\n" + "".join(f"echo '{line}' >&2\n" for line in said) + "exit 255\n")
    rsync.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(
        CommandFailed, match=r"^rsync ended with status 255: deploy@.* Permission denied \(publickey\).$"
    ):
        push.push(host(**DATA), tmp_path, "/srv/shop/releases/.new.part", None)


@pytest.mark.parametrize(("live", "like"), [("old", ["--copy-dest=/srv/shop/releases/old"]), (None, [])])
def test_rsync_gets_the_absolute_path_of_the_live_release(
    live: str | None, like: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rsync").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path}/words\n')
    (tmp_path / "rsync").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    settings = SimpleNamespace(
        node=SimpleNamespace(releases="/srv/shop/releases"), source=DirectorySource(kind="directory", path=".")
    )
    delivery = Delivery(cast("Any", SimpleNamespace(settings=settings)))
    delivery._supply = Supply(bundle=cast("Any", SimpleNamespace(path=tmp_path)))
    delivery.push(host(**DATA), "new", live)
    words = (tmp_path / "words").read_text().splitlines()
    assert [word for word in words if word.startswith("--copy-dest")] == like
    assert words[-1] == "deploy@192.0.2.1:/srv/shop/releases/.new.part/"


@pytest.mark.parametrize(
    ("data", "rsync", "line"),
    [
        (DATA, True, None),
        (DATA, False, "rsync is missing on this machine"),
        ({**DATA, "ssh_password": "x"}, True, "node1: rsync cannot log in with a password"),
        ({}, True, "node1: rsync needs SSH, but pyinfra does not use SSH for this host"),
    ],
)
def test_a_reason_against_rsync_is_named(
    data: dict[str, Any], rsync: bool, line: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if rsync else None)
    problem = push.problem(host(**data))
    assert problem == line or (problem or "").startswith(str(line))
