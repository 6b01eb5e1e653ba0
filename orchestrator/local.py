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
"""After a command was killed, its last output is read for at most this number of seconds."""


def run(
    command: str,
    seconds: float,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    together: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a shell command without a terminal, and return its exit status and output.

    If the command takes too long, or if the run is interrupted, this function kills the command and all processes that
    the command started.

    + seconds: time limit of the command
    + directory: directory in which the command runs; None for the current directory
    + environment: name -> value of variables, in addition to the variables of this process
    + together: whether standard error is merged into standard output, in the order of writing

    Raises TookTooLong at the time limit. If the command fails, nothing is raised: the result has the exit status.
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
        # this makes a process group, so that killpg below also reaches the processes that the command started
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
    """Return the output that a killed command had printed.

    If another process still has the output open after REST seconds, return an empty string.
    """
    try:
        return process.communicate(timeout=REST)[0]
    except subprocess.TimeoutExpired:
        # leave the pipes open, since gevent's readers still wait for them
        return ""
