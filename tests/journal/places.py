"""The places that can hold a store. Each place creates stores, as separate processes do, and moves its own clock."""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import boto3
import pytest
from botocore.config import Config
from moto.s3.responses import S3Response
from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.errors import CommandFailed, OrchestratorError, Silent
from orchestrator.journal import s3
from orchestrator.journal.channel import Line
from orchestrator.journal.host import KEPT, HostStore
from orchestrator.journal.store import Owner, Store


def somebody(name: str = "ann") -> Owner:
    """An owner of this name; the token is made from the name."""
    return Owner(f"{name}@laptop", 4711, "release", "2026-01-02T03:04:05Z", f"token-of-{name}")


class Place(Protocol):
    def store(self) -> Store:
        """A new store, as another process would open it."""

    def pass_time(self, seconds: float) -> None:
        """Move the place's clock forward, and no other clock."""


class HostPlace:
    """A directory of this machine."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def store(self, kept: int = KEPT) -> HostStore:
        return HostStore(self._shell, str(self.directory), kept)

    @property
    def files(self) -> dict[str, str]:
        """The content of each file of the store: of the lock, only the lines that name the holder."""
        found = {
            str(path.relative_to(self.directory)): path.read_text(errors="surrogateescape")
            for path in self.directory.rglob("*")
            if path.is_file()
        }
        return found | {"lock": "\n".join(found["lock"].split("\n")[:2])} if "lock" in found else found

    def pass_time(self, seconds: float) -> None:
        # the third line has the uptime of the last renewal
        lock = self.directory / "lock"
        first, second, third = lock.read_text().splitlines()
        boot, uptime, at = third.split()
        changed = lock.stat().st_mtime
        lock.write_text(f"{first}\n{second}\n{boot} {float(uptime) - seconds:.2f} {at}\n")
        os.utime(lock, (changed, changed))

    def set_clock(self, seconds: float) -> None:
        """Set the clock of this machine forward or back, as all later commands see it."""
        lock = self.directory / "lock"
        changed = lock.stat().st_mtime - seconds
        os.utime(lock, (changed, changed))

    @staticmethod
    def _shell(command: StringCommand, text: str) -> list[str]:
        done = subprocess.run(
            ["sh", "-c", command.get_raw_value()], input=text, capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


class Process:
    """A program on this machine, in place of a program on a host that is reached by SSH.

    + broken: whether the connection is broken
    """

    def __init__(self, command: StringCommand, patience: float) -> None:
        self._patience = patience
        self._rest = b""
        self.broken = False
        # a session of its own, so that a test can kill or stop the script with all its processes
        self.process = subprocess.Popen(
            ["sh", "-c", command.get_raw_value()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )

    @property
    def ended(self) -> bool:
        return self.broken or self.process.poll() is not None

    def send(self, text: str) -> None:
        assert self.process.stdin is not None
        left = text.encode()
        os.set_blocking(self.process.stdin.fileno(), False)
        while left:
            if not select.select([], [self.process.stdin], [], self._patience)[1]:
                raise Silent("took too long")
            try:
                left = left[os.write(self.process.stdin.fileno(), left[:4096]) :]
            except OSError as error:
                raise Silent(str(error)) from None

    def line(self) -> str:
        assert self.process.stdout is not None
        while b"\n" not in self._rest:
            if self.broken:
                raise Silent("stopped answering")
            if not select.select([self.process.stdout], [], [], self._patience)[0]:
                raise Silent("took too long")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise CommandFailed
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()

    @property
    def pids(self) -> list[int]:
        """The script, and all processes that it has started."""
        found = subprocess.run(["pgrep", "-s", str(self.process.pid)], capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split()]

    def end(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the script, and to all processes that it has started."""
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


class ChannelPlace(HostPlace):
    """A directory of this machine. Each store opens a channel to it.

    + processes: the programs of all channels that were opened
    + patience: the deadline of a request
    + commands: the verbs for which a command of its own was started
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.processes: list[Process] = []
        self.patience = 30.0
        self.commands: list[str] = []

    @override
    def store(self, kept: int = KEPT) -> HostStore:
        return HostStore(self._noted_shell, str(self.directory), kept, Line(self._open, self._ask))

    def close(self) -> None:
        """End all programs."""
        for one in self.processes:
            one.end()
            one.close()
            one.process.wait()

    def _open(self, command: StringCommand) -> Process:
        self.processes.append(Process(command, self.patience))
        return self.processes[-1]

    def _ask(self, act: Callable[[], list[str]]) -> list[str]:
        try:
            return act()
        except CommandFailed as failure:
            raise OrchestratorError(str(failure) or "failed without any output") from failure
        except Silent as failure:
            raise OrchestratorError(str(failure)) from failure

    def _noted_shell(self, command: StringCommand, text: str) -> list[str]:
        self.commands.append(shlex.split(command.get_raw_value())[8])
        return self._shell(command, text)


Fault = Callable[[Callable[[], Any]], Any]
"""Stands before a request: gets what answers it, and answers."""


@cache
def client() -> Any:
    """A client, made once for all tests: making one takes longer than a test."""
    return boto3.Session("id", "secret", region_name="us-east-1").client("s3", config=Config(**s3.CLIENT_SETTINGS))


class S3Place:
    """A bucket in moto, with what moto lacks: a Date, one request at a time, and faults."""

    BUCKET = "journals"

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[str] = []
        self.faults: dict[str, list[Fault]] = {"get": [], "put": []}
        self._ahead = timedelta()
        self._written: dict[str, datetime] = {}
        self._busy = threading.Lock()
        self.client = client()
        self.client.create_bucket(Bucket=self.BUCKET)
        # the client's wait between two tries
        monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
        put, get = S3Response.put_object, S3Response.get_object

        def put_object(response: S3Response) -> Any:
            def answer() -> Any:
                with self._busy:
                    answered = put(response)
                    self._written[response.parse_key_name()] = self._now()
                    return answered

            return self._answer("put", answer)

        def get_object(response: S3Response) -> Any:
            def answer() -> Any:
                # moto closes an object that is replaced, even while it is being read
                with self._busy:
                    return get(response)

            status, headers, body = self._answer("get", answer)
            clock = {"date": self._now(), "last-modified": self._written[response.parse_key_name()]}
            return status, headers | {name: format_datetime(at, usegmt=True) for name, at in clock.items()}, body

        monkeypatch.setattr(S3Response, "put_object", put_object)
        monkeypatch.setattr(S3Response, "get_object", get_object)

    def store(self) -> s3.S3Store:
        return s3.S3Store(lambda: self.client, self.BUCKET, "shop/prod")

    def pass_time(self, seconds: float) -> None:
        # everything written from now on is younger by that time
        self._ahead += timedelta(seconds=seconds)

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def _answer(self, method: str, answer: Callable[[], Any]) -> Any:
        self.requests.append(method)
        fault = self.faults[method].pop(0) if self.faults[method] else None
        return fault(answer) if fault else answer()

    def text(self, key: str) -> str:
        return str(self.client.get_object(Bucket=self.BUCKET, Key=f"shop/prod/{key}")["Body"].read().decode())

    def write(self, key: str, text: str) -> None:
        self.client.put_object(Bucket=self.BUCKET, Key=f"shop/prod/{key}", Body=text.encode())

    def names(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.BUCKET).get("Contents", [])
        return [item["Key"].removeprefix("shop/prod/") for item in found]
