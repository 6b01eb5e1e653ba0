"""Start and remove docker fleets. The servers of a fleet are containers with real systemd and sshd.

    python docker/fleet.py up    [--dir .fleet] [--project NAME] [--nodes 3] [--apps laravel,symfony]
                                 [--with mariadb|postgres] [--suites "bookworm trixie bullseye"]
    python docker/fleet.py down  [--dir .fleet] [--project NAME] [--images]
    python docker/fleet.py sweep
    python docker/fleet.py tools

``up`` ends when every server answers over SSH. The directory then has the files that are needed to use the servers:
keys, known_hosts, fleet.json (which inventory/fleet.py reads) and env (shell variables). ``down`` removes the fleet.
``--suites`` names releases of Debian, which the nodes and the balancers get in turn.
``sweep`` removes fleets whose owner process has ended. ``tools`` installs the programs that these commands need,
and the database servers that tests need.
"""

from __future__ import annotations

import argparse
import hashlib
import ipaddress
import itertools
import json
import os
import random
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import fleet_images
import fleet_origin
import fleet_root
import fleet_tls
from fleet_apps import APPLICATIONS, DATABASE, POSTGRES, SHOP, environment
from fleet_tools import Trouble, compose, ensure_database_servers, ensure_tools, run, say

LABEL = "orchestrator.fleet"  # the label's value is the name of the project
OWNER = "orchestrator.owner"  # the label's value is <process id>:<start time of the process>; `sweep` reads the label
REPOSITORIES = "/srv/git"
REPOSITORY = f"{REPOSITORIES}/{SHOP}.git"
PORTS = {"ssh": 22, "live": 8080, "blue": 8081, "green": 8082, "http": 80, "https": 443, "second": 8000}
"""Name of a port -> its number in the container. The port ``second`` of the balancers is for a second application."""
BALANCERS = ("haproxy", "nginx")
ORIGIN = "origin"
KEPT = dict.fromkeys(BALANCERS, "/var/lib/orchestrator") | {
    DATABASE: "/var/lib/mysql",
    POSTGRES: "/var/lib/postgresql",
}  # volumes of other servers: /srv
DEFAULT_SUITES = (fleet_images.SUITE,)
READY = 120.0  # seconds within which a container must answer


@dataclass(frozen=True)
class Server:
    """A container of a fleet."""

    name: str
    address: str
    ports: dict[str, int]  # name of a port -> port on 127.0.0.1
    image: str

    def url(self, port: str) -> str:
        return f"{'https' if port == 'https' else 'http'}://127.0.0.1:{self.ports[port]}"


@dataclass(frozen=True)
class Fleet:
    """A fleet. Its directory has the keys and the compose file."""

    project: str
    directory: Path
    subnet: str
    servers: tuple[Server, ...]
    token: str
    preview: str  # token of the preview, with which a request goes to the color with less traffic
    owner: str | None = None
    apps: tuple[str, ...] = (SHOP,)  # the applications that have a repository on the origin
    passwords: Mapping[str, str] = field(default_factory=dict)  # name of a database and of its user -> password

    @property
    def nodes(self) -> tuple[Server, ...]:
        return tuple(server for server in self.servers if "blue" in server.ports)

    @property
    def database(self) -> str:
        """The name of the database server: PostgreSQL if the fleet has it, otherwise MariaDB."""
        return POSTGRES if any(server.name == POSTGRES for server in self.servers) else DATABASE

    @property
    def compose_file(self) -> Path:
        return self.directory / "docker-compose.json"

    def server(self, name: str) -> Server:
        return next(server for server in self.servers if server.name == name)

    def path(self, name: str) -> str:
        return str(self.directory / name)

    def changes(self, name: str) -> Path:
        """The directory for the files that a server changes, if `fleet_root` mounts its files."""
        return self.directory / "root" / name


# --- up ---


