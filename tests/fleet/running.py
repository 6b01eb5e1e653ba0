"""A running fleet, as tests use it."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import fleet as tool

from tests.fleet import commands
from tests.fleet.inside import Containers

ROOT = Path(__file__).resolve().parents[2]
PYINFRA = Path(sys.executable).with_name("pyinfra")

Shape = Mapping[str, str]
"""Environment of inventory/fleet.py with which the fleet is provisioned; empty: the fleet's own settings."""


@dataclass(frozen=True)
class Fleet:
    """The servers of a fleet: how they are reached, broken and mended."""

    project: str
    dir: Path
    known: dict[str, Any]
    """The content of fleet.json."""
    variables: dict[str, str]
    """The shell variables of the fleet's env file."""
    containers: Containers = field(default_factory=Containers)

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
        """The environment for commands on this fleet."""
        return {**os.environ, "FLEET_DIR": str(self.dir)}

    @property
    def servers(self) -> list[str]:
        return [server["name"] for server in self.known["layout"]["servers"]]

    def port(self, host: str, name: str = "ssh") -> int:
        """A published port of a server: ssh, live, blue, green, http, https, second."""
        server = next(s for s in self.known["layout"]["servers"] if s["name"] == host)
        return int(server["ports"][name])

    def ssh(
        self, host: str, command: str, user: str = "root", *options: str, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a server over SSH, with strict host keys."""
        login = [*options, *tool.ssh_options(self.dir), "-p", str(self.port(host)), f"{user}@127.0.0.1"]
        return subprocess.run(
            ["ssh", *login, command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
        )

    def exec(self, host: str, command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command on a server as root, without SSH, which a test may have broken."""
        return subprocess.run(
            self.containers.command(self.container(host), command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

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
        return _container(self.project, host)

    def restart(self, host: str) -> None:
        """Kill a server as a power cut would, start it again, and wait until it answers."""
        self.docker("kill", self.container(host), check=False)
        self.start(host)

    def start(self, host: str) -> None:
        self.docker("start", self.container(host))
        tool.wait(tool.load(self.dir), host)

    def disconnect(self, host: str) -> None:
        """Disconnect a server from the network."""
        self.docker("network", "disconnect", f"{self.project}_fleet", self.container(host))

    def connect(self, host: str) -> None:
        """Connect a server again, with its former address."""
        server = next(s for s in self.known["layout"]["servers"] if s["name"] == host)
        cable = ["--ip", server["address"], "--alias", host, f"{self.project}_fleet"]
        self.docker("network", "connect", *cable, self.container(host))

    def pyinfra(
        self,
        *words: str,
        timeout: float = 300,
        environment: Mapping[str, str] | None = None,
        root: Path = ROOT,
        **variables: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``pyinfra inventory/fleet.py ...`` on this fleet, without a terminal.

        + root: directory of the repository's files
        """
        command = [str(PYINFRA), "inventory/fleet.py", *words]
        whole = {**self.env, **(environment or {}), **variables}
        if root == ROOT:
            return commands.run(command, directory=root, environment=whole, timeout=timeout)
        # the fork server has imported the modules of this repository
        return subprocess.run(
            command, cwd=root, env=whole, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
        )


@functools.cache
def _container(project: str, host: str) -> str:
    """The name of a container. A replaced server has the same name."""
    return tool.container(project, host)


class Provisioning:
    """The shape in which the fleet was last provisioned. It is provisioned again only for another shape."""

    def __init__(self, prepared: tool.Fleet, fleet: Fleet) -> None:
        self._prepared, self._fleet = prepared, fleet
        self._shape: Shape | None = None

    def ensure(self, shape: Shape) -> None:
        """Provision the fleet in this shape, unless it has the shape already."""
        if self._shape == shape:
            return
        self._shape = None
        done = self._fleet.pyinfra("deploys/provision.py", "-y", environment=shape)
        assert done.returncode == 0, done.stdout + done.stderr
        self._shape = shape

    def became(self, shape: Shape | None) -> None:
        """Note that a test has provisioned the fleet in this shape, or in a shape that no other test needs (None)."""
        self._shape = shape

    def start_again(self) -> None:
        """Replace all servers by new ones, with the same addresses, ports and keys."""
        self._shape = None
        tool.renew(self._prepared, self._fleet.servers)
        tool.finish(self._prepared)


class Alone:
    """A lock under which one process at a time starts a fleet. The kernel releases it if that process dies."""

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


@contextmanager
def separate(
    alone: Alone, directory: Path, name: str, nodes: int, *, apps: Sequence[str] = (), mariadb: bool = False
) -> Iterator[Fleet]:
    """Start a fleet for one test, as it is before provisioning, and remove the fleet afterwards.

    + directory: a directory for the files of the fleet, which does not exist
    + name: the beginning of the name of its project
    + nodes: number of nodes
    + apps: names of the applications in docker/apps that get a repository on the origin
    + mariadb: whether the fleet has a database server
    """
    project = f"{name}-{os.getpid()}"
    alone.acquire()
    try:
        tool.sweep()
        prepared = tool.prepare(directory, nodes, project, tool.process(os.getpid()), apps=apps, mariadb=mariadb)
        tool.start(prepared)
    finally:
        alone.release()
    try:
        tool.finish(prepared)
        known = json.loads((directory / "fleet.json").read_text())
        yield Fleet(project, directory, known, tool.variables(prepared))
    finally:
        tool.down(directory, project)
