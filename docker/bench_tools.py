"""The tools that `make bench` compares: their commands, and the programs and servers that the commands need.

The files of the other tools are in docker/bench_peers.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import fleet
from bench_common import INVENTORY, PYINFRA, ROOT
from bench_result import MOVES, OURS
from fleet_tools import Trouble, ensure_package, run, say

PEERS = Path(__file__).with_name("bench_peers")
FABRIC = "fabric==3.2.2"
FABRIC_VENV = Path(sys.prefix) / "fabric"
"""The virtual environment of Fabric, which is no dependency of this project."""
CAPISTRANO = {"capistrano": "", "capistrano-reload": "reload", "capistrano-restart": "restart"}
"""Name of a tool -> what its release does to PHP-FPM; empty for nothing."""
CAP = ("cap", "production")
COMMANDS: dict[str, dict[str, tuple[str, ...]]] = {
    **{name: {"release": (*CAP, "deploy"), "rollback": (*CAP, "deploy:rollback")} for name in CAPISTRANO},
    "fabric": {action: (str(FABRIC_VENV / "bin/fab"), action) for action in MOVES},
    "pyinfra": {action: (PYINFRA, "inventory.py", f"{action}.py", "-y", "--limit", "nodes") for action in MOVES},
}
"""Name of another tool -> action -> command."""


@dataclass(frozen=True)
class Tool:
    """A tool that is measured.

    + name: name of the tool in the results
    + actions: name of an action -> its command
    + folder: working directory of the commands
    + environment: environment variables of the commands, which are added to those of this process
    + url: URL of the balancer for the traffic to the code that the tool releases
    + host: name for the Host header; None for the host of the URL
    + preparation: commands that prepare the servers before the first release
    """

    name: str
    actions: Mapping[str, tuple[str, ...]]
    folder: Path
    environment: Mapping[str, str]
    url: str
    host: str | None = None
    preparation: tuple[tuple[str, ...], ...] = field(default=())


def tools(made: fleet.Fleet) -> list[Tool]:
    """Install the programs of the other tools if they are missing, and return all tools.

    The first of the other tools prepares the servers for all of them.
    """
    ensure_package("cap", "capistrano")
    _ensure_fabric()
    balancer = made.server("haproxy")
    deploy = {
        action: (PYINFRA, INVENTORY, f"deploys/{action}.py", "-y", *data)
        for action, data in {"release": ("--data", "ref=main"), "rollback": (), "status": ()}.items()
    }
    provision = (PYINFRA, INVENTORY, "deploys/provision.py", "-y")
    environment = {"FLEET_DIR": str(made.directory)}
    found = [Tool(OURS, deploy, ROOT, environment, balancer.url("http"), preparation=(provision,))]
    prepare = (PYINFRA, "inventory.py", "prepare.py", "-y", "--user", "root")
    for number, (name, commands) in enumerate(COMMANDS.items()):
        variables = peer_environment(made, name)
        before = () if number else (prepare,)
        found.append(Tool(name, commands, PEERS, variables, balancer.url("second"), name, before))
    return found


def peer_environment(made: fleet.Fleet, name: str) -> dict[str, str]:
    """Return the environment variables that the files in docker/bench_peers read.

    + name: name of the tool
    """

    def address(server: fleet.Server) -> str:
        return f"{server.name}=127.0.0.1:{server.ports['ssh']}"

    return {
        "PEER": name,
        "PEERS": " ".join(COMMANDS),
        "PEER_FPM": CAPISTRANO.get(name, ""),
        "PEER_NODES": " ".join(address(node) for node in made.nodes),
        "PEER_BALANCER": address(made.server("haproxy")),
        "PEER_KEY": made.path("id_ed25519"),
        "PEER_KNOWN_HOSTS": made.path("known_hosts"),
        "PEER_ORIGIN": f"ssh://git@{fleet.ORIGIN}{fleet.REPOSITORY}",
        "PEER_ORIGIN_KEY": made.path("origin_key"),
        "PEER_ORIGIN_KNOWN_HOSTS": made.path("origin_known_hosts"),
    }


def commit(made: fleet.Fleet, work: Path, version: str) -> None:
    """Push a new commit to the branch main of the origin. The commit changes the version of the application.

    + work: clone of the repository, which is made if it is missing
    """
    ssh = shlex.join(["ssh", *fleet.ssh_options(made.directory)])
    environment = {**os.environ, "GIT_SSH_COMMAND": ssh}
    if not work.exists():
        url = f"ssh://git@127.0.0.1:{made.server(fleet.ORIGIN).ports['ssh']}{fleet.REPOSITORY}"
        run("git", "clone", "-q", "--branch", "main", url, str(work), env=environment)
    text = "<?php\n\ndeclare(strict_types=1);\n\nnamespace App;\n\nfinal class Version\n{\n"
    (work / "app/Version.php").write_text(f"{text}    public const NUMBER = '{version}';\n}}\n")
    git = ("git", "-C", str(work), "-c", "user.name=Bench", "-c", "user.email=bench@example.com")
    run(*git, "commit", "-q", "-a", "-m", version)
    run(*git, "push", "-q", "origin", "main", env=environment)


def versions() -> dict[str, str]:
    """Return the version of each program: name -> version."""
    capistrano = run("cap", "--version", cwd=PEERS).split()
    fabric = run(str(FABRIC_VENV / "bin/fab"), "--version").split()
    return {"Capistrano": capistrano[2], "Fabric": fabric[1], "pyinfra": metadata.version("pyinfra")}


def _ensure_fabric() -> None:
    """Install Fabric into its virtual environment if it is missing. Raises Trouble if that is not permitted."""
    if (FABRIC_VENV / "bin/fab").exists():
        return
    if os.environ.get("NO_INSTALL"):
        raise Trouble(f"Fabric is missing and NO_INSTALL is set: install {FABRIC} into {FABRIC_VENV}")
    say(f"installing {FABRIC} into {FABRIC_VENV}")
    venv.create(FABRIC_VENV, with_pip=True)
    try:
        run(str(FABRIC_VENV / "bin/pip"), "install", "-q", "--disable-pip-version-check", FABRIC, timeout=300)
    except subprocess.TimeoutExpired:
        raise Trouble(f"{FABRIC} could not be installed within 5 minutes") from None