def up(
    directory: Path,
    nodes: int = 3,
    project: str | None = None,
    owner: str | None = None,
    *,
    apps: Sequence[str] = (),
    mariadb: bool = False,
    postgres: bool = False,
    suites: Sequence[str] = DEFAULT_SUITES,
) -> Fleet:
    """Start a fleet, and wait until all its servers answer.

    If the same fleet already runs, it is kept. If the directory has a different fleet, that fleet is replaced.

    + directory: directory for the keys and the other files of the fleet
    + nodes: number of nodes, 1 to 40
    + project: name of the docker compose project; None for a name that is made from the directory
    + owner: the result of `process`, for a fleet that `sweep` removes after this process has ended; None to keep it
    + apps: names of the applications in docker/apps that get a repository on the origin. The sample application always
      has a repository there
    + mariadb: whether the fleet has a database server, with a database and a user for each application that needs them
    + postgres: as ``mariadb``, with PostgreSQL. A fleet has at most one of both
    + suites: releases of Debian, such as ``bookworm``. The first node gets the first suite, the next node the next one,
      and so on; after the nodes come the balancers. The origin and the database server always have Debian 12

    Raises Trouble if the fleet cannot be started.
    """
    ensure_tools()
    sweep()
    directory = directory.resolve()
    project = project or default_project(directory)
    fleet = _running(directory, project, nodes, apps, (mariadb, postgres), suites)
    if fleet:
        say(f"{project} is running already")
        finish(fleet)
        return fleet
    for attempt in range(3):
        fleet = prepare(directory, nodes, project, owner, apps=apps, mariadb=mariadb, postgres=postgres, suites=suites)
        try:
            start(fleet)
            finish(fleet)
        except BaseException as error:
            down(directory, project)
            # another program may take a port or a network after this script has chosen it and before Docker uses it
            taken = isinstance(error, Trouble) and any(
                word in str(error) for word in ("already in use", "already allocated", "overlaps")
            )
            if not taken or attempt == 2:
                raise
        else:
            return fleet
    raise AssertionError("unreachable")


def prepare(
    directory: Path,
    nodes: int,
    project: str,
    owner: str | None = None,
    *,
    apps: Sequence[str] = (),
    mariadb: bool = False,
    postgres: bool = False,
    suites: Sequence[str] = DEFAULT_SUITES,
) -> Fleet:
    """Choose addresses and ports, make the keys, and write the compose file. No container is started.

    The former fleet of the directory is removed. The arguments are those of `up`.
    """
    if not 1 <= nodes <= 40:
        raise Trouble(f"--nodes {nodes}: choose a number from 1 to 40")
    if unknown := set(apps) - set(APPLICATIONS):
        raise Trouble(f"--apps: there is no application {min(unknown)}: choose from {', '.join(APPLICATIONS)}")
    if unknown := set(suites) - set(fleet_images.SUITES):
        raise Trouble(f"--suites: there is no suite {min(unknown)}: choose from {', '.join(fleet_images.SUITES)}")
    if set(apps) - {SHOP} and set(suites) != set(DEFAULT_SUITES):
        raise Trouble(f"--suites: the applications of --apps run only on {DEFAULT_SUITES[0]}")
    directory = directory.resolve()
    image = fleet_images.node_image()
    images = _images(nodes, apps, suites)
    down(directory, project)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    subnet = _free_subnet()
    hosts = iter(list(subnet.hosts())[9:])
    ports = _free_ports()

    def server(name: str, image: str, *published: str) -> Server:
        return Server(name, str(next(hosts)), {port: next(ports) for port in ("ssh", *published)}, image)

    servers = [server(f"node{n}", images[f"node{n}"], "live", "blue", "green") for n in range(1, nodes + 1)]
    servers += [server(name, images[name], "http", "https", "second") for name in BALANCERS]
    servers += [server(ORIGIN, image)]
    servers += [server(DATABASE, fleet_images.mariadb_image())] if mariadb else []
    servers += [server(POSTGRES, fleet_images.postgres_image())] if postgres else []
    token, preview = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
    users = [name for name, app in APPLICATIONS.items() if app.database] if mariadb or postgres else []
    passwords = {name: secrets.token_urlsafe(18) for name in users}
    every = (SHOP, *sorted(set(apps) - {SHOP}))
    fleet = Fleet(project, directory, str(subnet), tuple(servers), token, preview, owner, every, passwords)
    for one in sorted({server.image for server in servers}):
        fleet_images.copy_files(one)
    _make_keys(fleet)
    _clear_files(fleet, [server.name for server in servers])
    _write(fleet.compose_file, json.dumps(_compose_file(fleet), indent=2) + "\n")
    return fleet


