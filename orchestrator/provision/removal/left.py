"""Find out which files, units, firewall rules and keys an application has on a host. A removal needs this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.errors import Silent
from orchestrator.facts.base import Fact
from orchestrator.scripts.command import question
from orchestrator.scripts.files import read

SECONDS = 120
"""Seconds that the script ``left.sh`` may take.

Up to 60 of these seconds are for measuring the size of the application's directory ``shared``.
"""


@dataclass(frozen=True)
class Left:
    """The parts of an application that are on a host, and facts about the host that a removal needs.

    + paths: the application's files and directories outside its root directory, such as ``/srv/<name>``
    + units: names of the application's systemd units
    + rules: the firewall rules that bar nodes; each item is an IP address, a space and a port
    + entries: names in the root directory that a removal removes; only ``.`` if the root directory is empty
    + foreign: names in the root directory that a removal does not remove
    + mounts: paths of the file systems that are mounted below the root directory
    + shared: size of the directory ``shared`` in KiB; None if the directory does not exist, or if its size is unknown
    + keys: how many public keys of the settings are in the deploy user's ``authorized_keys``
    + login: name of the user with which the operator logged in to the host
    + others: name of each other application on the host -> name of its deploy user; an empty name if the user is
      unknown
    + beside: paths of nginx's configuration files that do not belong to the application
    + listens: the ports in the directives ``listen`` of these files
    + clients: number of open connections to the application's ports
    """

    paths: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    shared: int | None = None
    keys: int = 0
    login: str = ""
    others: Mapping[str, str] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    listens: tuple[int, ...] = ()
    clients: int = 0


def parse(output: Sequence[str]) -> Left:
    """Parse the output of the script ``left.sh``, which prints the parts that an application has on a host.

    + output: lines that the script printed

    Raises Silent if the output is cut off before its last line, because then some parts of the application are unknown.
    """
    if output[-1:] != ["end"]:
        raise Silent("does not say everything that the application has there: the output of the command is cut off")
    said: dict[str, list[str]] = {}
    for line in output:
        word, _, rest = line.partition(" ")
        said.setdefault(word, []).append(rest)

    def all_of(word: str) -> tuple[str, ...]:
        return tuple(said.get(word, ()))

    def number(word: str) -> int | None:
        text = said.get(word, [""])[0]
        return int(text) if text.isdigit() else None

    return Left(
        paths=all_of("path"),
        units=all_of("unit"),
        rules=all_of("rule"),
        entries=all_of("entry"),
        foreign=all_of("foreign"),
        mounts=all_of("mount"),
        shared=number("shared"),
        keys=number("keys") or 0,
        login=all_of("login")[0],
        others={app: user for app, _, user in (line.partition(" ") for line in all_of("other"))},
        beside=all_of("beside"),
        listens=tuple(int(port) for port in all_of("listens")),
        clients=number("clients") or 0,
    )


class WhatIsLeft(Fact[Left]):
    """
    Returns the parts that an application has on a host.

    The command needs the public keys of the setting ``authorized_keys`` on standard input, one key on each line. The
    command counts how many of these keys may log in as the deploy user.

    + app: name of the deployment (``Settings.name``)
    + user: name of the application's deploy user
    + root: the application's root directory, such as ``/srv/shop``
    + entries: names in the root directory that a removal removes
    + ports: the application's ports on this host. The command counts the open connections to these ports.
    + paths: paths outside the root directory that the application may have. The result contains the paths that exist.
    """

    @override
    def command(
        self, app: str, user: str, root: str, entries: Sequence[str], ports: Sequence[int], paths: Sequence[str]
    ) -> StringCommand:
        words = [app, user, root, " ".join(entries), " ".join(str(port) for port in ports), *paths]
        return question(read("provision/removal/left.sh"), *words, seconds=SECONDS)

    @override
    def parse(self, output: list[str]) -> Left:
        return parse(output)
