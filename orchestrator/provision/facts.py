"""Read facts about a host. From these facts, provisioning determines the changes that the host needs."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pyinfra.api.command import QuoteString, StringCommand
from typing_extensions import override

from orchestrator.facts.base import Fact
from orchestrator.scripts.command import Question, question
from orchestrator.scripts.files import read

SECONDS = 60
"""Seconds that the script of a fact may take.

The time is long, because the scripts may resolve host names or hash files.
"""

Kind = Literal["link", "directory", "file", "other"]

KINDS: Mapping[int, Kind] = {stat.S_IFLNK: "link", stat.S_IFDIR: "directory", stat.S_IFREG: "file"}
"""File type in the raw mode of an entry -> kind of the entry."""


@dataclass(frozen=True)
class Entry:
    """A file, directory or symlink at a path of a host.

    + kind: whether this is a file, a directory, a symlink or something else
    + user, group: names of the owner and of the group
    + mode: permissions in octal, without a leading zero
    + content: SHA-256 of a file, or target of a symlink; empty for directories and other entries
    """

    kind: Kind
    user: str
    group: str
    mode: str
    content: str = ""


@dataclass(frozen=True)
class Unit:
    """The state of a systemd unit.

    + active: whether the unit runs or is starting
    + enabled: whether the unit starts at boot
    + stale: whether the unit file has changed since systemd read it
    """

    active: bool
    enabled: bool
    stale: bool


class _Lines(Fact[list[str]]):
    """The base of the facts whose value is the list of the lines that the command printed."""

    default = list

    @override
    def parse(self, output: list[str]) -> list[str]:
        return list(output)


class _Pairs(Fact[dict[str, str]]):
    """The base of the facts whose command prints one line ``name|value`` for each name."""

    default = dict

    @override
    def parse(self, output: list[str]) -> dict[str, str]:
        return dict(line.split("|", 1) for line in output)


class Entries(Fact[dict[str, Entry | None]]):
    """
    Returns the file, directory or symlink at each path: path -> entry; None if nothing exists at the path.

    + paths: absolute paths. At a symlink, the entry describes the symlink, not its target.

    One command reads all paths. Modes include the set-id and sticky bits, which pyinfra's fact ``Directory`` leaves
    out.
    """

    default = dict

    @override
    def command(self, paths: Sequence[str]) -> StringCommand:
        return question(read("provision/entries.sh"), *paths, seconds=SECONDS)

    @override
    def parse(self, output: list[str]) -> dict[str, Entry | None]:
        said: dict[str, list[str]] = {word: [] for word in ("entry", "none", "sum", "link", "target")}
        for line in output:
            word, rest = line.split("|", 1)
            said[word].append(rest)
        content = {line[66:]: line[:64] for line in said["sum"]}
        content |= dict(zip(said["link"], said["target"], strict=True))
        found: dict[str, Entry | None] = dict.fromkeys(said["none"])
        for line in said["entry"]:
            raw, user, group, mode, path = line.split("|", 4)
            kind = KINDS.get(stat.S_IFMT(int(raw, 16)), "other")
            found[path] = Entry(kind, user, group, mode, content.get(path, ""))
        return found


class Heirs(Fact[dict[str, frozenset[str]]]):
    """
    Returns the users who may write to all new files of a directory: path of the directory -> names of the users.

    These are the users to whom the default ACL of the directory gives write permission. The default ACL applies to
    every file that any user creates in the directory later.

    + paths: absolute paths of directories
    """

    default = dict

    @override
    def command(self, paths: Sequence[str]) -> StringCommand:
        return question(read("provision/default_acl.sh"), *paths, seconds=SECONDS)

    @override
    def parse(self, output: list[str]) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        path = ""
        for line in output:
            if line.startswith("|"):
                path = line[1:]
                found[path] = frozenset()
            elif entry := re.fullmatch(r"user:([^:]+):rw[x-]", line):
                found[path] |= {entry[1]}
        return found


@dataclass(frozen=True)
class Pair:
    """The numbers of certificates and private keys in two PEM files, and whether the key belongs to the certificate.

    + certificates: number of certificates in the certificate's file; None if the file does not exist
    + keys: number of private keys in the key's file; None if the file does not exist
    + match: whether the key belongs to the certificate; None if this is unknown, for example on a host without openssl
    """

    certificates: int | None = None
    keys: int | None = None
    match: bool | None = None


class KeyPair(Fact[Pair]):
    """
    Returns how many certificates and private keys two PEM files have, and whether the key belongs to the certificate.

    No part of the key leaves the host.

    + certificate: absolute path of the certificate's file; symlinks are followed
    + key: absolute path of the key's file, which may be the same file

    The program openssl checks whether the key belongs to the certificate, if openssl is installed. nginx's own
    check is not enough: nginx accepts an RSA key with an elliptic curve certificate, and then no client can connect.
    """

    default = Pair

    @override
    def command(self, certificate: str, key: str) -> StringCommand:
        return question(read("provision/key_pair.sh"), certificate, key, seconds=SECONDS)

    @override
    def parse(self, output: list[str]) -> Pair:
        said = dict(line.split("=", 1) for line in output)
        found = {name: int(said[name]) for name in ("certificates", "keys") if name in said}
        return Pair(**found, match=said["match"] == "yes" if "match" in said else None)


class Units(Fact[dict[str, Unit]]):
    """
    Returns the state of systemd units: name of the unit -> state.

    + units: full names of the units, such as ``shop-blue.target``
    """

    default = dict

    @override
    def command(self, units: Sequence[str]) -> StringCommand:
        return Question(
            "systemctl show --property=Id,ActiveState,UnitFileState,NeedDaemonReload --",
            *[QuoteString(unit) for unit in units],
        )

    @override
    def parse(self, output: list[str]) -> dict[str, Unit]:
        found: dict[str, Unit] = {}
        seen: dict[str, str] = {}
        for line in [*output, ""]:
            key, equals, value = line.partition("=")
            if equals:
                seen[key] = value
            elif seen:
                found[seen["Id"]] = Unit(
                    active=seen.get("ActiveState") in ("active", "activating", "reloading"),
                    enabled=seen.get("UnitFileState") == "enabled",
                    stale=seen.get("NeedDaemonReload") == "yes",
                )
                seen = {}
        return found


class Current(Fact[dict[str, bool]]):
    """
    Returns for each stamp whether a service has loaded its present configuration: path of the stamp -> True or False.

    A stamp is a file with the checksums of the configuration files that a service has loaded, in the format of
    ``sha256sum``. The value is True if the checksums still match the files. The value is False if the stamp does not
    exist.

    + stamps: paths of stamps
    + changing: paths of files that are about to change. If a stamp lists such a file, the value is False.
    """

    default = dict

    @override
    def command(self, stamps: Sequence[str], changing: Sequence[str] = ()) -> StringCommand:
        return question(read("provision/current.sh"), "\n".join(changing), *stamps, seconds=SECONDS)

    @override
    def parse(self, output: list[str]) -> dict[str, bool]:
        lines = [line.split("|", 1) for line in output]
        return {stamp: word == "yes" for word, stamp in lines}


class AuthorizedKeys(_Lines):
    """
    Returns the lines of a user's file ``authorized_keys``; no lines if the user or the file does not exist.

    + user: name of the user. The user's own rights are used to read the file, because the user may put a symlink there.
    + home: home directory of the user
    """

    @override
    def command(self, user: str, home: str) -> StringCommand:
        return question('runuser -u "$1" -- cat "$2" 2>/dev/null; true', user, f"{home}/.ssh/authorized_keys")


class MissingPackages(_Lines):
    """
    Returns the names of the packages that are not installed.

    + packages: names of the Debian packages to check
    """

    @override
    def command(self, packages: Sequence[str]) -> StringCommand:
        return question(read("provision/missing_packages.sh"), *packages, seconds=SECONDS)


@dataclass(frozen=True)
class Account:
    """The account of a user on a host.

    + home: home directory
    + group: name of the primary group
    """

    home: str
    group: str


class Accounts(Fact[dict[str, Account]]):
    """
    Returns the accounts of users: name of the user -> account. Users that do not exist are left out.

    + users: names of the users
    """

    default = dict

    @override
    def command(self, users: Sequence[str]) -> StringCommand:
        return question(read("provision/accounts.sh"), *users, seconds=SECONDS)

    @override
    def parse(self, output: list[str]) -> dict[str, Account]:
        lines = [line.split("|") for line in output]
        return {user: Account(home, group) for user, home, group in lines}


class LoginShells(_Pairs):
    """
    Returns the login shells of the user who logs in and of some more users: name of the user -> path of the shell.

    Users that do not exist are left out.

    + users: names of the users
    """

    @override
    def command(self, users: Sequence[str]) -> StringCommand:
        return question(read("provision/shells.sh"), *users, seconds=SECONDS)


class Addresses(_Pairs):
    """
    Returns the IP addresses to which this host resolves host names: host name -> IP address.

    If a name has an IPv4 address and an IPv6 address, the IPv4 address is returned. Names that the host cannot resolve
    are left out.

    + hosts: host names or IP addresses
    """

    @override
    def command(self, hosts: Sequence[str]) -> StringCommand:
        return question(read("provision/addresses.sh"), *hosts, seconds=SECONDS)


class Text(Fact[str]):
    """
    Returns the text of a file; empty if the file does not exist.

    + path: absolute path of the file
    """

    default = str

    @override
    def command(self, path: str) -> StringCommand:
        return Question("[ ! -e", QuoteString(path), "] || cat", QuoteString(path))

    @override
    def parse(self, output: list[str]) -> str:
        return "".join(f"{line}\n" for line in output)


class CommandLine(Fact[str]):
    """
    Returns the command line of a service's main process; empty if the service does not run.

    + unit: full name of the service's unit
    """

    default = str

    @override
    def command(self, unit: str) -> StringCommand:
        return Question(
            "pid=$(systemctl show --property=MainPID --value --",
            QuoteString(unit),
            '); [ "${pid:-0}" = 0 ] || tr "\\000" " " < "/proc/$pid/cmdline" || true',
        )

    @override
    def parse(self, output: list[str]) -> str:
        return " ".join(output).strip()


class PhpVersions(Fact[list[str]]):
    """Returns the PHP versions that the package lists of the host have, such as 7.4."""

    default = list

    @override
    def command(self) -> StringCommand:
        return Question("apt-cache pkgnames php | sed -n 's/^php\\([0-9][0-9.]*\\)-fpm$/\\1/p'")

    @override
    def parse(self, output: list[str]) -> list[str]:
        return sorted(line for line in output if re.fullmatch(r"\d{1,3}\.\d{1,3}", line))


class HAProxyVersion(Fact[tuple[int, int] | None]):
    """
    Returns the first two numbers of the installed HAProxy's version, such as (2, 6).

    The value is None if HAProxy is not installed.
    """

    default = type(None)

    @override
    def command(self) -> StringCommand:
        return Question("if [ -x /usr/sbin/haproxy ]; then /usr/sbin/haproxy -v; else echo none; fi")

    @override
    def parse(self, output: list[str]) -> tuple[int, int] | None:
        # HA-Proxy version 2.2.9-2+deb11u7 2025/04/23 - https://haproxy.org/
        said = "\n".join(output)
        found = re.search(r"version (\d{1,3})\.(\d{1,3})", said)
        if not found and said.strip() != "none":
            raise ValueError("no version of HAProxy")
        return (int(found[1]), int(found[2])) if found else None


class GitSetting(Fact[str]):
    """
    Returns the value of a setting in a git configuration file; empty if the file does not contain the setting.

    + config: path of the file
    + key: name of the setting, such as ``core.sshCommand``
    + user: user who can change the file
    """

    default = str

    @override
    def command(self, config: str, key: str, user: str) -> StringCommand:
        return question(read("provision/git_setting.sh"), config, key, seconds=SECONDS, user=user)

    @override
    def parse(self, output: list[str]) -> str:
        return output[0] if output else ""


class Earlier(_Lines):
    """
    Returns which other applications on a node may need the git setting ``core.sshCommand`` of the deploy user.

    An older version of provisioning wrote this setting, which says for all applications how git connects to the origin.
    A newer version installs a script ``ssh`` for each application. An application without this script may still need
    the setting. For each such application, the result has the path of the directory with the application's scripts.

    + library: directory with the scripts of the application that is being provisioned
    """

    @override
    def command(self, library: str) -> StringCommand:
        return question(read("provision/earlier.sh"), library, seconds=SECONDS)


class Barred(_Lines):
    """
    Returns the addresses of the nodes that this balancer bars.

    + bar: path of the program ``bar``, which lists these nodes
    """

    @override
    def command(self, bar: str) -> StringCommand:
        return Question("[ ! -x", QuoteString(bar), "] ||", QuoteString(bar), "list")


class Connections(Fact[int]):
    """
    Returns the number of open connections from this balancer to a node. Idle connections also count.

    + ip: IP address of the node
    + ports: ports of the node
    """

    @override
    def command(self, ip: str, ports: Sequence[str]) -> StringCommand:
        return question(read("provision/connections.sh"), ip, *ports, seconds=SECONDS)

    @override
    def parse(self, output: list[str]) -> int:
        return int(output[-1])


class Unconfigured(_Lines):
    """
    Returns the ids of the releases that contain no configuration files.

    An earlier version of this tool made these releases.

    + root: directory of the application
    + file: name of a file that is in the configuration of every newer release
    """

    @override
    def command(self, root: str, file: str) -> StringCommand:
        return question(read("provision/unconfigured.sh"), root, file, seconds=SECONDS)


class _Released(_Lines):
    """The base class of facts that return the names of services or of schedules.

    A fact returns a name if a release on the node has the service or schedule, and if its systemd unit is installed.

    + root: directory of the application
    + target: path of the systemd target to which the units belong
    """

    unit: ClassVar[tuple[str, str]]
    """Whose names the fact returns (``service`` or ``schedule``), and the kind of their systemd units."""

    @override
    def command(self, root: str, target: str) -> StringCommand:
        return question(read("provision/released_services.sh"), root, target, *self.unit, seconds=SECONDS)


class ReleasedServices(_Released):
    """
    Returns the names of services: at least one release on the node has the service, and a unit for it is installed.

    + root: directory of the application
    + target: path of the systemd target of the color whose units count
    """

    unit = ("service", "service")


class ReleasedSchedules(_Released):
    """
    Returns the names of the schedules that have an installed timer and that at least one release on the node has.

    + root: directory of the application
    + target: path of the systemd target of the schedules
    """

    unit = ("schedule", "timer")


class WorkerUnits(_Lines):
    """
    Returns the names of the systemd template units of workers that are installed on the node.

    + app: name of the deployment (``Settings.name``)
    """

    @override
    def command(self, app: str) -> StringCommand:
        return question(read("provision/worker_units.sh"), app, seconds=SECONDS)
