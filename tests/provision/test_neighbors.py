"""The connections of the other applications that nginx on a host serves."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator.errors import StepFailed
from orchestrator.fleet import Fleet
from orchestrator.provision import neighbors
from orchestrator.scripts.files import read

SITE = "server {\n    listen 127.0.0.1:443 ssl;\n}\n"


def application(port: int, state: Path) -> str:
    listens = f"    listen {port} backlog=4096;\n    listen [::]:{port};\n"
    return f"server {{\n{listens}    if (-e {state}/guard/drain) {{ }}\n}}\n"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A directory that stands for the root of a host with two applications and another site."""
    conf = tmp_path / "etc/nginx/conf.d"
    conf.mkdir(parents=True)
    for app, port in (("shop", 80), ("annex", 8000)):
        (tmp_path / app / "guard").mkdir(parents=True)
        (conf / f"{app}.conf").write_text(application(port, tmp_path / app))
    (conf / "blog.conf").write_text(SITE)
    return tmp_path


def run(name: str, host: Path, *words: str) -> str:
    text = read(f"provision/{name}.sh").replace("/etc/", f"{host}/etc/")
    # the tests may run as a user who cannot become another one
    text = text.replace('runuser -u "$owner" --', "env")
    return subprocess.run(["sh", "-c", text, name, *words], check=True, capture_output=True, text=True).stdout


def test_only_ports_of_other_applications_are_listed(host: Path) -> None:
    assert run("neighbors", host, "shop") == "8000\n"
    assert run("neighbors", host, "new") == "80\n8000\n"


def test_only_other_applications_are_marked(host: Path) -> None:
    mine, other = host / "annex/guard/drain", host / "shop/guard/drain"
    run("last", host, "on", "annex")
    assert (mine.exists(), other.exists()) == (False, True)
    run("last", host, "off", "annex")
    assert not other.exists()
    # another command drains the node at this time
    other.write_text("lb1\n")
    run("last", host, "on", "annex")
    run("last", host, "off", "annex")
    assert other.read_text() == "lb1\n"


class Connected:
    """The commands on a host, and the clients with connections to the port 8000.

    + looks: the clients at each look. The last look has no more clients of the first one
    """

    def __init__(self, *looks: str) -> None:
        self.looks = list(looks)
        self.did: list[str] = []

    def mark(self, fleet: Fleet, host: Any, verb: str) -> None:
        self.did.append(verb)

    def look(self, host: Any, fact: Any, port: int) -> frozenset[str]:
        self.did.append(self.looks.pop(0))
        return frozenset(self.did[-1])


def let_go(monkeypatch: pytest.MonkeyPatch, known: Connected, ports: list[int], fails: bool = False) -> list[str]:
    monkeypatch.setattr(neighbors, "mark", known.mark)
    monkeypatch.setattr(neighbors, "INTERVAL", 0.0)
    with neighbors.let_go(cast("Fleet", known), cast("Any", None), ports):
        known.did.append("reload")
        if fails:
            raise StepFailed("nginx is not reloaded")
    return known.did


@pytest.mark.parametrize("looks", [["ab", "b", ""], ["ab", "bc", "cd"], ["a", "bcd"], [""]])
def test_nginx_is_reloaded_when_former_connections_ended(monkeypatch: pytest.MonkeyPatch, looks: list[str]) -> None:
    """Connections that were opened after the mark do not count: nginx ends them after their next answer."""
    assert let_go(monkeypatch, Connected(*looks), [8000]) == ["on", *looks, "reload", "off"]


def test_the_wait_for_connections_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors.until_let_go, "__defaults__", (0.0,))
    assert let_go(monkeypatch, Connected("a", "a"), [8000]) == ["on", "a", "a", "reload", "off"]


def test_without_other_applications_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert let_go(monkeypatch, Connected("ab"), []) == ["reload"]


def test_a_failed_reload_ends_the_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Connected("")
    with pytest.raises(StepFailed):
        let_go(monkeypatch, known, [8000], fails=True)
    assert known.did == ["on", "", "reload", "off"]
