"""The units and programs of workers: root's program starts and stops exactly the processes that a run asks for."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Settings, load
from orchestrator.model import Color
from orchestrator.provision import render
from tests.stages.plans import BASE

SYSTEMCTL = """#!/bin/sh
echo "$@" >>"$CALLED"
[ "$1" != show ] || cat "$STATES"
"""


def settings(**worker: Any) -> Settings:
    return load(BASE | {"workers": [{"name": "queue", "command": "bin/queue"} | worker]})


class Program:
    """Runs root's program `workers` with a stand-in for systemctl."""

    def __init__(self, path: Path) -> None:
        self._path = path
        for name in ("bin", "units"):
            (path / name).mkdir()
        for unit in ("shop-blue-queue@", "shop-blue-mail@", "shop-blue-green-queue@", "shop-green-queue@"):
            (path / f"units/{unit}.service").touch()
        (path / "bin/systemctl").write_text(SYSTEMCTL)
        (path / "bin/systemctl").chmod(0o755)
        (path / "workers").write_text(render.worker_scripts(settings(), str(path / "units"))["workers"])
        self.states = ""

    def run(self, *words: str) -> tuple[int, list[str]]:
        """Return the exit status, and the commands of systemctl that change something."""
        called, states = self._path / "called", self._path / "states"
        called.write_text("")
        states.write_text(self.states)
        done = subprocess.run(
            ["sh", str(self._path / "workers"), *words],
            env={
                "PATH": f"{self._path / 'bin'}:{os.environ['PATH']}",
                "CALLED": str(called),
                "STATES": str(states),
            },
            capture_output=True,
            text=True,
        )
        changes = [line for line in called.read_text().splitlines() if not line.startswith(("show", "reset-failed"))]
        return done.returncode, changes

    def journal(self, lines: list[str]) -> None:
        """Let journalctl print these lines."""
        (self._path / "lines").write_text("".join(f"{line}\n" for line in lines))
        program = self._path / "bin/journalctl"
        program.write_text(f"#!/bin/sh\necho $* >'{self._path}/asked'\ncat '{self._path}/lines'\n")
        program.chmod(0o755)

    def asked(self) -> list[str]:
        """The words with which journalctl was started."""
        return (self._path / "asked").read_text().split()

    def said(self, *words: str) -> str:
        """Run the program, and return the line that it printed."""
        variables = {"PATH": f"{self._path / 'bin'}:{os.environ['PATH']}"}
        command = ["sh", str(self._path / "workers"), *words]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_missing_processes_start_with_free_numbers(program: Program) -> None:
    unit = "Id=shop-blue-queue@{}.service\nActiveState={}\n"
    states = {1: "deactivating", 2: "active", 4: "failed", 12: "inactive"}
    program.states = "\n".join(unit.format(number, state) for number, state in states.items())
    started = "start --no-block -- shop-blue-queue@3.service shop-blue-queue@4.service"
    assert program.run("start", "blue", "queue", "3") == (0, [started])
    assert program.run("start", "blue", "queue", "1") == (0, [])


def test_processes_that_are_too_many_are_told_to_end(program: Program) -> None:
    program.states = "\n".join(f"ActiveState=active\nId=shop-blue-queue@{number}.service\n" for number in (1, 2, 3))
    assert program.run("start", "blue", "queue", "1") == (
        0,
        ["stop --no-block -- shop-blue-queue@3.service shop-blue-queue@2.service"],
    )


def test_all_workers_of_a_color_are_told_to_end(program: Program) -> None:
    # `shop-blue-green-queue@` belongs to the application `shop-blue`
    told = "stop --no-block -- shop-blue-mail@*.service shop-blue-queue@*.service"
    assert program.run("stop", "blue") == (0, [told])


@pytest.mark.parametrize(
    "words",
    [
        *((), ("stop",), ("stop", "red"), ("stop", "blue", "queue"), ("restart", "blue", "queue", "1")),
        *(("start", "blue", "../x", "1"), ("start", "blue", "green-queue", "1"), ("start", "blue", "queue", "101")),
        *(("start", "blue", "queue", "1 2"), ("start", "blue", "queue", "-1"), ("said", "blue", "queue", "*")),
        *(("ended", "blue", "queue", "*"), ("ended", "blue", "queue"), ("ended", "blue", "../queue", "1")),
    ],
)
def test_other_words_change_nothing(program: Program, words: tuple[str, ...]) -> None:
    status, changes = program.run(*words)
    assert (status, changes) == (64, [])


