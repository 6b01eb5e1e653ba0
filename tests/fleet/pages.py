"""Pages of the balancers as users get them, by http and https, and the weights of the split."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import fleet_tls
import pytest

from orchestrator.layout import BalancerLayout
from orchestrator.model import Color
from orchestrator.switches import balancer
from tests.fleet.running import Fleet
from tests.fleet.switching import BALANCERS, Runs

PREVIEW = "http://127.0.0.1:8090"
"""The preview port, which only the balancer itself can reach."""


def authority(fleet: Fleet) -> str:
    return str(fleet.known["ca"])


def token(fleet: Fleet) -> str:
    return str(fleet.known["preview"])


@dataclass(frozen=True)
class Page:
    """The result of curl. ``status`` is 0 without an answer; ``error`` is curl's message, ``code`` its status."""

    code: int
    error: str
    version: str = ""
    status: int = 0
    headers: Mapping[str, str] | None = None
    text: str = ""

    @property
    def color(self) -> str:
        return (self.headers or {}).get("x-color", "")

    @property
    def got(self) -> dict[str, str]:
        """The headers that the application received."""
        return dict(json.loads(self.text)["headers"])


def curl(*words: str) -> Page:
    command = ["curl", "-sS", "-m", "20", "-i", "-w", "\n%{http_version}", *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if done.returncode:
        return Page(done.returncode, done.stderr)
    head, _, rest = done.stdout.replace("\r\n", "\n").partition("\n\n")
    text, _, version = rest.rpartition("\n")
    first, *lines = head.splitlines()
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Page(0, "", version, int(first.split()[1]), headers, text)


def secure(fleet: Fleet, kind: str, *words: str, name: str = fleet_tls.NAME, path: str = "/", ca: str = "") -> Page:
    """A page of a balancer by https. The certificate must be valid for the name."""
    port = fleet.port(kind, "https")
    trust = ["--cacert", ca or authority(fleet), "--resolve", f"{name}:{port}:127.0.0.1"]
    return curl(*trust, *words, f"https://{name}:{port}{path}")


def inside(fleet: Fleet, kind: str, url: str, *words: str) -> Page:
    """A page that the balancer itself asks for."""
    command = shlex.join(["curl", "-sS", "-m", "20", "-i", *words, url])
    done = fleet.exec(kind, command)
    assert done.returncode == 0, done.stderr
    head, _, text = done.stdout.replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.splitlines()
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Page(0, "", "", int(first.split()[1]), headers, text)


@pytest.fixture
def weigh(fleet: Fleet, warm: Runs) -> Iterator[Callable[[str, int], None]]:
    """``weigh(balancer, green)`` sets green's weight. The former weight is restored after the test."""
    layout = BalancerLayout(fleet.known["app"])
    before = 100 if Color(secure(fleet, "haproxy").color) is Color.green else 0

    def set_weight(kind: str, green: int) -> None:
        words = ["sh", "-c", balancer(kind, layout).shift, "shift", str(green)]
        done = fleet.ssh(kind, shlex.join(words), "deploy")
        assert done.returncode == 0, done.stderr

    yield set_weight
    for kind in BALANCERS:
        set_weight(kind, before)
