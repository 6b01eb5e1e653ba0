"""Run commands on the operator's machine."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from orchestrator.errors import TookTooLong

REST = 1.0
"""Seconds to wait for the end of a killed command's output."""


def run(
    command: str,
    seconds: float,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    together: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a shell command without a terminal. If it takes too long, kill it with all processes that it started.

    + seconds: how long the command may take
    + directory: where it runs; None: the current directory
    + environment: variables in addition to those of this process
    + together: whether standard error goes into standard output, in the order of writing

    Raises TookTooLong. A command that fails raises nothing: its exit status is in the result.
    """
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=directory,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if together else subprocess.PIPE,
        text=True,
        errors="replace",
        # a separate process group, whose id is the id of the process
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=seconds)
    except BaseException as reason:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        out = _rest(process)
        if isinstance(reason, subprocess.TimeoutExpired):
            raise TookTooLong(f"`{command}` took longer than {seconds:g} s", out.splitlines()) from None
        raise
    return subprocess.CompletedProcess(command, process.returncode, out, err or "")


def _rest(process: subprocess.Popen[str]) -> str:
    """What a killed command had printed; empty if a process in another session still holds its output open."""
    try:
        return process.communicate(timeout=REST)[0]
    except subprocess.TimeoutExpired:
        # the pipes stay open, since gevent's readers still wait for them
        return ""