def start(fleet: Fleet) -> None:
    """Start the containers of a prepared fleet."""
    others = [server.name for server in fleet.servers if server not in fleet.nodes]
    say(f"starting {fleet.project}: {len(fleet.nodes)} nodes, {', '.join(others)}")
    run(*compose(), "-p", fleet.project, "-f", str(fleet.compose_file), "up", "-d", timeout=300)


def renew(fleet: Fleet, names: Sequence[str]) -> None:
    """Replace servers by empty servers with the same keys and ports. Do not wait until the new servers answer."""
    command = (*compose(), "-p", fleet.project, "-f", str(fleet.compose_file))
    run(*command, "rm", "-s", "-f", *names, timeout=180)
    run("docker", "volume", "rm", *(f"{fleet.project}_{name}" for name in names))
    _clear_files(fleet, names)
    run(*command, "up", "-d", timeout=300)


def _clear_files(fleet: Fleet, names: Sequence[str]) -> None:
    """Forget what servers have changed, if `fleet_root` mounts their files."""
    if fleet_root.wanted():
        for name in names:
            fleet_root.clear(fleet.changes(name))


def finish(fleet: Fleet) -> None:
    """Wait until every server answers, push the applications to the origin, and write fleet.json and env."""
    _write_access(fleet)
    with ThreadPoolExecutor(len(fleet.servers)) as pool:
        list(pool.map(lambda server: wait(fleet, server.name), fleet.servers))
    _fill_origin(fleet)
    if fleet.passwords:
        _make_databases(fleet)
    _write(fleet.directory / "fleet.json", json.dumps(_description(fleet), indent=2) + "\n")
    _write(fleet.directory / "env", _shell(fleet))


def load(directory: Path) -> Fleet:
    """Return the fleet whose files are in a directory."""
    known = json.loads((directory / "fleet.json").read_text())
    layout = known["layout"]
    servers = tuple(Server(**server) for server in layout["servers"])
    return Fleet(
        known["project"],
        directory,
        layout["subnet"],
        servers,
        known["token"],
        known["preview"],
        apps=tuple(known["apps"]),
        passwords={name: one["password"] for name, one in known["databases"].items()},
    )


def default_project(directory: Path) -> str:
    """Return the project name for a directory. The names of two directories differ, so their fleets do not collide."""
    return "orchestrator-" + hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:6]


def _images(nodes: int, apps: Sequence[str], suites: Sequence[str]) -> dict[str, str]:
    """Return the images of nodes and balancers: name -> image. Some applications need the image with frameworks."""
    names = [f"node{n}" for n in range(1, nodes + 1)]
    chosen = dict(zip([*names, *BALANCERS], itertools.cycle(suites), strict=False))
    built = {suite: fleet_images.node_image(suite) for suite in dict.fromkeys(chosen.values())}
    images = {name: built[suite] for name, suite in chosen.items()}
    return images | (dict.fromkeys(names, fleet_images.packages_image()) if set(apps) - {SHOP} else {})


def _running(
    directory: Path, project: str, nodes: int, apps: Sequence[str], databases: tuple[bool, bool], suites: Sequence[str]
) -> Fleet | None:
    try:
        fleet = load(directory)
        composed = json.loads(fleet.compose_file.read_text())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    images = _images(nodes, apps, suites)
    asked = (project, nodes, {SHOP, *apps}, databases, images)
    found = {server.name: server.image for server in fleet.servers if server.name in images}
    names = {server.name for server in fleet.servers}
    has = (fleet.project, len(fleet.nodes), set(fleet.apps), (DATABASE in names, POSTGRES in names), found)
    if has != asked or composed != _compose_file(fleet):
        say(f"the fleet in {directory} has other servers or applications: replacing the fleet")
        return None
    wanted = {f"{server.name}|{server.image}|running" for server in fleet.servers}
    shape = '{{.Label "com.docker.compose.service"}}|{{.Image}}|{{.State}}'
    seen = run("docker", "ps", "-a", "--filter", f"label={LABEL}={project}", "--format", shape).splitlines()
    return fleet if wanted == set(seen) else None


