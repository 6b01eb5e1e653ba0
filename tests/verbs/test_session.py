"""The command with which a run begins at each host: it refuses older runs, and reads the state of the host."""

from __future__ import annotations

import subprocess

import pytest
from pyinfra.api.command import QuoteString, StringCommand

from orchestrator.verbs.session import and_look, looked


def sh(script: str) -> StringCommand:
    return StringCommand("sh", "-c", QuoteString(script))


@pytest.mark.parametrize(
    ("close", "look", "found"),
    [
        ("echo run 1; echo ' x'", "echo a=b; echo c=d", (["run 1", " x", ""], ["a=b", "c=d"])),
        ("true", "printf a=b", ([""], ["a=b"])),
        ("true", "echo looked; echo", ([""], ["looked", ""])),
        ("echo run 1", "echo a=b; exit 4", (["run 1", ""], None)),
        ("echo run 1", "kill -9 $$", (["run 1", ""], None)),
    ],
)
def test_a_look_follows_the_refusal_of_older_runs(
    close: str, look: str, found: tuple[list[str], list[str] | None]
) -> None:
    command = and_look(sh(close), sh(look)).get_raw_value()
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert (done.returncode, looked(done.stdout.splitlines())) == (0, found)


def test_a_guard_that_refuses_ends_the_command() -> None:
    command = and_look(sh("echo fenced >&2; exit 75"), sh("echo a=b")).get_raw_value()
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (75, "", "fenced\n")
    assert looked([]) == ([], None)
