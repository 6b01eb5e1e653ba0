"""Run the probe in a separate process, so that the parent's other work (gevent, SSH) does not delay requests.

The parent process communicates with the probe through pipes, and uses only ``select``, ``os.read`` and ``os.write`` for
this. These functions also work if gevent has patched the parent process.
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
from orchestrator.probe.variable import TOKEN

SLACK = 5.0
"""Seconds within which the probe must answer a request for a report.

To start, and to end, the probe has this time plus the longest time that one of its requests may take.
"""


class ProbeProcess:
    """A probe that runs as a child of this process.

    ``with ProbeProcess(urls) as probe: ...; probe.switch(release); ...; report = probe.stop()``

    The probe sends requests from `start` until `stop`. The probe runs in its own session, so that Ctrl-C at the
    terminal does not reach the probe. If this process dies, the probe ends. If the ``with`` block ends without a call
    of `stop`, the probe is killed.

    + urls: URLs of the servers that get the requests
    + paths: paths of GET requests, used in turn
    + rate: number of requests a second in total; None: as fast as answers come
    + connections: number of clients that send requests at once
    + timeout: longest time for one request, in seconds
    + token: secret that is sent in the header X-Probe-Token. Because of this header, the answers name release, color
      and node. Empty: no such header
    + host: name for the Host header and for TLS (SNI and certificate); None: each URL's host
    + ca: file of certificates to trust; None: the system's certificates
    + http2: True for HTTP/2, which needs https URLs; False for HTTP/1.1
    + mix: kinds of requests: ``keepalive``, ``fresh``, ``post`` or ``slow``. The first two suit every application
    + slow_seconds: number of seconds that the server is asked to wait before it answers a slow request
    + require_marker: whether an answer without the header X-Release is a failure
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
            *(f"--slow-seconds={slow_seconds}", "--until-eof", "--wait", "--json=-"),
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

    def launch(self) -> None:
        """Start the process of the probe, and return at once. The probe sends no request before `start`.

        The process needs 0.1 s of CPU time until it can send requests.
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

    def start(self) -> None:
        """Let the probe send requests, and wait until its first request has got an answer or failed.

        Raises ProbeError if the probe ends before that, or if the first request takes too long.
        """
        if self._process is None:
            self.launch()
        try:
            self._tell("begin")
            if self._line(self._patience) != "ready":
                raise ProbeError(f"the probe did not start on this machine: {self._last_words()}")
        except BaseException:
            self.kill()
            raise

    def mark(self, text: str) -> None:
        """Add a mark to the report: a remark with the present time.

        + text: the remark

        Raises ProbeError if the probe is not running.
        """
        self._tell(f"mark {text}")

    def switch(self, to: str) -> None:
        """Add a cutover to the report, with the present time. Call this method right BEFORE the traffic is shifted.

        + to: release that gets the traffic

        Raises ProbeError if the probe is not running.
        """
        self._tell(f"switch {to} {time.monotonic():.9f}")

    def pace(self, rate: float) -> None:
        """Change the number of requests a second. Requests that wait for their turn are sent at the new rate, too.

        + rate: number of requests a second in total

        Raises ProbeError if the probe is not running.
        """
        self._tell(f"rate {rate:.6f}")

    def peek(self) -> Report:
        """Return the report of the requests up to now. The probe continues.

        Raises ProbeError if the probe is not running, or if the probe gives no report in time.
        """
        self._tell("report")
        return self._report(SLACK)

    def stop(self) -> Report:
        """Stop sending requests, wait for requests in flight, end the probe, and return its report.

        Raises ProbeError if the probe is not running, or if the probe gives no report in time.
        """
        if self._process is None:
            raise ProbeError("the probe is not running")
        try:
            os.close(self._input)
            self._input = -1
            return self._report(self._patience)
        finally:
            self.kill(grace=1.0)

    def kill(self, grace: float = 0.0) -> None:
        """Wait for the probe to end. If the probe does not end in time, kill the probe.

        If the probe is not running, do nothing. If `stop` has not returned the report, the report is lost.

        + grace: longest time to wait, in seconds; 0: kill the probe at once
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
            raise ProbeError("the probe is not running")
        try:
            os.write(self._input, (" ".join(line.split("\n")) + "\n").encode())
        except OSError:
            raise ProbeError(f"the probe has ended: {self._last_words()}") from None

    def _line(self, seconds: float) -> str:
        """Return the next line of the probe's output. If the probe ends or prints no line in time, return "".

        + seconds: longest time to wait for the line, in seconds
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
    """Return the environment variables for the probe: the variables of this process, with two changes.

    The variable `TOKEN` has the probe token, so that no command line shows the token. PYTHONPATH begins with the
    directory that contains the package ``orchestrator``.

    + token: the probe token
    """
    root = str(Path(orchestrator.__file__).parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, TOKEN: token}
