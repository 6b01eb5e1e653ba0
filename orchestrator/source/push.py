"""Push files from the operator's machine to a node, by rsync over SSH. rsync uses the inventory's SSH settings."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyinfra.api.host import Host

from orchestrator.errors import CommandFailed

# If a file is equal to a file of the live release, rsync copies the file on the node, and neither sends nor hard-links
# the file. rsync compares the contents of files, because the times of files in a fresh checkout mean nothing. With
# MODES, the modes do not depend on the operator's umask.
MODES = "--chmod=Du=rwx,Dgo=rx,Fu=rwX,Fgo=rX"
FLAGS = ("--recursive", "--links", "--times", "--perms", MODES, "--checksum", "--delete")

CONSEQUENCE = re.compile(r"rsync error: |rsync: .*connection unexpectedly closed")
"""Matches the error lines of rsync that do not name the cause. An earlier error line names the cause."""

MISSING = "rsync is missing on this machine: install rsync (apt install rsync)"


def problem(host: Host) -> str | None:
    """Return one line that says why rsync cannot push files to a host; None if no reason was found.

    The function checks whether rsync is installed on this machine, and whether rsync can use the SSH settings that the
    inventory has for the host. The function does not connect to the host.
    """
    data = _data(host)
    if not shutil.which("rsync"):
        return MISSING
    if data is None:
        return f"{host.name}: rsync needs SSH, but pyinfra does not use SSH for this host"
    if data.get("ssh_password") or data.get("ssh_key_password"):
        return f"{host.name}: rsync cannot log in with a password: use a key (ssh_key), or an agent"
    return None


def push(host: Host, source: Path, destination: str, like: str | None) -> None:
    """Make a directory on a host equal to a directory on this machine, by rsync.

    + source: the directory on this machine
    + destination: the directory on the host; its parent directory must exist
    + like: absolute path of another directory on the host. If this directory has the same file at the same path, rsync
      sends nothing, and copies the file on the host. None if there is no such directory. A relative path would not do:
      with such a path, some versions of rsync (such as 3.2.3-4+deb11u4 on the host) discard each changed file.

    Raises CommandFailed if rsync is missing or fails.
    """
    shell, place = reach(host)
    like_it = [f"--copy-dest={like}"] if like else []
    command = ["rsync", *FLAGS, *like_it, *shell, f"{source}/", f"{place}{destination}/"]
    # a signal that ends this process also ends rsync
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True)
    except FileNotFoundError:
        raise CommandFailed(MISSING) from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip() and not CONSEQUENCE.match(line)]
        raise CommandFailed(
            f"rsync ended with status {done.returncode}: {said[-1] if said else 'without an error message'}"
        )


def reach(host: Host) -> tuple[list[str], str]:
    """Return two things that rsync needs to reach a host in the same way as pyinfra.

    The first is a list of arguments for rsync. The second is the prefix of paths on the host, such as
    ``deploy@web1:``. pyinfra must reach the host by SSH.
    """
    data = _data(host)
    assert data is not None
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": "10",
        "ServerAliveInterval": "5",
        "UserKnownHostsFile": data.get("ssh_known_hosts_file"),
        "StrictHostKeyChecking": data.get("ssh_strict_host_key_checking"),
        "IdentitiesOnly": None if data.get("ssh_allow_agent", True) else "yes",
    }
    ssh = ["ssh", *(f"-o{name}={value}" for name, value in options.items() if value)]
    for flag, key in (("-F", "ssh_config_file"), ("-p", "ssh_port"), ("-i", "ssh_key")):
        ssh += [flag, str(data[key])] if data.get(key) else []
    user = f"{data['ssh_user']}@" if data.get("ssh_user") else ""
    name = str(data.get("ssh_hostname") or host.name)
    return ["--rsh", shlex.join(ssh)], f"{user}[{name}]:" if ":" in name else f"{user}{name}:"


def _data(host: Host) -> Mapping[str, Any] | None:
    """Return the settings of pyinfra's SSH connection to a host; None if pyinfra does not reach the host by SSH."""
    data: Mapping[str, Any] = getattr(host.connector, "data", {})
    return data if "ssh_hostname" in data else None