def _free_ports() -> Iterator[int]:
    """Yield free ports below the range for outgoing connections.

    No outgoing connection takes such a port, so the ports of a container are still free when it starts again. If Docker
    chose the ports, they would change at each start, and the files of the fleet would have wrong addresses.
    """
    try:
        low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError):
        low = 32768
    top = low if low > 21000 else 32768
    candidates = list(range(top - 11000, top))
    random.shuffle(candidates)
    for port in candidates:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port


def _free_subnet() -> ipaddress.IPv4Network:
    """Return an IP network that is not in use on this machine. The servers get fixed addresses in this network."""
    ids = run("docker", "network", "ls", "-q").split()
    shape = "{{range .IPAM.Config}}{{.Subnet}} {{end}}"
    taken = [ipaddress.ip_network(s) for s in run("docker", "network", "inspect", "-f", shape, *ids).split()]
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        _, target, _, _, _, _, _, mask, *_ = line.split()
        numbers = [int.from_bytes(bytes.fromhex(word), "little") for word in (target, mask)]
        if numbers[1]:
            taken.append(ipaddress.ip_network((numbers[0], bin(numbers[1]).count("1")), strict=False))
    while True:
        subnet = ipaddress.IPv4Network((f"10.{random.randint(64, 250)}.{random.randint(0, 255)}.0", 24))
        if not any(subnet.overlaps(other) for other in taken if other.version == 4):
            return subnet


def _compose_file(fleet: Fleet) -> dict[str, Any]:
    labels = {LABEL: fleet.project} | ({OWNER: fleet.owner} if fleet.owner else {})

    def service(server: Server) -> dict[str, Any]:
        return {
            "image": server.image,
            "hostname": server.name,
            "labels": labels,
            # SYS_PTRACE lets root see other users' sockets and files (ss -p, /proc/<pid>/fd), as on a real server
            "cap_add": ["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE"],
            "security_opt": ["apparmor=unconfined"],
            "tmpfs": ["/run:mode=755", "/run/lock:mode=1777"],
            "stop_signal": "SIGRTMIN+3",
            "ports": [f"127.0.0.1:{port}:{PORTS[name]}" for name, port in server.ports.items()],
            "volumes": [
                f"{fleet.path('hosts')}/{server.name}:/fleet:ro,z",
                f"{server.name}:{KEPT.get(server.name, '/srv')}",
                *([f"{server.name}-root:{fleet_root.ROOT}"] if fleet_root.wanted() else []),
            ],
            "networks": {"fleet": {"ipv4_address": server.address}},
        }

    volumes: dict[str, Any] = {server.name: {} for server in fleet.servers}
    if fleet_root.wanted():
        for server in fleet.servers:
            volumes[f"{server.name}-root"] = fleet_root.volume(server.image, fleet.changes(server.name))
    return {
        "services": {server.name: service(server) for server in fleet.servers},
        "networks": {"fleet": {"labels": labels, "ipam": {"config": [{"subnet": fleet.subnet}]}}},
        "volumes": {name: volume | {"labels": labels} for name, volume in volumes.items()},
    }


# --- keys, and the files that permit logins ---


def _make_keys(fleet: Fleet) -> None:
    for name, comment in (("id_ed25519", "operator"), ("origin_key", "nodes")):
        _keygen(fleet.directory / name, comment)
    operator, nodes = (Path(fleet.path(f"{name}.pub")).read_text() for name in ("id_ed25519", "origin_key"))
    for server in fleet.servers:
        folder = fleet.directory / "hosts" / server.name
        folder.mkdir(parents=True)
        _keygen(folder / "ssh_host_ed25519_key", server.name)
        (folder / "root_keys").write_text(operator)
        if server.name == ORIGIN:
            (folder / "git_keys").write_text(f'restrict {operator}restrict,command="read" {nodes}')
    fleet_tls.make(fleet.directory / "ca.pem", [fleet.directory / "hosts" / name for name in BALANCERS])


