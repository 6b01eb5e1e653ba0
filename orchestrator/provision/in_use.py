"""Find out which TCP ports of a host are in use. One command reads them all.

A port is in use if a program listens on the port, or if a configuration file names the port.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.facts.base import Fact
from orchestrator.layout import NodeLayout
from orchestrator.model import Color
from orchestrator.provision.bind import ALL_IPV4, Bind, of_haproxy, of_socket
from orchestrator.provision.nginx_servers import servers
from orchestrator.scripts.command import question
from orchestrator.scripts.files import read

SECONDS = 60
"""Seconds that the script of the fact `PortsInUse` may take.

The script runs ``nginx -T``, and nginx may have to resolve host names.
"""

HAPROXY, NGINX = "haproxy.service", "nginx.service"

NAMES_PORTS = re.compile(r"(?P<path>.+?):\s*(?:bind|stats\s+socket)\s+(?P<rest>.*)")
SERVES = re.compile(
    r"(?P<path>.+?):ExecStart=.*/(?P<app>[^/]+)/(?:(?P<nginx>nginx)|serve) (?P<color>blue|green)"
    r"(?(nginx)|\s\S+)(?: (?P<port>\d+))?\s*"
)
SERVICE_ADDRESS = "127.0.0.1"
"""The IP address on which the services of an application listen."""


@dataclass(frozen=True)
class Process:
    """A process that listens on a TCP port.

    + name: name of the program
    + unit: systemd unit of the process; empty if unknown
    + owner: the same as ``unit``, except for a color's nginx and services: the systemd target that groups the units of
      the color
    """

    name: str
    unit: str
    owner: str


@dataclass(frozen=True)
class Listener:
    """A socket at which programs listen on a TCP port.

    + bind: the address and the port
    + processes: the processes that have the socket; empty if the kernel hides the processes, for example in a container
      that is not permitted to trace processes
    """

    bind: Bind
    processes: tuple[Process, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A port that a configuration file names. It is possible that no program listens on the port at present.

    + path: path of the file
    + bind: the address and the port
    + owner: systemd unit that listens because of the file. For a color's nginx and services, this is the systemd target
      that groups the units of the color.
    + shared: only for nginx: whether the server in the file gets only the requests for its own server names, so that
      another server can be the default server of the port
    """

    path: str
    bind: Bind
    owner: str
    shared: bool = False


@dataclass(frozen=True)
class InUse:
    """The TCP ports that are in use on a host.

    + listeners: the sockets at which programs listen
    + claims: the ports that configuration files name
    + welcome: path of nginx's welcome page, if this page is as the distribution installed it; otherwise empty
    """

    listeners: tuple[Listener, ...] = ()
    claims: tuple[Claim, ...] = ()
    welcome: str = ""


def parse(output: Sequence[str]) -> InUse:
    """Return the ports that the script in_use.sh printed. Lines in an unknown format are left out. Pure.

    + output: lines that the script printed
    """
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
            Claim(found["path"], Bind(_address(found), int(found["port"]), int(found["port"])), _target(found))
            for found in services
            if found["port"]
        ),
    ]
    return InUse(
        tuple(_listeners(said.get("socket", ()), _units(said.get("unit", ())), targets)),
        tuple(dict.fromkeys(claims)),
        next(iter(said.get("welcome", ())), ""),
    )


def _address(service: re.Match[str]) -> str:
    return ALL_IPV4 if service["nginx"] else SERVICE_ADDRESS


def _target(service: re.Match[str]) -> str:
    return NodeLayout(service["app"], "").target(Color(service["color"]))


def _haproxy(lines: Sequence[str]) -> Iterator[Claim]:
    for line in lines:
        if found := NAMES_PORTS.fullmatch(line):
            path = posixpath.normpath(found["path"])
            yield from (Claim(path, bind, HAPROXY) for bind in of_haproxy(found["rest"]))


def _units(lines: Sequence[str]) -> Mapping[str, str]:
    """Return the systemd unit of each process: process id -> unit. Processes without a unit are left out.

    + lines: one line for each process, with its process id and its control group
    """
    units: dict[str, str] = {}
    for line in lines:
        pid, _, group = line.partition(" ")
        if parts := re.findall(r"[^/]+\.(?:service|scope)(?=/|$)", group):
            units[pid] = parts[-1]
    return units


def _listeners(lines: Sequence[str], units: Mapping[str, str], targets: Mapping[str, str]) -> Iterator[Listener]:
    """Yield the sockets at which programs listen.

    + lines: lines that ``ss -Hltnp`` printed
    + units: process id -> systemd unit
    + targets: systemd unit of a color's nginx or service -> systemd target of the color
    """
    for line in lines:
        words = line.split()
        bind = of_socket(words[3]) if len(words) > 3 else None
        if bind is None:
            continue
        processes = []
        for name, pid in re.findall(r'\("([^"]*)",pid=(\d+)', line):
            # if the unit is unknown, assume that HAProxy and nginx run in the units of the distribution
            unit = units.get(pid, f"{name}.service" if f"{name}.service" in (HAPROXY, NGINX) else "")
            processes.append(Process(name, unit, targets.get(unit, unit)))
        yield Listener(bind, tuple(dict.fromkeys(processes)))


class PortsInUse(Fact[InUse]):
    """
    Returns the TCP ports that are in use on a host.

    + used: names of the programs that provisioning will start on the host: ``haproxy``, ``nginx`` or both. The ports in
      the configuration of these programs count even if the programs do not run at present.
    """

    @override
    def command(self, used: Sequence[str]) -> StringCommand:
        return question(read("provision/in_use.sh"), " ".join(used), seconds=SECONDS)

    @override
    def parse(self, output: list[str]) -> InUse:
        return parse(output)
