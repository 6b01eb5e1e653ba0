"""The script that reads a node, with the real shell and file system, and a stand-in for systemctl."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest

from orchestrator.config.identity import Identity
from orchestrator.facts.node import SCRIPT, Node, NodeState
from orchestrator.model import Color
from orchestrator.scripts.command import pairs
from tests.fakes.processes import counted
from tests.fakes.world import BIN

ID = "20260101T120000Z-5d0f0c1"
OTHER = "20260102T120000Z-aaaaaaa"


class Place:
    """A node whose live color is blue, in a directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = path / "srv/shop"
        self.units = path / "systemd"
        self.etc = path / "etc/orchestrator/shop"
        for directory in (self.root / "guard", self.units, self.etc):
            directory.mkdir(parents=True)
        for color, release in (("blue", ID), ("green", OTHER)):
            (self.root / "releases" / release / ".release").mkdir(parents=True)
            (self.root / "releases" / release / ".release/size").write_text("2048 20\n")
            (self.root / color).mkdir()
            (self.root / color / "release").symlink_to(f"../releases/{release}")
            (self.root / color / "started").write_text(f"{release} 1795956456\n")
            (self.units / f"shop-{color}.target").touch()
            (self.units / f"shop-{color}-fpm.service").touch()
            (self.root / color / "invocation").write_text(f"{self.start(f'shop-{color}-fpm.service')}\n")
        (self.root / "live").symlink_to("blue")
        (self.root / "guard/fence").write_text("7\n")
        (self.etc / "provisioned").write_text("# written by provisioning\norchestrator 0.2.0\nuser 68361f0e90bf\n")
        (self.etc / "inventory").write_text("# written by provisioning\napp shop\ninventory prod\njournal lb\n")
        guard = path / "usr/local/lib/orchestrator/shop/guard"
        guard.parent.mkdir(parents=True)
        guard.touch(0o755)

    def start(self, unit: str) -> str:
        """The id of a unit's start, as the fake systemctl prints it."""
        seconds, rest = divmod((self.units / unit).stat().st_mtime_ns, 10**9)
        return f"{seconds}.{rest:09d}"

    def look(self, path: str = f"{BIN}:{os.environ['PATH']}", user: str = "", main: str = "fpm") -> NodeState:
        text = Node().command(str(self.root), "shop", user, main).get_raw_value()
        for directory in ("/etc/orchestrator", "/usr/local/lib/orchestrator"):
            text = text.replace(directory, f"{self.path}{directory}")
        done = subprocess.run(
            ["/bin/sh", "-c", text], env={"PATH": path, "LC_ALL": "C", "HOST_ROOT": str(self.path)}, capture_output=True
        )
        assert done.stderr == b""
        return Node().process(done.stdout.decode(errors="replace").split("\n"))

    def stop(self, unit: str) -> None:
        (self.units / unit).unlink()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_look_at_a_node_starts_three_programs(place: Place, tmp_path: Path) -> None:
    (place.units / "shop-blue-fpm.service").write_text(f"0\n{os.getpid()}\n")
    (place.units / "shop-green-fpm.service").write_text("0\n1\n")
    path, started = counted(tmp_path / "bin", BIN)
    state = place.look(path, user="no-such-user")
    assert (state.live, state.release) == (Color.blue, {Color.blue: ID, Color.green: OTHER})
    assert state.filesystem == "ext2/ext3"
    assert state.rss_mb[Color.blue] > 1
    # the test itself starts the first shell, by its path; only root asks for the user
    user = ["id"] if os.geteuid() == 0 else []
    assert started() == [*user, "timeout", "sh", "find", "systemctl", "stat"]


def test_a_node_says_all_that_it_has(place: Place) -> None:
    assert place.look() == NodeState(
        provisioned=True,
        live=Color.blue,
        release={Color.blue: ID, Color.green: OTHER},
        started={Color.blue: ID, Color.green: OTHER},
        active={Color.blue: True, Color.green: True},
        releases=(ID, OTHER),
        disk_mb=ANY,
        inodes=ANY,
        memory_mb=ANY,
        rss_mb={Color.blue: 0, Color.green: 0},
        filesystem="ext2/ext3",
        fence=7,
        release_mb=2,
        release_inodes=20,
        digests={"orchestrator": "0.2.0", "user": "68361f0e90bf"},
        identity=Identity("shop", "", "prod", "lb", ""),
    )


def test_an_empty_host_has_nothing(place: Place) -> None:
    shutil.rmtree(place.path)
    place.path.mkdir()
    state = place.look()
    assert state == NodeState(
        provisioned=False,
        live=None,
        release={Color.blue: None, Color.green: None},
        started={Color.blue: None, Color.green: None},
        active={Color.blue: False, Color.green: False},
        releases=(),
        disk_mb=0,
        inodes=10**9,
        memory_mb=state.memory_mb,
        rss_mb={Color.blue: 0, Color.green: 0},
        filesystem="",
        fence=0,
    )


@pytest.mark.parametrize("missing", ["live", "blue/release", "green/release"])
def test_each_link_keeps_its_place_if_another_is_missing(place: Place, missing: str) -> None:
    (place.root / missing).unlink()
    state = place.look()
    found = {"live": state.live, "blue/release": state.release[Color.blue], "green/release": state.release[Color.green]}
    whole = {"live": Color.blue, "blue/release": ID, "green/release": OTHER}
    assert found == whole | {missing: None}
    # a directory is no link
    (place.root / missing).mkdir()
    assert place.look() == replace(state, disk_mb=ANY, inodes=ANY, memory_mb=ANY)


