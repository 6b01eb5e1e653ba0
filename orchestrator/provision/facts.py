"""Facts about a host that provisioning needs before it changes anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from orchestrator.scripts.command import script
from orchestrator.scripts.files import read

SECONDS = 60
"""Seconds that a fact may take: names are resolved, and files are hashed."""

Kind = Literal["link", "directory", "file", "other"]


@dataclass(frozen=True)
class Entry:
    """A file, directory or link at a path. ``content`` is a file's SHA-256 or a link's target."""

    kind: Kind
    user: str
    group: str
    mode: str
    content: str = ""


@dataclass(frozen=True)
class Unit:
    """State of a systemd unit."""

    active: bool
    enabled: bool
    stale: bool  # the unit file is newer than what systemd has read


class Entries(FactBase[dict[str, Entry | None]]):
    """
    Returns the entry at each path, None where nothing exists.

    + paths: absolute paths; for a link the entry describes the link, not its target

    One command looks at all paths. Modes include the set-id and sticky bits, which pyinfra's own ``Directory`` drops.
    """

    default = dict

    @override
    def command(self, paths: Sequence[str]) -> StringCommand:
        return script(read("provision/entries.sh"), *paths, seconds=SECONDS)

    @override
    def process(self, output: list[str]) -> dict[str, Entry | None]:
        found: dict[str, Entry | None] = {}
        for line in output:
            kind, rest = line.split("|", 1)
            if kind == "-":
                found[rest] = None
                continue
            user, group, mode, content, path = rest.split("|", 4)
            found[path] = Entry(kind, user, group, mode, content)  # type: ignore[arg-type]
        return found


class Heirs(FactBase[dict[str, frozenset[str]]]):
    """
    Returns for each directory the users who may write new files in it, whoever creates them (its default ACL).

    + paths: absolute paths
    """

    default = dict

    @override
    def command(self, paths: Sequence[str]) -> StringCommand:
        bits = [QuoteString(path) for path in paths]
        return StringCommand("for p in", *bits, '; do echo "|$p"; getfacl -cdpE -- "$p"; done')

    @override
    def process(self, output: list[str]) -> dict[str, frozenset[str]]:
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
    """A certificate and its private key, as PEM files; all None where there is no file.

    + certificates: number of certificates in the first file
    + keys: number of private keys in the second file
    + match: whether certificate and key belong together; None without openssl
    """

    certificates: int | None = None
    keys: int | None = None
    match: bool | None = None


class KeyPair(FactBase[Pair]):
    """
    Returns the contents of a certificate's file and a key's file. No part of the key leaves the host.

    + certificate: absolute path; links are followed
    + key: absolute path, which may be the same

    openssl, where it is installed, checks whether they belong together: nginx accepts an RSA key with an elliptic
    certificate, and then no client can connect.
    """

    default = Pair

    @override
    def command(self, certificate: str, key: str) -> StringCommand:
        return script(read("provision/key_pair.sh"), certificate, key, seconds=SECONDS)

    @override
    def process(self, output: list[str]) -> Pair:
        said = dict(line.split("=", 1) for line in output)
        found = {name: int(said[name]) for name in ("certificates", "keys") if name in said}
        return Pair(**found, match=said["match"] == "yes" if "match" in said else None)


class Units(FactBase[dict[str, Unit]]):
    """
    Returns the state of systemd units.

    + units: full names, such as ``shop-blue.target``
    """

    default = dict

    @override
    def command(self, units: Sequence[str]) -> StringCommand:
        return StringCommand(
            "systemctl show --property=Id,ActiveState,UnitFileState,NeedDaemonReload --",
            *[QuoteString(unit) for unit in units],
        )

    @override
    def process(self, output: list[str]) -> dict[str, Unit]:
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


class Current(FactBase[dict[str, bool]]):
    """
    Returns for each stamp whether the files that it lists are unchanged since they were loaded.

    + stamps: paths of stamps, in the format of ``sha256sum``; a missing one is not current
    """

    default = dict

    @override
    def command(self, stamps: Sequence[str]) -> StringCommand:
        return script(read("provision/current.sh"), *stamps, seconds=SECONDS)

    @override
    def process(self, output: list[str]) -> dict[str, bool]:
        lines = [line.split("|", 1) for line in output]
        return {stamp: word == "yes" for word, stamp in lines}


class MissingPackages(FactBase[list[str]]):
    """
    Returns the packages that are not installed.

    + packages: names of Debian packages
    """

    default = list

    @override
    def requires_command(self, packages: Sequence[str]) -> str:
        return "dpkg-query"

    @override
    def command(self, packages: Sequence[str]) -> StringCommand:
        return script(read("provision/missing_packages.sh"), *packages, seconds=SECONDS)

    @override
    def process(self, output: list[str]) -> list[str]:
        return list(output)


@dataclass(frozen=True)
class Account:
    """A user of the system."""

    home: str
    group: str


class Accounts(FactBase[dict[str, Account]]):
    """
    Returns home directory and primary group of each user that exists.

    + users: their names
    """

    default = dict

    @override
    def command(self, users: Sequence[str]) -> StringCommand:
        return script(read("provision/accounts.sh"), *users, seconds=SECONDS)

    @override
    def process(self, output: list[str]) -> dict[str, Account]:
        lines = [line.split("|") for line in output]
        return {user: Account(home, group) for user, home, group in lines}


class Addresses(FactBase[dict[str, str]]):
    """
    Returns the address that this host resolves each name to, IPv4 first. Unknown names are left out.

    + hosts: names or addresses
    """

    default = dict

    @override
    def command(self, hosts: Sequence[str]) -> StringCommand:
        return script(read("provision/addresses.sh"), *hosts, seconds=SECONDS)

    @override
    def process(self, output: list[str]) -> dict[str, str]:
        return dict(line.split("|", 1) for line in output)


class Text(FactBase[str]):
    """
    Returns a file's text, empty if there is none.

    + path: an absolute path
    """

    default = str

    @override
    def command(self, path: str) -> StringCommand:
        return StringCommand("cat", QuoteString(path), "2>/dev/null || true")

    @override
    def process(self, output: list[str]) -> str:
        return "".join(f"{line}\n" for line in output)


class CommandLine(FactBase[str]):
    """
    Returns the command line of a service's main process, empty if it does not run.

    + unit: full name of the service
    """

    default = str

    @override
    def command(self, unit: str) -> StringCommand:
        return StringCommand(
            "pid=$(systemctl show --property=MainPID --value --",
            QuoteString(unit),
            '); [ "${pid:-0}" = 0 ] || tr "\\000" " " < "/proc/$pid/cmdline" || true',
        )

    @override
    def process(self, output: list[str]) -> str:
        return " ".join(output).strip()


class GitSetting(FactBase[str]):
    """
    Returns one value of a git configuration file, empty if it is not set.

    + config: path of the file
    + key: such as ``core.sshCommand``
    """

    default = str

    @override
    def requires_command(self, config: str, key: str) -> str:
        return "git"

    @override
    def command(self, config: str, key: str) -> StringCommand:
        return StringCommand("git config --file", QuoteString(config), "--get", QuoteString(key), "|| true")

    @override
    def process(self, output: list[str]) -> str:
        return output[0] if output else ""


class Earlier(FactBase[list[str]]):
    """
    Returns the libraries of other applications of a node that have no ``ssh`` of their own.

    For these, a setting of git for all applications says how git reaches the origin.

    + library: library directory of the application that is provisioned
    """

    default = list

    @override
    def command(self, library: str) -> StringCommand:
        return script(read("provision/earlier.sh"), library, seconds=SECONDS)

    @override
    def process(self, output: list[str]) -> list[str]:
        return output
