"""Read which TCP ports of a host are in use, in one round trip: what listens, and what configuration files name."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from orchestrator.layout import NodeLayout
from orchestrator.model import Color
from orchestrator.provision.bind import Bind, of_haproxy, of_socket
from orchestrator.provision.nginx_servers import servers
from orchestrator.scripts.command import script
from orchestrator.scripts.files import read

SECONDS = 60
"""Seconds that the script may take. nginx may have to resolve host names that its configuration has."""

HAPROXY, NGINX = "haproxy.service", "nginx.service"

NAMES_PORTS = re.compile(r"(?P<path>.+?):\s*(?:bind|stats\s+socket)\s+(?P<rest>.*)")
SERVES = re.compile(r"(?P<path>.+?):ExecStart=.*/(?P<app>[^/]+)/serve (?P<color>blue|green) \S+(?: (?P<port>\d+))?\s*")
SERVICE_ADDRESS = "127.0.0.1"
"""The address on which the service of an application listens."""


@dataclass(frozen=True)
class Process:
    """A process that listens.

    + name: name of the program
    + unit: systemd unit of the process; empty if unknown
    + owner: for a service of an application, the target of the service's color; otherwise the same as ``unit``
    """

    name: str
    unit: str
    owner: str


@dataclass(frozen=True)
class Listener:
    """A listening socket.

    + processes: the processes that have the socket; empty if the kernel hides them (in a container that must not trace)
    """

    bind: Bind
    processes: tuple[Process, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A port that a configuration file names, whether the program listens at present or not.

    + path: the file
    + owner: systemd unit that listens because of the file; for a service of an application, the target of its color
    + shared: only for nginx: whether the file's server gets only the requests for its own names, so that another server
      can be the default server of the port
    """

    path: str
    bind: Bind
    owner: str
    shared: bool = False


@dataclass(frozen=True)
class InUse:
    """The TCP ports that are in use on a host.

    + welcome: path of nginx's welcome page, if this page is as the distribution installed it; otherwise empty
    """

    listeners: tuple[Listener, ...] = ()
    claims: tuple[Claim, ...] = ()
    welcome: str = ""


def parse(output: Sequence[str]) -> InUse:
    """Return what the script in_use.sh printed. Lines that cannot be read are left out. Pure."""
    said: dict[str, list[str]] = {}
    for line in output:
        word, _, rest = line.partition(" ")
        said.setdefault(word, []).append(rest)
    services = [found for line in said.get("service", ()) if (found := SERVES.fullmatch(line))]
    targets = {found["path"].rpartition("/")[2]: _target(found) for found in services}
    claims = [
        *_haproxy(said.get("haproxy", ())),
        *(
            Claim(server.path, bind, NGINX, shared)
            for server in servers(said.get("nginx", ()))
            for bind, shared in server.binds()
        ),
        *(
            Claim(found["path"], Bind(SERVICE_ADDRESS, int(found["port"]), int(found["port"])), _target(found))
            for found in services
            if found["port"]
        ),
    ]
    return InUse(
        tuple(_listeners(said.get("socket", ()), _units(said.get("unit", ())), targets)),
        tuple(dict.fromkeys(claims)),
        next(iter(said.get("welcome", ())), ""),
    )


def _target(service: re.Match[str]) -> str:
    return NodeLayout(service["app"], "").target(Color(service["color"]))


def _haproxy(lines: Sequence[str]) -> Iterator[Claim]:
    for line in lines:
        if found := NAMES_PORTS.fullmatch(line):
            path = posixpath.normpath(found["path"])
            yield from (Claim(path, bind, HAPROXY) for bind in of_haproxy(found["rest"]))


def _units(lines: Sequence[str]) -> Mapping[str, str]:
    """Return the systemd unit of each process: process id -> unit.

    + lines: process id and control group of each process
    """
    units: dict[str, str] = {}
    for line in lines:
        pid, _, group = line.partition(" ")
        if parts := re.findall(r"[^/]+\.(?:service|scope)(?=/|$)", group):
            units[pid] = parts[-1]
    return units


def _listeners(lines: Sequence[str], units: Mapping[str, str], targets: Mapping[str, str]) -> Iterator[Listener]:
    """Return the listening sockets.

    + lines: lines of ``ss -Hltnp``
    + units: process id -> systemd unit
    + targets: unit of each service of an application -> target of the service's color
    """
    for line in lines:
        words = line.split()
        bind = of_socket(words[3]) if len(words) > 3 else None
        if bind is None:
            continue
        processes = []
        for name, pid in re.findall(r'\("([^"]*)",pid=(\d+)', line):
            # HAProxy or nginx of an unknown unit is most likely the distribution's
            unit = units.get(pid, f"{name}.service" if f"{name}.service" in (HAPROXY, NGINX) else "")
            processes.append(Process(name, unit, targets.get(unit, unit)))
        yield Listener(bind, tuple(dict.fromkeys(processes)))


class PortsInUse(FactBase[InUse | None]):
    """
    Returns the TCP ports that are in use on a host; None if the host could not say.

    + used: programs that provisioning starts on the host: ``haproxy``, ``nginx``
    """

    @override
    def command(self, used: Sequence[str]) -> StringCommand:
        return script(read("provision/in_use.sh"), " ".join(used), seconds=SECONDS)

    @override
    def process(self, output: list[str]) -> InUse:
        return parse(output)

    @staticmethod
    @override
    def default() -> Any:
        return None
