"""Make the command line of OpenSSH that runs a command on a host of the inventory. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

ALWAYS = {
    # without this line, ssh prints `Connection to ... closed.` when a terminal ends
    "LogLevel": "ERROR",
    # the end of ssh must end the connection: the host then kills the command
    "ControlMaster": "no",
    "ControlPath": "none",
    "RemoteCommand": "none",
    # end the session if the host has not answered for 45 seconds
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "3",
}
"""Options of every session. They override the operator's configuration of OpenSSH."""


def ssh(name: str, data: Mapping[str, Any], connect_timeout: int | None, command: str, terminal: bool) -> list[str]:
    """Return the ssh command that runs a command on a host, as a list of words.

    ssh uses the address, port, user, key and known hosts that the inventory names, as pyinfra does. If the inventory
    does not name them, both use the operator's ``~/.ssh/config``.

    + name: name of the host
    + data: the data of the host in the inventory, with pyinfra's names, such as ``ssh_hostname``
    + connect_timeout: seconds within which the host must accept the connection; None for ssh's default
    + command: the command, which the login shell of the host runs
    + terminal: whether the command gets a terminal. If not, ssh asks nothing, so that a missing key is an error.
    """
    options = dict(ALWAYS)
    if not terminal:
        options["BatchMode"] = "yes"
    if connect_timeout:
        options["ConnectTimeout"] = str(connect_timeout)
    if policy := data.get("ssh_strict_host_key_checking"):
        options["StrictHostKeyChecking"] = str(policy)
    if known := data.get("ssh_known_hosts_file"):
        options["UserKnownHostsFile"] = _path(known)
    if data.get("ssh_key"):
        options["IdentitiesOnly"] = "yes"
    elif data.get("ssh_allow_agent") is False:
        options["IdentityAgent"] = "none"
    if data.get("ssh_forward_agent") is not None:
        options["ForwardAgent"] = "yes" if data["ssh_forward_agent"] else "no"
    words = ["ssh", "-t" if terminal else "-T"]
    for flag, key in (("-F", "ssh_config_file"), ("-p", "ssh_port"), ("-l", "ssh_user"), ("-i", "ssh_key")):
        if value := data.get(key):
            words += [flag, str(Path(value).expanduser()) if flag in ("-F", "-i") else str(value)]
    words += [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    return [*words, "--", str(data.get("ssh_hostname") or name), command]


def _path(path: str) -> str:
    """Return a path as the value of an option, in which a space ends a path, and % begins the name of a variable."""
    return '"' + str(Path(path).expanduser()).replace("%", "%%") + '"'
