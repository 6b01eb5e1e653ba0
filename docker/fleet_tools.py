"""Run commands for the scripts of the docker fleet, and install the programs that these scripts need."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path


class Trouble(Exception):
    """An error that ends a command of the docker fleet. The message is for the user of the command."""


def say(line: str) -> None:
    print(f"fleet: {line}", file=sys.stderr, flush=True)


def run(
    *command: str,
    check: bool = True,
    timeout: float = 120,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
) -> str:
    """Run a command, and return its standard output, without spaces and line breaks at both ends.

    + check: whether to raise Trouble, with the last lines of the output, if the command fails
    + timeout: seconds after which subprocess.TimeoutExpired is raised
    + env: environment variables of the command; None for the variables of this process
    + cwd: working directory of the command; None for the current directory
    + stdin: text for the standard input of the command
    """
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        env=env,
        cwd=cwd,
        check=False,
    )
    if check and done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-8:]
        raise Trouble(f"{' '.join(command[:3])} ended with {done.returncode}: " + "\n  ".join(said))
    return done.stdout.strip()


def ensure_tools() -> None:
    """Install Docker, compose, git, rsync and an SSH client, if they are missing. Start the Docker daemon.

    Raises Trouble if this user cannot install packages, or if the environment variable NO_INSTALL is set.
    """
    needed = {"ssh": "openssh-client", "git": "git", "rsync": "rsync", "docker": "docker.io"}
    for tool, package in needed.items():
        ensure_package(tool, package)
    _ensure_daemon()
    if _compose() is None:
        _install("docker compose", "docker-compose")
        _compose.cache_clear()
    compose()


def ensure_package(tool: str, package: str) -> None:
    """Install a package with apt, if a program is missing. Only one process of this machine installs at a time.

    + tool: name of the program
    + package: name of the Debian package that has the program
    """
    if shutil.which(tool):
        return
    with _apt_lock():
        if shutil.which(tool) is None:
            _install(tool, package)


@contextmanager
def _apt_lock() -> Iterator[None]:
    with (Path(tempfile.gettempdir()) / "orchestrator-fleet-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure_database_servers() -> None:
    """Install the programs of PostgreSQL and MariaDB for the tests, if they are missing. No server is started.

    Raises Trouble like `ensure_tools`.
    """
    if not postgres_programs():
        with _apt_lock():
            if not postgres_programs():
                _keep_cluster_away()
                _install("postgres", "postgresql")
    # these packages have no service
    ensure_package("mariadbd", "mariadb-server-core")
    ensure_package("my_print_defaults", "mariadb-client-core")


def postgres_programs() -> list[Path]:
    """Return the directories with the programs of PostgreSQL, the newest version first."""
    found = [one.parent for one in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return sorted(found, key=lambda one: float(one.parent.name), reverse=True)


def _keep_cluster_away() -> None:
    """Let Debian's package of PostgreSQL create no database cluster, which the package would start as a service."""
    configuration = Path("/etc/postgresql-common/createcluster.conf")
    if os.getuid() == 0 and not os.environ.get("NO_INSTALL") and not configuration.exists():
        configuration.parent.mkdir(exist_ok=True)
        configuration.write_text("create_main_cluster = false\n")


def compose() -> tuple[str, ...]:
    """Return the command of compose: ``docker compose``, or the older ``docker-compose``.

    Raises Trouble if neither is installed.
    """
    found = _compose()
    if found is None:
        raise Trouble("docker compose is missing: install the compose plugin, or docker-compose 1.29 or later")
    return found


@cache
def _compose() -> tuple[str, ...] | None:
    for command in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(command[0]) and _works(*command, "version"):
            return command
    return None


def _works(*command: str) -> bool:
    try:
        return (
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def _install(tool: str, package: str) -> None:
    if os.environ.get("NO_INSTALL"):
        raise Trouble(f"{tool} is missing and NO_INSTALL is set: install {package}")
    if os.getuid() != 0 or shutil.which("apt-get") is None:
        raise Trouble(f"{tool} is missing: install it (package {package} on Debian and Ubuntu)")
    say(f"{tool} is missing: installing {package} from apt")
    _update_apt()
    run(
        *("apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-qq", "-y", "--no-install-recommends", package),
        timeout=600,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )


@cache
def _update_apt() -> None:
    run("apt-get", "update", "-qq", timeout=300)


def _ensure_daemon() -> None:
    if _works("docker", "info"):
        return
    if os.getuid() != 0 or os.environ.get("NO_INSTALL"):
        raise Trouble("the Docker daemon does not answer: start it, or give this user access to it (group docker)")
    say("the Docker daemon does not answer: starting it")
    if shutil.which("dockerd") is None:
        _install("dockerd", "docker.io")
    if Path("/run/systemd/system").is_dir():
        _works("systemctl", "start", "docker")
    elif not _works("service", "docker", "start"):
        with Path("/var/log/dockerd.log").open("ab") as log:
            subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + 60
    while not _works("docker", "info"):
        if time.monotonic() > deadline:
            raise Trouble("the Docker daemon was started and does not answer: see /var/log/dockerd.log or its journal")
        time.sleep(0.5)