@pytest.mark.parametrize("missing", ["started", "invocation", "release/.release/size"])
def test_a_file_that_is_missing_is_not_the_other_color_s(place: Place, missing: str) -> None:
    (place.root / "green" / missing).unlink()
    state = place.look()
    assert state.started[Color.green] == (None if missing == "started" else OTHER)
    assert (state.release_mb, state.restarted) == (2, frozenset())


def test_a_color_that_something_else_has_restarted_is_cold(place: Place) -> None:
    # a start of the target alone is no start of PHP-FPM
    os.utime(place.units / "shop-blue.target", (1, 1))
    assert place.look().restarted == frozenset()
    os.utime(place.units / "shop-blue-fpm.service", (1, 1))
    assert place.look().restarted == {Color.blue}
    place.stop("shop-green-fpm.service")
    (place.root / "green/invocation").write_text(place.start("shop-green.target") + "\n")
    assert place.look(main="web").restarted == {Color.blue}
    place.stop("shop-green.target")
    assert place.look(main="web").restarted == {Color.blue, Color.green}
    assert place.look().active == {Color.blue: True, Color.green: False}


def test_a_garbled_record_of_the_start_makes_a_color_cold(place: Place) -> None:
    with (place.root / "blue/invocation").open("a") as file:
        file.write("more\n")
    assert place.look().restarted == {Color.blue}
    (place.root / "blue/invocation").write_text("\n")
    assert place.look().restarted == frozenset()


def test_without_an_answer_of_systemd_no_color_is_active(place: Place) -> None:
    (place.path / "broken").mkdir()
    (place.path / "broken/show").touch()
    state = place.look()
    assert state.active == {Color.blue: False, Color.green: False}
    assert state.restarted == {Color.blue, Color.green}


def test_the_memory_is_that_of_a_process_and_its_children(place: Place) -> None:
    words = ["sh", "-c", "sleep 60 & sleep 60 & echo begun; wait"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, process_group=0) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        (place.units / "shop-green-fpm.service").write_text(f"0\n{process.pid}\n")
        text = SCRIPT
        for directory in ("/etc/orchestrator", "/usr/local/lib/orchestrator"):
            text = text.replace(directory, f"{place.path}{directory}")
        found = []
        # the second script is on a kernel that does not say the children of a process
        for script in (text, text.replace("/children", "/none")):
            said = subprocess.run(
                ["sh", "-c", script, "node", str(place.root), "shop", "fpm"],
                env={"PATH": f"{BIN}:{os.environ['PATH']}", "HOST_ROOT": str(place.path)},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            found.append(int(pairs(said.splitlines())["green.rss_kb"]))
        alone = subprocess.run(["ps", "-o", "rss=", "-p", str(process.pid)], capture_output=True, text=True).stdout
        os.killpg(process.pid, signal.SIGKILL)
    assert found[0] == pytest.approx(found[1], rel=0.2)
    assert found[0] > int(alone) + 1000


def test_hostile_names_and_texts_stay_what_they_are(place: Place) -> None:
    (place.root / "releases" / "9\nlive=green").mkdir()
    (place.root / "releases" / "8\\nlive=green").mkdir()
    (place.root / "releases" / "7*").symlink_to("/none")
    (place.root / "releases" / ".2-hidden.part").mkdir()
    (place.root / "blue/started").write_bytes(b"$(id)\\c`id`\xff\x81 7\nlive=green\n")
    (place.etc / "provisioned").write_bytes(b"#a b\n c\nlive=green\nx y z\nkey \\n$(id)\nlast value")
    (place.root / "guard/fence").write_text("12\nlive=green\n")
    state = place.look()
    assert (state.live, state.fence) == (Color.blue, 12)
    assert state.releases == (ID, OTHER, "7*", "8\\nlive=green", "9", "live=green")
    assert state.started[Color.blue] == b"$(id)\\c`id`\xff\x81".decode(errors="replace")
    assert state.digests == {"key": "\\n$(id)", "last": "value"}


def test_marks_of_a_drain_and_of_a_shrunk_color_are_seen(place: Place) -> None:
    (place.root / "guard/drain").touch()
    (place.root / "green/shrunk").touch()
    state = place.look()
    assert state.draining
    assert state.shrunk == {Color.green}


def test_the_drain_of_a_join_is_no_drain_of_a_provisioning(place: Place) -> None:
    (place.root / "guard/drain").write_text("a join\n")
    assert not place.look().draining


def test_a_file_system_without_a_limit_of_inodes_has_enough(place: Place, tmp_path: Path) -> None:
    stat = tmp_path / "bin/stat"
    stat.parent.mkdir()
    stat.write_text("#!/bin/sh\necho '1000 4096 -1 UNKNOWN (0x5346414f)'\n")
    stat.chmod(0o755)
    state = place.look(f"{stat.parent}:{BIN}:{os.environ['PATH']}")
    assert (state.disk_mb, state.inodes) == (3, 10**9)
    assert state.filesystem == "UNKNOWN (0x5346414f)"
