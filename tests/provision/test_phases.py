"""Which operations run in which phase: first what disturbs nothing, then all checks, then the files."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.context import ctx_host
from pyinfra.operations import apt, server, systemd

from orchestrator.provision import common, operations, render
from orchestrator.provision.facts import Entry
from orchestrator.provision.phases import Checked, Completed, Placed, Prepared
from orchestrator.provision.work import Work


class Host:
    """A host that has the link /there."""

    def get_fact(self, fact: type, paths: list[str]) -> Any:
        link = Entry("link", "root", "root", "777", "x")
        return {path: link if path == "/there" else None for path in paths}


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The operations that ran."""
    found: list[Any] = []

    def do(self: Work, what: str, operation: Any, **arguments: Any) -> bool:
        found.append(operation)
        return True

    monkeypatch.setattr(Work, "do", do)
    with ctx_host.use(Host()):
        yield found


CHECKED = {"path": "/f", "text": "", "check": "nginx -t"}


@pytest.mark.parametrize(
    ("operation", "arguments", "phases"),
    [
        (apt.packages, {"packages": ["nginx"]}, [Prepared]),
        (server.user, {"user": "deploy"}, [Prepared]),
        (operations.authorized_keys, {"user": "deploy"}, [Prepared]),
        (operations.directories, {"paths": ["/d"]}, [Prepared]),
        (operations.directories_below, {"paths": ["/d"]}, [Prepared]),
        (operations.heirs, {"paths": ["/d"]}, [Prepared]),
        (operations.first_file, {"path": "/f"}, [Prepared]),
        (operations.first_link, {"path": "/f"}, [Prepared]),
        (operations.link, {"path": "/missing"}, [Prepared, Placed]),
        (operations.link, {"path": "/there"}, [Placed]),
        (operations.file, {"path": "/f", "text": ""}, [Placed]),
        (operations.file, CHECKED, [Checked, Placed]),
        (operations.absent, {"path": "/f"}, [Placed]),
        (operations.barred, {}, [Placed]),
        (operations.no_git_setting, {}, [Completed]),
        (server.shell, {}, [Placed]),
        (systemd.daemon_reload, {}, [Placed]),
    ],
)
def test_each_operation_runs_in_its_phase(
    ran: list[Any], operation: Callable[..., Any], arguments: dict[str, Any], phases: list[type[Work]]
) -> None:
    for phase in (Prepared, Checked, Placed, Completed):
        does = operations.candidate if phase is Checked else operation
        assert phase().do("x", operation, **arguments) is (phase in phases and phase is not Checked)
        assert ran == [does] * (phase in phases)
        ran.clear()


@pytest.mark.parametrize(("port", "left"), [(80, "mine"), (8080, "*")])
def test_nginx_is_checked_without_the_page_that_is_removed(tmp_path: Path, port: int, left: str) -> None:
    for name in ("conf.d/shop.conf", "conf.d/other.conf", "sites-enabled/default", "sites-enabled/mine", "candidate"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    lines = ["http {", f"    include {tmp_path}/conf.d/*.conf;", f"    include {tmp_path}/sites-enabled/*;", "}"]
    (tmp_path / "nginx.conf").write_text("\n".join(lines))
    nginx = tmp_path / "nginx"
    nginx.write_text('#!/bin/sh\nfor last; do :; done\ncat "$last"\n')
    nginx.chmod(0o755)
    command = (
        common.checker("check-nginx", [port])
        .replace("/etc/nginx", str(tmp_path))
        .replace("\\/etc\\/nginx", str(tmp_path).replace("/", "\\/"))
        .replace("/usr/sbin/nginx", str(nginx))
    )
    environment = {
        "PATH": "/usr/bin:/bin",
        "candidate": f"{tmp_path}/candidate",
        "path": f"{tmp_path}/conf.d/shop.conf",
    }
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    included = [line.split("/")[-1].rstrip(";") for line in done.stdout.splitlines() if "include" in line]
    assert included == ["other.conf", "candidate", left]
    assert render.WELCOME.endswith("/sites-enabled/default")
    assert not list(tmp_path.glob("orchestrator-check*"))