def _keygen(file: Path, comment: str) -> None:
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(file))


def _write_access(fleet: Fleet) -> None:
    lines = {server.name: _host_key(fleet, server.name) for server in fleet.servers}
    known = "".join(f"[127.0.0.1]:{server.ports['ssh']} {lines[server.name]}\n" for server in fleet.servers)
    _write(fleet.directory / "known_hosts", known)
    _write(fleet.directory / "origin_known_hosts", f"{ORIGIN} {lines[ORIGIN]}\n")


def _host_key(fleet: Fleet, name: str) -> str:
    file = fleet.directory / "hosts" / name / "ssh_host_ed25519_key.pub"
    return " ".join(file.read_text().split()[:2])


def ssh_options(directory: Path) -> list[str]:
    """Return options for ssh: the key and the known_hosts of the fleet, strict checks, and no file of the user."""
    return [
        *("-F", "none", "-i", str(directory / "id_ed25519"), "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"),
        *("-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "StrictHostKeyChecking=yes", "-o", "LogLevel=ERROR"),
        *("-o", f"UserKnownHostsFile={directory / 'known_hosts'}", "-o", "GlobalKnownHostsFile=none"),
    ]


# --- waiting ---


def wait(fleet: Fleet, name: str) -> None:
    """Wait until a server has started and accepts an SSH login. Raises Trouble after `READY` seconds."""
    server = fleet.server(name)
    machine = container(fleet.project, server.name)
    login = [*ssh_options(fleet.directory), "-p", str(server.ports["ssh"]), "root@127.0.0.1"]
    deadline = time.monotonic() + READY
    state = ""
    while time.monotonic() < deadline:
        try:
            state = run("docker", "exec", machine, "systemctl", "is-system-running", check=False, timeout=20)
            if state in ("running", "degraded"):
                run("ssh", *login, "true", timeout=20)
                return
        except (Trouble, subprocess.TimeoutExpired) as error:
            state = str(error)
        time.sleep(0.25)
    last = run("docker", "logs", "--tail", "5", machine, check=False)
    raise Trouble(f"{server.name} did not answer within {READY:.0f} s: {state or 'no systemd'}\n  {last}")


def container(project: str, service: str) -> str:
    wanted = ["--filter", f"label={LABEL}={project}", "--filter", f"label=com.docker.compose.service={service}"]
    names = run("docker", "ps", "-a", *wanted, "--format", "{{.Names}}").split()
    if not names:
        raise Trouble(f"{project} has no container {service}")
    return names[0]


def _fill_origin(fleet: Fleet) -> None:
    origin = fleet.server(ORIGIN)
    machine = container(fleet.project, ORIGIN)
    ssh = shlex.join(["ssh", *ssh_options(fleet.directory)])
    for app in fleet.apps:
        repository = f"{REPOSITORIES}/{app}.git"
        make = (
            f"test -d {repository}/objects || {{ install -d -o git -g git {REPOSITORIES} "
            f"&& runuser -u git -- git init -q --bare -b main {repository}; }}"
        )
        run("docker", "exec", machine, "sh", "-c", make)
        fleet_origin.push(app, f"ssh://git@127.0.0.1:{origin.ports['ssh']}{repository}", ssh)


IN_POSTGRES = """
SELECT format('CREATE ROLE %I LOGIN', :'name') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name')\\gexec
ALTER ROLE :"name" PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name')\\gexec
"""
"""Makes a user, and a database of the same name, if they are missing. psql puts in the name and the password."""


def _make_databases(fleet: Fleet) -> None:
    """Create a database and a user for each application. A second call does no harm."""
    if fleet.database == POSTGRES:
        server = container(fleet.project, POSTGRES)
        ready = f"for n in $(seq {READY:.0f}); do ! pg_isready -q || exit 0; sleep 1; done; exit 1"
        run("docker", "exec", server, "sh", "-c", ready, timeout=READY + 10)
        psql = (
            "docker",
            "exec",
            "-i",
            server,
            "runuser",
            "-u",
            "postgres",
            "--",
            "psql",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
        )
        for name, password in fleet.passwords.items():
            run(*psql, "-v", f"name={name}", "-v", f"password={password}", stdin=IN_POSTGRES)
        return
    statements = "".join(
        f"CREATE DATABASE IF NOT EXISTS {name};\n"
        f"CREATE OR REPLACE USER {name}@'%' IDENTIFIED BY '{password}';\n"
        f"GRANT ALL ON {name}.* TO {name}@'%';\n"
        for name, password in fleet.passwords.items()
    )
    run("docker", "exec", "-i", container(fleet.project, DATABASE), "mariadb", stdin=statements)


# --- the files with which scripts and people find the servers ---


def _description(fleet: Fleet) -> dict[str, Any]:
    def node(server: Server) -> dict[str, Any]:
        urls = {f"{port}_url": server.url(port) for port in ("blue", "green", "live")}
        return {"name": server.name, "address": server.name, "ssh_port": server.ports["ssh"], **urls}

    def balancer(server: Server) -> dict[str, Any]:
        return {
            "name": server.name,
            "address": server.name,
            "ssh_port": server.ports["ssh"],
            "url": server.url("http"),
            "https_url": server.url("https"),
            "certificate": "/fleet/tls.crt",
            "certificate_key": "/fleet/tls.key",
        }

    def application(app: str) -> dict[str, Any]:
        return {
            "origin": f"ssh://git@{ORIGIN}{REPOSITORIES}/{app}.git",
            "settings": str(APPLICATIONS[app].folder / "settings.toml"),
            "environment": environment(app, fleet.token, fleet.passwords, fleet.database),
        }

    return {
        "project": fleet.project,
        "app": SHOP,
        "apps": {app: application(app) for app in fleet.apps},
        "databases": {
            name: {
                "host": fleet.database,
                "port": 5432 if fleet.database == POSTGRES else 3306,
                "database": name,
                "user": name,
                "password": password,
            }
            for name, password in fleet.passwords.items()
        },
        "key": fleet.path("id_ed25519"),
        "known_hosts": fleet.path("known_hosts"),
        "token": fleet.token,
        "preview": fleet.preview,
        "ca": fleet.path("ca.pem"),
        "origin": {
            "url": f"ssh://git@{ORIGIN}{REPOSITORY}",
            "known_hosts": fleet.path("origin_known_hosts"),
            "key": fleet.path("origin_key"),
            "ssh_port": fleet.server(ORIGIN).ports["ssh"],
        },
        "nodes": [node(server) for server in fleet.nodes],
        "balancers": {name: [balancer(fleet.server(name))] for name in BALANCERS},
        "layout": {
            "subnet": fleet.subnet,
            "servers": [asdict(server) for server in fleet.servers],
        },
    }


def variables(fleet: Fleet) -> dict[str, str]:
    """Return the shell variables for the file ``env``: name -> value."""
    found = {"FLEET_PROJECT": fleet.project, "FLEET_DIR": str(fleet.directory), "FLEET_KEY": fleet.path("id_ed25519")}
    for number, server in enumerate(fleet.nodes, start=1):
        for port in ("blue", "green", "live"):
            found[f"NODE_{number}_{port.upper()}_URL"] = server.url(port)
        found[f"NODE_{number}_SSH"] = f"127.0.0.1:{server.ports['ssh']}"
    for name in BALANCERS:
        found[f"{name.upper()}_URL"] = fleet.server(name).url("http")
        found[f"{name.upper()}_HTTPS_URL"] = fleet.server(name).url("https")
    for server in (one for one in fleet.servers if one not in fleet.nodes):
        found[f"{server.name.upper()}_SSH"] = f"127.0.0.1:{server.ports['ssh']}"
    return found


def _shell(fleet: Fleet) -> str:
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables(fleet).items())


