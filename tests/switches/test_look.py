"""The scripts that read a balancer, with the real shell and stand-ins for HAProxy, nginx and the firewall."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import CannotTell
from orchestrator.layout import BalancerLayout
from orchestrator.model import Color, Weights
from orchestrator.switches import balancer
from orchestrator.switches.base import Seen
from tests.fakes.processes import counted
from tests.fakes.world import BIN

PATH = f"{BIN}:{os.environ['PATH']}"


class Place:
    """A balancer in a directory. Green's weight is 25."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = path / "var/lib/orchestrator/shop"
        (self.state / "weights/25").mkdir(parents=True)
        (self.state / "weight").symlink_to("weights/25")
        (self.state / "weights.map").write_text("green  25\n")
        (path / "running").write_text("25\n")
        (path / "systemd").mkdir()
        (path / "systemd/nginx").touch()
        self.etc = path / "etc/orchestrator/shop"
        self.etc.mkdir(parents=True)
        (self.etc / "provisioned").write_text("# written by provisioning\norchestrator 0.2.0\n")
        (self.etc / "inventory").write_text("app shop\ninventory prod\njournal lb\n")
        self.library = path / "usr/local/lib/orchestrator/shop"
        self.library.mkdir(parents=True)
        self.bar("echo 10.0.0.3; echo 10.0.0.4")

    def bar(self, text: str) -> None:
        (self.library / "bar").write_text(f"#!/bin/sh\n{text}\n")
        (self.library / "bar").chmod(0o755)

    def look(self, kind: str, path: str = PATH) -> Seen:
        switch = balancer(kind, BalancerLayout("shop"))
        text = switch.look
        for directory in ("/var/lib/orchestrator", "/etc/orchestrator", "/usr/local/lib/orchestrator"):
            text = text.replace(directory, f"{self.path}{directory}")
        environment = {"PATH": path, "HOST_ROOT": str(self.path), "LC_ALL": "C"}
        done = subprocess.run(["/bin/sh", "-c", text], env=environment, capture_output=True, text=True)
        return switch.seen(done.stdout.splitlines())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize(
    ("kind", "programs"),
    [("haproxy", ("awk", "socat", "stat", "sudo")), ("nginx", ("readlink", "stat", "sudo", "systemctl"))],
)
def test_a_look_at_a_balancer_starts_four_programs(place: Place, kind: str, programs: tuple[str, ...]) -> None:
    path, started = counted(place.path / "bin", BIN)
    seen = place.look(kind, path)
    assert (seen.weights, seen.kept, seen.filesystem) == (Weights(25), Weights(25), "ext2/ext3")
    assert seen.barred == ("10.0.0.3", "10.0.0.4")
    assert seen.digests == {"orchestrator": "0.2.0"}
    assert seen.identity is not None
    # HAProxy's answer is read while it comes
    assert sorted(started()) == list(programs)


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
def test_the_bars_are_unknown_if_they_cannot_be_read(place: Place, kind: str) -> None:
    place.bar("echo first >&2; printf 'sudo: no \\\\n * password' >&2; exit 1")
    with pytest.raises(CannotTell, match=r"^it is unknown which nodes are barred: sudo: no \\n \* password$"):
        place.look(kind)
    (place.library / "bar").unlink()
    assert place.look(kind).barred == ()


@pytest.mark.parametrize("text", ["", "blue 7\n", "\xff\n"])
def test_a_map_without_green_keeps_no_weight(place: Place, text: str) -> None:
    (place.state / "weights.map").write_text(text, encoding="latin-1")
    with pytest.raises(CannotTell, match=r"weights\.map has no valid weight"):
        place.look("haproxy")
    (place.state / "weights.map").write_text(f"{text.strip()}\ngreen 50", encoding="latin-1")
    assert place.look("haproxy").kept == Weights(50)


def test_a_haproxy_that_does_not_answer_has_no_weight(place: Place) -> None:
    (place.path / "broken").mkdir()
    (place.path / "broken/haproxy").touch()
    with pytest.raises(CannotTell, match="HAProxy's map has no valid weight"):
        place.look("haproxy")


def test_both_answers_of_haproxy_are_read(place: Place) -> None:
    socat = place.path / "bin/socat"
    socat.parent.mkdir()
    lines = [
        "0x55ff21313480 blue 7",
        "0x55ff21313481 green 75",
        "",
        "# pxname,svname,qcur,qmax,scur",
        "shop_blue,n1,0,0,1,,,,,,,,,,,,,UP",
        "shop_blue,n green 9,0,0,1,,,,,,,,,,,,,MAINT (via a green 8)",
        "shop_green,n2,0,0,1,,,,,,,,,,,,,DOWN 1/2",
        "other,n3,0,0,1,,,,,,,,,,,,,DOWN",
        "shop_blue,BACKEND,0,0,3,,,,,,,,,,,,,UP",
        "shop_green,BACKEND,0,0,0,,,,,,,,,,,,,UP",
        "",
    ]
    socat.write_text(f"#!/bin/sh\ncat >{place.path}/asked\ncat <<'lines'\n" + "\n".join(lines) + "\nlines\n")
    socat.chmod(0o755)
    seen = place.look("haproxy", f"{socat.parent}:{PATH}")
    assert seen.weights == Weights(75)
    assert seen.in_flight == {Color.blue: 3, Color.green: 0}
    assert seen.out == ("n green 9",)
    assert seen.down == {Color.blue: (), Color.green: ("n2",)}
    page = f"{place.path}/etc/orchestrator/shop/page.map"
    assert (place.path / "asked").read_text() == f"show map {place.state}/weights.map;show map {page};show stat\n"


def test_a_link_of_nginx_that_leads_nowhere_is_not_served(place: Place) -> None:
    (place.state / "weights/25").rmdir()
    with pytest.raises(CannotTell, match="nginx is not running"):
        place.look("nginx")
    (place.state / "weight").unlink()
    with pytest.raises(CannotTell, match="has no valid weight"):
        place.look("nginx")
