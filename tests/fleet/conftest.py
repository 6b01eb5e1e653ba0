"""One docker fleet for all tests of this folder. pytest-docker starts and ends it; docker/fleet.py does the rest."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import fleet as tool
import fleet_tools
import pytest

ROOT = Path(__file__).resolve().parents[2]
PYINFRA = Path(sys.executable).with_name("pyinfra")


@dataclass(frozen=True)
class Fleet:
    """A running fleet, as tests use it."""

    project: str
    dir: Path
    known: dict[str, Any]
    """fleet.json"""
    variables: dict[str, str]
    """The shell variables of the fleet's env file."""

    @property
    def nodes(self) -> list[dict[str, Any]]:
        return list(self.known["nodes"])

    @property
    def haproxy_url(self) -> str:
        return str(self.known["balancers"]["haproxy"][0]["url"])

    @property
    def nginx_url(self) -> str:
        return str(self.known["balancers"]["nginx"][0]["url"])

    @property
    def env(self) -> dict[str, str]:
        """The environment of a command that works on this fleet."""
        return {**os.environ, "FLEET_DIR": str(self.dir)}

    @property
    def servers(self) -> list[str]:
        return [server["name"] for server in self.known["layout"]["servers"]]

    def port(self, host: str, name: str = "ssh") -> int:
        """A published port of a server: ssh, live, blue, green, http."""
        server = next(s for s in self.known["layout"]["servers"] if s["name"] == host)
        return int(server["ports"][name])

    def ssh(
        self, host: str, command: str, user: str = "root", *options: str, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """A command on a server, over SSH, with strict host keys."""
        login = [*options, *tool.ssh_options(self.dir), "-p", str(self.port(host)), f"{user}@127.0.0.1"]
        return subprocess.run(
            ["ssh", *login, command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
        )

    def exec(self, host: str, command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """A command on a server as root, not over SSH: it also works while SSH is broken."""
        return self.docker("exec", self.container(host), "sh", "-c", command, check=False, timeout=timeout)

    def docker(self, *words: str, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=check,
            timeout=timeout,
        )

    def container(self, host: str) -> str:
        return str(tool.container(self.project, host))

    def restart(self, host: str) -> None:
        """Kill a server as a power cut would, start it again, and wait until it answers."""
        self.docker("kill", self.container(host), check=False)
        self.start(host)

    def start(self, host: str) -> None:
        self.docker("start", self.container(host))
        tool.wait(tool.load(self.dir), host)

    def disconnect(self, host: str) -> None:
        """Pull the network cable."""
        self.docker("network", "disconnect", f"{self.project}_fleet", self.container(host))

    def connect(self, host: str) -> None:
        """Plug it in again, with the address of before."""
        server = next(s for s in self.known["layout"]["servers"] if s["name"] == host)
        cable = ["--ip", server["address"], "--alias", host, f"{self.project}_fleet"]
        self.docker("network", "connect", *cable, self.container(host))

    def pyinfra(self, *words: str, timeout: float = 300, **variables: str) -> subprocess.CompletedProcess[str]:
        """``pyinfra inventory/fleet.py ...`` on this fleet, without a terminal."""
        return subprocess.run(
            [str(PYINFRA), "inventory/fleet.py", *words],
            cwd=ROOT,
            env=self.env | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )


class Alone:
    """One process at a time starts a fleet. The kernel gives the lock back if that process dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        self._file = self._path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


@pytest.fixture(scope="session")
def alone() -> Alone:
    return Alone(Path(tempfile.gettempdir()) / "orchestrator-fleet-tests.lock")


@pytest.fixture(scope="session")
def docker_compose_command() -> str:
    fleet_tools.ensure_tools()
    return " ".join(fleet_tools.compose())


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    return f"orchtest-{os.getpid()}"


@pytest.fixture(scope="session")
def prepared(
    alone: Alone,
    docker_compose_command: str,
    docker_compose_project_name: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tool.Fleet]:
    """The fleet's keys and compose file. It carries our process id: if we are killed, the next run removes it."""
    directory = tmp_path_factory.mktemp("fleet")
    # tests run in two processes: images are built once, and ports and networks chosen one after the other
    alone.acquire()
    try:
        tool.sweep()
        yield tool.prepare(directory, 3, docker_compose_project_name, tool.process(os.getpid()))
    finally:
        alone.release()
    tool.down(directory, docker_compose_project_name)


@pytest.fixture(scope="session")
def docker_compose_file(prepared: tool.Fleet) -> str:
    return str(prepared.compose_file)


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    return ["up -d"]


@pytest.fixture(scope="session")
def docker_cleanup() -> list[str]:
    return ["down -v -t 0"]


@pytest.fixture(scope="session")
def bare_fleet(alone: Alone, prepared: tool.Fleet, docker_services: Any) -> Fleet:
    """Three nodes, two balancers and the origin, as they are before provisioning."""
    tool.finish(prepared)
    alone.release()
    known = json.loads((prepared.directory / "fleet.json").read_text())
    return Fleet(prepared.project, prepared.directory, known, tool.variables(prepared))


@pytest.fixture(scope="session")
def fleet(bare_fleet: Fleet) -> Fleet:
    """The fleet, provisioned."""
    done = bare_fleet.pyinfra("deploys/provision.py", "-y")
    assert done.returncode == 0, done.stdout + done.stderr
    return bare_fleet


@pytest.fixture
def broken(fleet: Fleet) -> Iterator[Callable[[str, str, str], None]]:
    """``broken(host, break it, mend it)``: breaks a server now, and mends it at the test's end."""
    mends: list[tuple[str, str]] = []

    def break_it(host: str, command: str, mend: str) -> None:
        mends.append((host, mend))
        done = fleet.exec(host, command)
        assert done.returncode == 0, done.stderr

    yield break_it
    for host, mend in reversed(mends):
        done = fleet.exec(host, mend)
        assert done.returncode == 0, done.stderr
