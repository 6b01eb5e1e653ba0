"""The units and programs of schedules: one timer a node, which belongs to no color, and a program that reads `live`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Settings, load
from orchestrator.provision import common, node, render
from orchestrator.provision.facts import ReleasedSchedules, Unit
from orchestrator.provision.node import Task
from tests.stages.plans import BASE

UNITS = "/etc/systemd/system"


def settings(**schedule: Any) -> Settings:
    return load(BASE | {"schedule": [{"name": "tick", "command": "bin/tick"} | schedule]})


def unit(made: Settings, name: str) -> list[str]:
    return render.schedule_units(made)[f"{UNITS}/{name}"].splitlines()


def test_a_schedule_has_one_timer_that_no_color_stops() -> None:
    made = settings()
    assert sorted(path.rpartition("/")[2] for path in render.schedule_units(made)) == [
        *("shop-schedule-tick.service", "shop-schedule-tick.timer", "shop-schedule.target")
    ]
    timer = unit(made, "shop-schedule-tick.timer")
    assert {"OnCalendar=minutely", "AccuracySec=1us", "PartOf=shop-schedule.target"} <= set(timer)
    assert {"Wants=shop-schedule-tick.timer", "WantedBy=multi-user.target"} <= set(unit(made, "shop-schedule.target"))
    service = unit(made, "shop-schedule-tick.service")
    assert {"Type=oneshot", "User=shop-web", "TimeoutStartSec=infinity", "StartLimitIntervalSec=0"} <= set(service)
    assert "ExecStart=/usr/local/lib/orchestrator/shop/tick tick one shop-web" in service
    assert not [line for line in (*timer, *service) if "blue" in line or "green" in line]


def test_the_units_follow_the_settings() -> None:
    made = settings(every="Mon..Fri 03:00", on="each", user="deploy", limit="90s")
    assert "OnCalendar=Mon..Fri 03:00" in unit(made, "shop-schedule-tick.timer")
    service = unit(made, "shop-schedule-tick.service")
    assert {"User=deploy", "TimeoutStartSec=90s"} <= set(service)
    assert "ExecStart=/usr/local/lib/orchestrator/shop/tick tick each" in service


def test_a_timer_stays_while_a_release_has_the_schedule() -> None:
    text = render.schedule_units(load(BASE), ["former"])
    assert list(text) == [f"{UNITS}/shop-schedule.target"]
    assert "Wants=shop-schedule-former.timer" in text[f"{UNITS}/shop-schedule.target"]
    assert render.schedule_units(load(BASE)) == {}


def test_a_former_schedule_is_found_by_its_timer(tmp_path: Path) -> None:
    stack, units = tmp_path / "releases/r1/.release/stack", tmp_path / "units"
    for path in (stack, units):
        path.mkdir(parents=True)
    for name in ("tick", "none", "Other"):
        (stack / f"schedule-{name}").touch()
    (stack / "service-ws").touch()
    (units / "shop-schedule-tick.timer").write_text(
        render.schedule_units(settings())[f"{UNITS}/shop-schedule-tick.timer"]
    )
    target = str(units / "shop-schedule.target")
    command = ReleasedSchedules().command(root=str(tmp_path), target=target).get_raw_value()
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert (ReleasedSchedules().process(done.stdout.splitlines()), done.stderr) == (["tick"], "")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
@pytest.mark.parametrize(
    ("every", "status"), [("minute", 0), ("*:0/5", 0), ("Mon..Fri 03:00", 0), ("every-day", 1), ("*/5 * * *", 1)]
)
def test_systemd_checks_the_times(tmp_path: Path, every: str, status: int) -> None:
    timer = tmp_path / "timer"
    timer.write_text(render.schedule_units(settings(every=every))[f"{UNITS}/shop-schedule-tick.timer"])
    check = f'sh -c {common.quoted_script("check-timer")} check-timer "$candidate"'
    done = subprocess.run(
        ["sh", "-c", check], env={**os.environ, "candidate": str(timer)}, capture_output=True, text=True
    )
    assert (done.returncode, bool(done.stderr)) == (status, bool(status)), done.stderr


@pytest.mark.parametrize(
    ("active", "enabled", "found"),
    [(True, True, []), (False, True, ["schedule"]), (True, False, ["schedule"])],
)
def test_provisioning_starts_the_timers(active: bool, enabled: bool, found: list[str]) -> None:
    units = {"shop-schedule.target": Unit(True, enabled, False), "shop-schedule-tick.timer": Unit(active, False, False)}
    made: list[Task] = node._ticks(settings(), node.Seen(units, {}))
    assert [task.kind for task in made] == found


class Node:
    """Runs the program `tick` in a directory that has the releases of both colors."""

    def __init__(self, path: Path) -> None:
        self.root, self.library = path / "srv/shop", path / "usr/local/lib/orchestrator/shop"
        self.record = path / "etc/orchestrator/shop/web_user"
        for directory in (self.root / "guard", self.library, self.record.parent, path / "run"):
            directory.mkdir(parents=True)
        for color, release in (("blue", "r1"), ("green", "r2")):
            stack = self.root / f"releases/{release}/.release/stack"
            stack.mkdir(parents=True)
            (stack / "schedule-tick").write_text("echo $RELEASE $COLOR $(basename $PWD)\n")
            (self.root / color).mkdir()
            (self.root / color / "release").symlink_to(f"../releases/{release}")
        (self.root / "live").symlink_to("blue")
        self._path = path
        for name, text in render.schedule_scripts(settings()).items():
            for place in ("/srv/", "/usr/local/", "/etc/"):
                text = text.replace(place, f"{path}{place}")
            (self.library / name).write_text(text)
            (self.library / name).chmod(0o755)

    def note(self, text: str) -> None:
        (self.root / "guard/schedule").write_text(text)

    def tick(self, on: str, *user: str, programs: str = os.environ["PATH"]) -> str:
        """Run the program `tick`, and return its output.

        + user: the web user, if the command runs as the web user
        + programs: the directories in which the program may find other programs
        """
        done = subprocess.run(
            ["/bin/sh", str(self.library / "tick"), "tick", on, *user],
            env={"PATH": programs, "RUNTIME_DIRECTORY": str(self._path / "run")},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.strip()


@pytest.fixture
def host(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.mark.parametrize(
    ("note", "one", "each"),
    [
        ("one 12 node1\n", True, True),
        ("each 12 node2\n", False, True),
        ("none 12 node2\n", False, False),
        # without a note, and with a note that a power cut emptied, no second node runs the single-node schedules
        (None, False, True),
        ("", False, True),
        ("garbled\n", False, False),
    ],
)
def test_a_tick_runs_what_the_note_says(host: Node, note: str | None, one: bool, each: bool) -> None:
    if note is not None:
        host.note(note)
    runs = "r1 blue r1"
    assert host.tick("one") == (runs if one else "")
    assert host.tick("each") == (runs if each else "")


def test_a_tick_runs_the_code_of_the_live_release(host: Node) -> None:
    host.note("one 12 node1\n")
    assert host.tick("one") == "r1 blue r1"
    (host.root / "live").unlink()
    # a barred node that is a switch has no link
    assert host.tick("one") == ""
    (host.root / "live").symlink_to("green")
    assert host.tick("one") == "r2 green r2"
    assert (host._path / "run/release").read_text() == "r2\n"
    (host.root / "releases/r2/.release/stack/schedule-tick").unlink()
    assert host.tick("one") == ""


@pytest.mark.parametrize(
    ("text", "runs"),
    [(None, True), ("shop-web\n", True), ("www-data\n", False), ("www-data shop-web\n", False), ("shop-web2\n", False)],
)
def test_a_tick_runs_only_on_files_of_its_user(host: Node, text: str | None, runs: bool) -> None:
    if text is not None:
        host.record.write_text(text)
    assert host.tick("each", "shop-web") == ("r1 blue r1" if runs else "")
    # a command of the deploy user runs, unless the files get another owner now
    assert host.tick("each") == ("" if text and " " in text else "r1 blue r1")


def test_a_tick_starts_no_program_but_its_command(host: Node, tmp_path: Path) -> None:
    # otherwise a busy node begins the command late
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sh").symlink_to("/bin/sh")
    host.record.write_text("shop-web\n")
    (host.root / "releases/r1/.release/stack/schedule-tick").write_text('/bin/echo  "$RELEASE  $COLOR" \\\\\n')
    assert host.tick("each", "shop-web", programs=str(tmp_path / "bin")) == "r1  blue \\"


@pytest.mark.parametrize(
    "command", ["echo a && echo b", "echo a; echo b", "false || { echo a; echo b; }", "A=b; echo a; echo $A"]
)
def test_a_schedule_runs_every_part_of_its_command(host: Node, command: str) -> None:
    host.note("one 12 node1\n")
    (host.root / "releases/r1/.release/stack/schedule-tick").write_text(f"{command}\n")
    assert host.tick("one").split() == ["a", "b"]