def _write(file: Path, text: str) -> None:
    """Replace a file in one atomic step, so that no reader sees an incomplete file."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(file)


# --- down ---


def down(directory: Path, project: str | None = None) -> None:
    """Remove a fleet: its containers, volumes, network and directory. If parts are missing, remove the other parts."""
    _remove(project or default_project(directory))
    if (directory / "docker-compose.json").exists():
        shutil.rmtree(directory)


def sweep() -> None:
    """Remove every fleet whose owner process has ended. Aborted test runs leave such fleets behind."""
    found: dict[str, str] = {}
    shape = f'{{{{.Label "{LABEL}"}}}} {{{{.Label "{OWNER}"}}}}'
    for kind in (["ps", "-a"], ["volume", "ls"], ["network", "ls"]):
        for line in run("docker", *kind, "--filter", f"label={OWNER}", "--format", shape).splitlines():
            project, owner = line.split()
            found[project] = owner
    for project, owner in found.items():
        if not _alive(owner):
            say(f"removing {project}, whose owner process has ended")
            _remove(project)


def process(pid: int) -> str:
    """Return the value of the label OWNER for a process: the process id and the start time, because ids are reused."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return f"{pid}:{fields[19]}"


def _alive(owner: str) -> bool:
    try:
        return process(int(owner.partition(":")[0])) == owner
    except (OSError, ValueError):
        return False


