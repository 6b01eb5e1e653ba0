"""A color that gets traffic, or is about to get traffic, is never restarted. The real script, a fake systemctl."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.operations.start import start
from tests.fakes.world import BIN

ID = "20260101T120000Z-5d0f0c1"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A node whose live color is blue, and a release that no color runs yet. The last run that used it was run 7."""
    found = tmp_path / "srv/shop"
    for directory in ("blue", "green", "guard", f"releases/{ID}"):
        (found / directory).mkdir(parents=True)
    (found / "live").symlink_to("blue")
    (found / "guard/fence").write_text("7\n")
    return found


def started(root: Path, color: str, out: bool = False, services: bool = False) -> subprocess.CompletedProcess[str]:
    target = f"shop-{color}.target"
    [command] = start._inner(root=str(root), color=color, target=target, release=ID, out=out, services=services)
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOST_ROOT": str(root.parents[1])}
    script = command.get_raw_value().replace("/usr/bin/systemctl", "systemctl")
    return subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True)


def armed(root: Path, color: str, run: int) -> None:
    (root / "live.armed").symlink_to(color)
    (root / "guard/armed").write_text(f"{run} 4711 1.5\n")


def test_the_live_color_is_not_restarted(root: Path) -> None:
    done = started(root, "blue")
    assert (done.returncode, done.stderr.strip()) == (
        1,
        "blue is live on this node, and the live color is never restarted",
    )
    assert not (root / "blue/release").is_symlink()
    # a barred node gets no traffic in either color
    assert started(root, "blue", out=True).returncode == 0


def test_a_color_for_which_the_node_is_armed_is_not_restarted(root: Path) -> None:
    armed(root, "green", run=7)
    done = started(root, "green")
    assert done.returncode == 1
    assert done.stderr.strip() == "this node is armed to make green live, so green is not restarted"
    assert not (root / "green/release").is_symlink()


@pytest.mark.parametrize(("color", "run"), [("green", 6), ("blue", 7)])
def test_a_node_that_a_former_run_armed_or_for_the_other_color(root: Path, color: str, run: int) -> None:
    armed(root, color, run)
    done = started(root, "green")
    assert done.returncode == 0, done.stderr
    assert os.readlink(root / "green/release") == f"../releases/{ID}"


def start_of(root: Path, unit: str) -> str:
    """The id of a unit's start, as the fake systemctl prints it."""
    seconds, rest = divmod((root.parents[1] / "systemd" / unit).stat().st_mtime_ns, 10**9)
    return f"{seconds}.{rest:09d}\n"


def test_a_start_is_recorded_with_its_release_and_its_id(root: Path) -> None:
    done = started(root, "green")
    assert done.returncode == 0, done.stderr
    first = start_of(root, "shop-green.target")
    assert (root / "green/started").read_text().split()[0] == ID
    assert (root / "green/invocation").read_text() == first
    # the color runs this release already
    assert started(root, "green").returncode == 0
    assert start_of(root, "shop-green.target") == first
    # the id of PHP-FPM comes first, and something else has started PHP-FPM
    (root.parents[1] / "systemd/shop-green-fpm.service").touch()
    assert started(root, "green").returncode == 0
    assert (root / "green/invocation").read_text() == start_of(root, "shop-green-fpm.service")
    (root / "green/shrunk").touch()
    os.utime(root.parents[1] / "systemd/shop-green.target", (1, 1))
    assert started(root, "green").returncode == 0
    assert start_of(root, "shop-green.target") != "1.000000000\n"
    assert not (root / "green/shrunk").exists()


def test_the_first_service_that_does_not_run_is_named(root: Path) -> None:
    stack = root / "releases" / ID / ".release/stack"
    stack.mkdir(parents=True)
    for name in ("chat", "mail", "ws"):
        (stack / f"service-{name}").touch()
    units = root.parents[1] / "systemd"
    units.mkdir()
    (units / "shop-green-chat.service").touch()
    done = started(root, "green", services=True)
    assert done.returncode == 1
    assert done.stderr.startswith("shop-green-mail.service does not start: the unit printed nothing, see journalctl -u")
    assert not (root / "green/started").exists()
    for name in ("mail", "ws"):
        (units / f"shop-green-{name}.service").touch()
    assert started(root, "green", services=True).returncode == 0
    assert (root / "green/invocation").read_text() == start_of(root, "shop-green.target")
