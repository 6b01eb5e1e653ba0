"""Read what an application has on a host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from typing_extensions import override

from orchestrator.scripts.command import script
from orchestrator.scripts.files import read

SECONDS = 120
"""Seconds that the script may take. It measures the shared data for up to 60 seconds."""


@dataclass(frozen=True)
class Left:
    """What an application has on a host.

    + paths: files and directories outside the application's root
    + units: names of systemd units
    + rules: IP address and port of each firewall rule that bars a node
    + entries: names in the root that are removed; ``.`` if the root is an empty directory
    + foreign: other names in the root
    + mounts: paths of file systems that are mounted below the root
    + shared: size of the shared data in KiB; None if there is no shared data, or if its size is unknown
    + keys: how many of the public keys of the settings may log in as the deploy user
    + login: the user as whom the operator logged in
    + others: other applications on the host -> their deploy users; an empty name if the deploy user is unknown
    + beside: paths of nginx's other configuration files
    + listens: ports that these files name
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
    """Return what the output of ``left.sh`` says."""
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


class WhatIsLeft(FactBase[Left]):
    """
    Returns what an application has on a host. The public keys of the deploy user are read from standard input.

    + app: name of the application
    + user: its deploy user
    + root: its root, such as ``/srv/shop``
    + entries: names in the root that are removed
    + ports: ports of the application on this host
    + paths: paths outside the root that the application may have
    """

    @override
    def command(
        self, app: str, user: str, root: str, entries: Sequence[str], ports: Sequence[int], paths: Sequence[str]
    ) -> StringCommand:
        words = [app, user, root, " ".join(entries), " ".join(str(port) for port in ports), *paths]
        return script(read("provision/removal/left.sh"), *words, seconds=SECONDS)

    @override
    def process(self, output: list[str]) -> Left:
        return parse(output)

    @staticmethod
    @override
    def default() -> Any:
        return None