def _remove(project: str) -> None:
    """Remove the containers, networks and volumes of a fleet. Another process may remove the same fleet."""
    wanted = ["--filter", f"label={LABEL}={project}"]
    for listed, removed in (
        (["ps", "-aq"], ["rm", "-f", "-v"]),
        (["network", "ls", "-q"], ["network", "rm"]),
        (["volume", "ls", "-q"], ["volume", "rm", "-f"]),
    ):
        deadline = time.monotonic() + 180
        while found := run("docker", *listed, *wanted).split():
            late = time.monotonic() > deadline
            # if the other process is faster, Docker refuses: the removal is in progress, or there is nothing to remove
            run("docker", *removed, *found, timeout=180, check=late)
            time.sleep(0.1)


# --- the command line ---


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="fleet.py", description="the docker fleet")
    verbs = parser.add_subparsers(dest="verb", required=True)
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--dir", type=Path, default=Path(".fleet"), help="default .fleet")
    options.add_argument("--project", help="default: a name made from the directory")
    starting = verbs.add_parser("up", parents=[options], help="start a fleet")
    starting.add_argument("--nodes", type=int, default=3)
    starting.add_argument("--apps", default="", metavar="NAMES", help=f"some of {','.join(APPLICATIONS)}")
    starting.add_argument("--with", dest="also", choices=[DATABASE, POSTGRES], help="a database server")
    starting.add_argument(
        "--suites",
        default=fleet_images.SUITE,
        metavar="NAMES",
        help=f"releases of Debian, of {' '.join(fleet_images.SUITES)}, which the nodes and balancers get in turn",
    )
    starting.add_argument(
        "--owner", type=int, metavar="PID", help="`sweep` removes the fleet after this process has ended"
    )
    ending = verbs.add_parser("down", parents=[options], help="remove a fleet")
    ending.add_argument("--images", action="store_true", help="also remove the images that no fleet uses")
    verbs.add_parser("sweep", help="remove fleets whose owner process has ended")
    verbs.add_parser(
        "tools", help="install Docker, git, rsync, an SSH client and database servers, if they are missing"
    )
    asked = parser.parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # `up` then removes an incomplete fleet
    try:
        if asked.verb == "up":
            owner = process(asked.owner) if asked.owner else None
            apps = [name for name in asked.apps.split(",") if name]
            fleet = up(
                *(asked.dir, asked.nodes, asked.project, owner),
                apps=apps,
                mariadb=asked.also == DATABASE,
                postgres=asked.also == POSTGRES,
                suites=asked.suites.split() or DEFAULT_SUITES,
            )
            say(f"{fleet.project} is up; its addresses are in {asked.dir / 'env'}")
        elif asked.verb == "tools":
            ensure_tools()
            ensure_database_servers()
        elif shutil.which("docker") is None:
            return 0  # without Docker, there is no fleet to remove
        elif asked.verb == "down":
            down(asked.dir, asked.project)
            if asked.images:
                fleet_images.remove_images()
        else:
            sweep()
    except Trouble as trouble:
        say(str(trouble))
        return 1
    except subprocess.TimeoutExpired as late:
        say(f"{' '.join(map(str, late.cmd[:3]))} took longer than {late.timeout:.0f} s")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
