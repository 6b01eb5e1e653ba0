"""Run the probe in a separate process, so that the parent's other work (gevent, SSH) does not delay requests.

The parent talks to the probe only through pipes, ``select`` and ``os.read``, which also work in a process that gevent
has patched.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

import orchestrator
from orchestrator.errors import ProbeError
from orchestrator.probe.report import Report

TOKEN = "ORCHESTRATOR_PROBE_TOKEN"  # noqa: S105 (the name of a variable)
"""Name of the environment variable that holds the fleet's probe token."""
SLACK = 5.0
"""Seconds that the probe may take to start, to end and to report, in addition to the timeout of a request."""


class ProbeProcess:
    """A probe that runs as a child of this process.

    ``with ProbeProcess(urls) as probe: ...; probe.switch(release); ...; report = probe.stop()``

    The probe sends requests from `start` until `stop`. The probe runs in a separate session, so that Ctrl-C at the
    terminal does not reach it. If this process dies, the probe ends. If the ``with`` block ends without `stop`, the
    probe is killed.

    + rate: requests a second in total; None: as fast as answers come
    + timeout: seconds for one request
    + token: the fleet's probe token, passed in the environment, which other users of the machine cannot see
    + host: name for the Host header and for TLS (SNI and certificate); None: each URL's host
    + ca: file of certificates to trust, instead of the system's
    + http2: whether to speak HTTP/2 instead of HTTP/1.1; only for https URLs
    + mix: kinds of requests; ``keepalive`` and ``fresh`` suit every application
    + extra: more arguments, as in ``orchestrator probe --help``
    """

    def __init__(  # noqa: PLR0913 (an argument for each option of the command)
        self,
        urls: Sequence[str],
        paths: Sequence[str] = ("/",),
        rate: float | None = 20.0,
        connections: int = 4,
        timeout: float = 10.0,
        token: str = "",
        *,
        host: str | None = None,
        ca: str | None = None,
        http2: bool = False,
        mix: Sequence[str] = ("keepalive", "fresh"),
        slow_seconds: float = 2.0,
        require_marker: bool = False,
        extra: Sequence[str] = (),
    ) -> None:
        self._patience = timeout + (slow_seconds if "slow" in mix else 0.0) + SLACK
        self._token = token
        self._arguments = [
            *(f"--connections={connections}", f"--timeout={timeout}", f"--mix={','.join(mix)}"),
            *(f"--slow-seconds={slow_seconds}", "--until-eof", "--json=-"),
            f"--rate={'max' if rate is None else rate}",
            *([f"--host={host}"] if host is not None else []),
            *([f"--ca={ca}"] if ca is not None else []),
            *(["--http2"] if http2 else []),
            *(["--require-marker"] if require_marker else []),
            *extra,
            *("--paths", *paths, "--", *urls),
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._input = self._output = -1
        self._unread = b""

    @property
    def pid(self) -> int | None:
        """The process id of the probe; None before `start`, and after `stop` or `kill`."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the probe and wait until its first request has ended, with an answer or with a failure.

        Raises ProbeError if the probe ends early, or if the first request takes too long.
        """
        child_reads, self._input = os.pipe()
        self._output, child_writes = os.pipe()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in _forget)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "orchestrator.probe", *self._arguments],
                stdin=child_reads,
                stdout=child_writes,
                stderr=self._errors,
                env=_environment(self._token),
                start_new_session=True,
            )
        finally:
            os.close(child_reads)
            os.close(child_writes)
            if self._process is None:
                self._forget()
        try:
            if self._line(self._patience) != "ready":
                raise ProbeError(f"the probe did not start: {self._last_words()}")
        except BaseException:
            self.kill()
            raise

    def mark(self, text: str) -> None:
        """Record a mark (a remark) in the report, at the time when the probe reads this command.

        Raises ProbeError if the probe does not run.
        """
        self._tell(f"mark {text}")

    def switch(self, to: str) -> None:
        """Record a cutover in the report. Call this method right BEFORE the traffic is shifted.

        + to: release that gets the traffic

        Raises ProbeError if the probe does not run.
        """
        self._tell(f"switch {to} {time.monotonic():.9f}")

    def peek(self) -> Report:
        """Return the report of the requests up to now. The probe continues.

        Raises ProbeError if the probe does not run, or if it gives no report in time.
        """
        self._tell("report")
        return self._report(SLACK)

    def stop(self) -> Report:
        """Stop sending requests, wait for requests in flight, end the probe, and return its report.

        Raises ProbeError if the probe does not run, or if it gives no report in time.
        """
        if self._process is None:
            raise ProbeError("the probe does not run")
        try:
            os.close(self._input)
            self._input = -1
            return self._report(self._patience)
        finally:
            self.kill(grace=1.0)

    def kill(self, grace: float = 0.0) -> None:
        """Kill the probe if it does not end within ``grace``. A report that was not read before is lost.

        Does nothing if the probe was not started or was ended before.

        + grace: seconds to wait, before the kill, for the probe to end by itself
        """
        if self._process is None:
            return
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            self._process = None
            self._forget()

    def __enter__(self) -> ProbeProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _report(self, seconds: float) -> Report:
        line = self._line(seconds)
        try:
            return Report.from_json(json.loads(line))
        except (ValueError, KeyError, TypeError):
            said = f"it printed {line[:200]!r}" if line else self._last_words()
            raise ProbeError(f"the probe gave no report: {said}") from None

    def _tell(self, line: str) -> None:
        if self._process is None:
            raise ProbeError("the probe does not run")
        try:
            os.write(self._input, (" ".join(line.split("\n")) + "\n").encode())
        except OSError:
            raise ProbeError(f"the probe has ended: {self._last_words()}") from None

    def _line(self, seconds: float) -> str:
        """Return the next line of the probe's output; empty if the probe ended or printed no line in time.

        + seconds: how long to wait for the line
        """
        deadline = time.monotonic() + seconds
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._output], [], [], left)[0]:
                return ""
            data = os.read(self._output, 65536)
            if not data:
                return ""
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode("utf-8", "replace")

    def _last_words(self) -> str:
        if self._errors is None:
            return ""
        said = os.pread(
            self._errors.fileno(), 65536, 0
        )  # pread, because seek would also move the position at which the probe writes
        lines = said.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "the probe printed no error"

    def _forget(self) -> None:
        for fd in (self._input, self._output):
            if fd >= 0:
                os.close(fd)
        self._input = self._output = -1
        if self._errors is not None:
            self._errors.close()
        self._errors, self._unread = None, b""


def _environment(token: str) -> dict[str, str]:
    """Return the environment variables for the probe.

    They are the variables of this process, plus the token. PYTHONPATH begins with the directory that contains the
    package ``orchestrator``.
    """
    root = str(Path(orchestrator.__file__).parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, TOKEN: token}
