"""Commands on the operator's machine."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from orchestrator.errors import TookTooLong

REST = 1.0
"""Seconds in which a killed command's output has to end."""


def run(
    command: str,
    seconds: float,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    together: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a shell command without a terminal; ended with all that it started if it takes too long.

    + seconds: it may take
    + environment: variables beside our own
    + together: errors and output in one, in their order

    Raises TookTooLong.
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
        # a group of its own, whose number is its
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
    """What a killed command had printed; nothing if somebody in a session of their own still holds its output."""
    try:
        return process.communicate(timeout=REST)[0]
    except subprocess.TimeoutExpired:
        # the pipes stay open: gevent's readers still wait at them
        return ""
