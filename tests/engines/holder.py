"""Runs a database server for the tests, until the process of the tests ends: ``python -m tests.engines.holder``.

The arguments are the engine, a directory for ``server.json``, and the number of the process of the tests. The server
belongs to an unprivileged user, has a temporary directory and a port of its own, and writes nothing durably. If this
program is killed, the server ends, too.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "docker"))
from fleet_tools import postgres_programs  # noqa: E402 (a script of docker/)

PATIENCE = 300
HBA = """
local all all trust
host all postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""
_SET_PARENT_DEATH_SIGNAL = 1


def program(name: str) -> str:
    """Path of a program of a database server. Raises FileNotFoundError."""
    path = os.pathsep.join([*map(str, postgres_programs()), os.environ["PATH"], "/usr/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        raise FileNotFoundError(f"{name} is missing: run python docker/fleet.py tools")
    return found


def postgres(home: Path, port: int) -> tuple[list[str], list[str]]:
    """The command that prepares the directory of a server, and the command that runs the server."""
    prepare = [program("initdb"), "-D", f"{home}/data", "-A", "trust", "-U", "postgres", "-E", "UTF8"]
    settings = {
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "shared_buffers": "16MB",
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": home,
        "max_connections": 60,
        "log_line_prefix": "%m [%p] ",
        "lc_messages": "C",
    }
    run = [program("postgres"), "-D", f"{home}/data", *(f"--{name}={value}" for name, value in settings.items())]
    return [*prepare, "--locale=C.UTF-8", "--no-sync", "--wal-segsize=1"], run


def mariadb(home: Path, port: int) -> tuple[list[str], list[str]]:
    """The command that prepares the directory of a server, and the command that runs the server."""
    small = ["--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"]
    # no file of the machine's configuration is read
    common = ["--no-defaults", f"--datadir={home}/data", "--skip-name-resolve", *small]
    prepare = [program("mariadb-install-db"), *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
    here = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={home}/server.sock", f"--pid-file={home}/pid"]
    run = [program("mariadbd"), *common, *here, "--innodb-buffer-pool-size=32M", "--max-connections=60"]
    return prepare, [*run, f"--tmpdir={home}"]


def unprivileged() -> dict[str, Any]:
    """Arguments of subprocess for a user that is not root. The servers refuse to run as root."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}


def ends_with(parent: int, number: int) -> Callable[[], None]:
    """A function for a new process, which lets the kernel send the signal ``number`` if the process ``parent`` ends."""
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(_SET_PARENT_DEATH_SIGNAL, number)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def answers(engine: str, home: Path, port: int) -> bool:
    """Whether a server accepts sessions.

    PostgreSQL accepts connections before it accepts sessions, and refuses these sessions ("the database system is
    starting up"). When it accepts sessions, it writes the word "ready" into its file postmaster.pid.
    """
    if engine == "postgres":
        try:
            return (home / "data/postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        except (OSError, IndexError):
            return False
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def main(engine: str, directory: Path, owner: int) -> None:
    tests = os.pidfd_open(owner)
    home = Path(tempfile.mkdtemp(prefix=f"orchestrator-{engine}-"))
    try:
        hold(engine, directory, tests, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def hold(engine: str, directory: Path, tests: int, home: Path) -> None:
    """Run a server, and end the server when the process ``tests`` ends.

    + tests: a pidfd
    + home: a new directory for the server
    """
    port = free_port()
    prepare, run = postgres(home, port) if engine == "postgres" else mariadb(home, port)
    user = unprivileged()
    if user:
        home.chmod(0o755)
        shutil.chown(home, "nobody", "nogroup")
    stop = signal.SIGQUIT if engine == "postgres" else signal.SIGKILL
    subprocess.run(prepare, cwd=home, check=True, stdout=sys.stderr, preexec_fn=ends_with(os.getpid(), stop), **user)
    if engine == "postgres":
        # the administrator needs no password
        (home / "data" / "pg_hba.conf").write_text(HBA)
    server = subprocess.Popen(run, cwd=home, stdout=sys.stderr, preexec_fn=ends_with(os.getpid(), stop), **user)
    try:
        deadline = time.monotonic() + PATIENCE
        while not answers(engine, home, port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{engine} did not start")
            time.sleep(0.05)
        draft = directory / "server.new"
        draft.write_text(json.dumps({"engine": engine, "port": port, "home": str(home), "pid": server.pid}))
        draft.rename(directory / "server.json")
        select.select([tests, os.pidfd_open(server.pid)], [], [])
    finally:
        server.send_signal(stop)
        server.wait(60)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