EXITED = "Main process exited, code=exited, status=1/FAILURE"
KILLED = "Main process exited, code=killed, status=9/KILL"
CRASHED = "Main process exited, code=dumped, status=11/SEGV"
MEMORY = "A process of this unit has been killed by the OOM killer."


@pytest.mark.parametrize(
    ("journal", "word"),
    [
        ([], ""),
        ([EXITED], ""),
        ([KILLED], "signal"),
        ([CRASHED, EXITED], "signal"),
        ([MEMORY, KILLED], "oom-kill"),
    ],
)
def test_the_journal_tells_what_ended_a_process(program: Program, journal: list[str], word: str) -> None:
    program.journal(journal)
    assert program.said("ended", "blue", "queue", "2") == word
    assert "UNIT=shop-blue-queue@2.service" in program.asked()


def test_a_worker_without_a_unit_is_refused(program: Program) -> None:
    assert program.run("start", "blue", "other", "1") == (1, [])


def test_a_unit_has_the_limits_of_its_worker() -> None:
    made = settings(stop_signal="SIGQUIT", finish=90, over="kill", memory_mb=256, cpu=150, user="deploy")
    text = render.worker_units(made)["/etc/systemd/system/shop-green-queue@.service"]
    wanted = (
        *("User=deploy", "KillSignal=SIGQUIT", "KillMode=mixed", "TimeoutStopSec=90s", "MemoryMax=256M"),
        *("CPUQuota=150%", "SyslogIdentifier=shop-queue", "Restart=always"),
        "ExecStart=/usr/local/lib/orchestrator/shop/work green queue",
    )
    assert set(wanted) <= set(text.splitlines())
    plain = render.worker_units(settings())["/etc/systemd/system/shop-green-queue@.service"]
    assert {"User=shop-web", "KillSignal=SIGTERM", "TimeoutStopSec=infinity"} <= set(plain.splitlines())
    assert "Memory" not in plain
    assert "PartOf" not in plain


def test_no_unit_but_that_of_the_boot_is_started_by_systemd() -> None:
    units = render.worker_units(settings())
    assert len(units) == 2 * 1 + 1
    assert [path for path, text in units.items() if "WantedBy" in text] == ["/etc/systemd/system/shop-workers.service"]


def test_the_deploy_user_may_run_the_program_of_the_workers() -> None:
    rule = "deploy ALL=(root) NOPASSWD: /usr/local/lib/orchestrator/shop/workers"
    assert rule in render.node_sudoers(settings()).splitlines()
    without = load(BASE)
    assert rule not in render.node_sudoers(without).splitlines()
    # a release on the node may still have workers
    assert rule in render.node_sudoers(without, has_workers=True).splitlines()


@pytest.mark.parametrize("color", [*(color.value for color in Color), "none", None])
def test_a_boot_starts_the_workers_of_the_noted_color(tmp_path: Path, color: str | None) -> None:
    root, library = tmp_path / "srv/shop", tmp_path / "usr/local/lib/orchestrator/shop"
    for name, count in (("blue", "2"), ("green", "3")):
        stack = root / name / "release/.release/stack"
        stack.mkdir(parents=True)
        (stack / "worker-queue").write_text("bin/queue\n")
        (stack / "count-queue").write_text(f"{count}\n")
    (root / "guard").mkdir()
    if color:
        (root / "guard/workers").write_text(f"{color}\n")
    library.mkdir(parents=True)
    (library / "workers").write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/called\n')
    (library / "workers").chmod(0o755)
    text = render.worker_scripts(settings())["boot-workers"]
    moved = text.replace("/srv/", f"{tmp_path}/srv/").replace("/usr/local/", f"{tmp_path}/usr/local/")
    fakes = Path(__file__).parents[1] / "fakes/bin"
    done = subprocess.run(
        ["sh", "-c", moved], env={"PATH": f"{fakes}:{os.environ['PATH']}", "HOST_ROOT": str(tmp_path)}
    )
    assert done.returncode == 0
    called = tmp_path / "called"
    wanted = {"blue": "start blue queue 2\n", "green": "start green queue 3\n"}
    assert (called.read_text() if called.exists() else "") == wanted.get(color or "", "")
