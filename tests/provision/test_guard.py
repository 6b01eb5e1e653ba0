"""The guard, run as installed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.provision import render

GUARD = str(render.TEMPLATES / "guard")


def guard(
    directory: Path, fence: object, seconds: object, *command: str, wait: str = "20", preempt: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", GUARD, str(directory), str(fence), str(seconds), *command],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "GUARD_WAIT": wait, "GUARD_PREEMPT": preempt},
        timeout=90,
    )


def test_the_first_run_stores_its_fence(tmp_path: Path) -> None:
    done = guard(tmp_path, 7, 5, "echo", "two words")
    assert (done.returncode, done.stdout) == (0, "two words\n")
    assert (tmp_path / "fence").read_text() == "7\n"


def test_an_older_run_is_refused_and_does_nothing(tmp_path: Path) -> None:
    guard(tmp_path, 7, 5, "true")
    done = guard(tmp_path, 6, 5, "touch", str(tmp_path / "made"))
    assert done.returncode == 75
    assert done.stderr == "fenced: run 6 is older than run 7\n"
    assert not (tmp_path / "made").exists()
    assert (tmp_path / "fence").read_text() == "7\n"


def test_the_same_and_a_newer_run_go_on(tmp_path: Path) -> None:
    assert guard(tmp_path, 7, 5, "true").returncode == 0
    assert guard(tmp_path, 7, 5, "true").returncode == 0
    assert guard(tmp_path, 10, 5, "true").returncode == 0
    assert (tmp_path / "fence").read_text() == "10\n"


def test_the_commands_status_and_output_are_passed_on(tmp_path: Path) -> None:
    done = guard(tmp_path, 1, 5, "sh", "-c", "echo out; echo err >&2; exit 42")
    assert (done.returncode, done.stdout, done.stderr) == (42, "out\n", "err\n")


def test_the_command_reads_standard_input(tmp_path: Path) -> None:
    done = subprocess.run(["sh", GUARD, str(tmp_path), "1", "5", "cat"], input="text", capture_output=True, text=True)
    assert done.stdout == "text"


def test_a_command_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    # the command itself ends after a minute, and with another status
    assert guard(tmp_path, 1, 0.3, "sh", "-c", "trap '' TERM; sleep 60").returncode == 137


@contextmanager
def holding(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """A command of run 1 holds the lock, until it is told to go."""
    script = "echo begun; until [ -e go ]; do sleep 0.02; done"
    with subprocess.Popen(
        ["sh", GUARD, str(directory), "1", "60", "sh", "-c", script], cwd=directory, stdout=subprocess.PIPE, text=True
    ) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == "begun\n"
        try:
            yield held
        finally:
            (directory / "go").touch()


def test_one_command_at_a_time(tmp_path: Path) -> None:
    with holding(tmp_path):
        done = guard(tmp_path, 1, 5, "true", wait="0.1")
        assert done.returncode == 73
        assert "locked" in done.stderr
    assert guard(tmp_path, 1, 5, "true").returncode == 0


def test_the_command_holds_the_lock_after_its_guard_died(tmp_path: Path) -> None:
    with holding(tmp_path) as first:
        first.kill()
        first.wait()
        assert guard(tmp_path, 1, 5, "true", wait="0.1").returncode == 73
    assert guard(tmp_path, 1, 5, "true").returncode == 0


# the guard adds its own lines to the script of `sh -c`, and starts a shell of its own before any other command
SHELLS = pytest.mark.parametrize("shell", ["sh", "/bin/sh"])


@SHELLS
def test_a_background_process_does_not_hold_the_lock(tmp_path: Path, shell: str) -> None:
    assert guard(tmp_path, 1, 5, shell, "-c", "setsid sleep 30 >/dev/null 2>&1 &").returncode == 0
    assert guard(tmp_path, 1, 5, "true", wait="0.1").returncode == 0


@SHELLS
def test_a_script_gets_its_name_and_its_arguments(tmp_path: Path, shell: str) -> None:
    done = guard(
        tmp_path, 1, 5, shell, "-c", '# lists\nfor word in "$0" "$@"; do echo "<$word>"; done', "me", "a b", ""
    )
    assert (done.returncode, done.stdout) == (0, "<me>\n<a b>\n<>\n")
    assert guard(tmp_path, 1, 5, shell, "-c").returncode == guard(tmp_path, 1, 5, shell, "-x", "-c").returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [[], ["1"], ["1", "5"], ["x", "5", "true"], ["-1", "5", "true"], ["1", "5s", "true"], ["", "5", "true"]],
)
def test_bad_usage(tmp_path: Path, arguments: list[str]) -> None:
    done = subprocess.run(["sh", GUARD, str(tmp_path), *arguments], capture_output=True)
    assert done.returncode == 64
    assert not (tmp_path / "fence").exists()


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    assert guard(tmp_path / "none", 1, 5, "true").returncode not in (0, 75)


@pytest.fixture(params=["sh", "/bin/sh"])
def holder(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A command of run 7 that holds the lock for a minute and has a child process."""
    held = subprocess.Popen(
        ["sh", GUARD, str(tmp_path), "7", "60", request.param, "-c", "echo begun; sleep 60; touch survived"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert held.stdout is not None
    assert held.stdout.readline() == "begun\n"
    yield held
    held.kill()
    held.wait()
    held.stdout.close()


@pytest.mark.parametrize("fence", [7, 8])
def test_an_undo_ends_the_command_that_holds_the_lock(
    tmp_path: Path, holder: subprocess.Popen[str], fence: int
) -> None:
    done = guard(tmp_path, fence, 5, "echo", "mine", preempt="1")
    assert (done.returncode, done.stdout) == (0, "mine\n")
    assert holder.wait(60) == 137


def test_an_undo_of_an_older_run_ends_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    done = guard(tmp_path, 6, 5, "echo", "mine", preempt="1")
    assert (done.returncode, done.stdout) == (75, "")
    assert holder.poll() is None
