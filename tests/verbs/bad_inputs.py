"""Inputs that are refused, as tables: settings, options and inventories, each with its message.

Each input takes the way of a command: the fleet is pyinfra's, with hosts that are never connected.
``python -m tests.verbs.bad_inputs`` writes the present messages into the tables.
"""

from __future__ import annotations

import ast
import copy
import functools
import importlib.metadata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pyinfra.api import connectors
from pyinfra.api.config import Config
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State

from orchestrator.errors import UsageError
from orchestrator.verbs import asked

TABLES = ("bad_settings", "bad_options", "bad_inventories")

ELB = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:"

SETTINGS: dict[str, Any] = {
    "app": "shop",
    "source": {"origin": "git@example.com:shop.git"},
    "switches": [
        {
            "kind": "haproxy",
            "group": "haproxy",
            "urls": ["http://shop.test/"],
            "tls": {"certificate": "/etc/tls/shop.pem"},
            "sticky": {"cookie": "route"},
        },
        {"kind": "nginx", "group": "nginx", "urls": ["http://shop.test/"]},
        {"kind": "node", "urls": ["http://shop.test/"]},
        {
            "kind": "alb",
            "urls": ["http://shop.test/"],
            "rule": f"{ELB}listener-rule/app/shop/1/2/3",
            "blue": f"{ELB}targetgroup/blue/1",
            "green": f"{ELB}targetgroup/green/2",
        },
    ],
    "marker": {"token": "hush"},
    "preview": {"token": "0123456789abcdef"},
    "php": {"workers": 4},
    "shared": {"directories": ["storage"]},
    "environment": {"values": {"KEY": "value"}},
    "services": [{"name": "chat", "command": "bin/chat", "path": "/chat", "ports": {"blue": 9001, "green": 9002}}],
    "workers": [{"name": "queue", "command": "bin/queue"}],
    "schedule": [{"name": "tick", "command": "bin/tick"}],
    "build": [{"name": "composer", "run": "composer install", "inputs": ["composer.lock"], "outputs": ["vendor"]}],
    "hooks": [{"after": "cutover", "run": "bin/tell"}],
    "scaling": {"group": "shop", "live": "s3://bucket/live.json"},
}
"""Settings that are right, with every section that a table changes."""

CHANGES: dict[str, dict[str, Any]] = {
    "journal in s3": {"journal": {"kind": "s3", "bucket": "shop-journal"}},
    "split by client": {
        "switches": [SETTINGS["switches"][0] | {"split": "client", "split_cookie": "PHPSESSID"}],
    },
    "testers and a split by client": {
        "maintenance": {"token": "t" * 16},
        "switches": [SETTINGS["switches"][0] | {"split": "client", "split_cookie": "PHPSESSID"}],
    },
    "archive": {"source": {"kind": "archive", "url": "https://builds.test/{ref}.tar"}},
    "artifact": {"source": {"kind": "artifact", "checkout": "."}},
    "directory": {"source": {"kind": "directory", "path": "."}},
}
"""Name in brackets behind a key -> changes of the settings."""

GROUPS: dict[str, Any] = {"nodes": ["node1", "node2", "node3"], "haproxy": ["haproxy1"], "nginx": ["nginx1"]}


ENTRY_POINTS = functools.cache(importlib.metadata.entry_points)
"""pyinfra searches all installed packages for its connectors several times for each inventory, which takes 40 ms."""


@dataclass(frozen=True)
class Case:
    """One line of a table.

    + table: name of the table
    + heading: heading above the line
    + text: the input, as the table has it
    + message: the message, as the table has it
    + number: number of the line
    """

    table: str
    heading: str
    text: str
    message: str
    number: int

    @property
    def words(self) -> str:
        """The whole message of the command."""
        if self.table != "bad_settings" or self.message.startswith("= "):
            return self.message.removeprefix("= ")
        return f"settings: {self.heading.partition(' (')[0]}: {self.message}"

    def refusal(self) -> str | None:
        """The message of the command; None if the command accepts the input."""
        value = evaluate(self.text)
        try:
            match self.table:
                case "bad_settings":
                    ask(settings_with(self.heading, value))
                case "bad_options":
                    ask(SETTINGS, verb=self.heading, options=value)
                case _:
                    ask(SETTINGS, groups=GROUPS | value)
        except UsageError as error:
            return str(error)
        return None


def evaluate(text: str) -> Any:
    """The value of a literal; it may contain a literal that is multiplied by a number, such as ``"s" * 32``."""
    return _value(ast.parse(text, mode="eval").body)


def _value(tree: ast.expr) -> Any:
    if isinstance(tree, ast.BinOp):
        left, right = _value(tree.left), _value(tree.right)
        return left**right if isinstance(tree.op, ast.Pow) else left * right
    if isinstance(tree, ast.Dict):
        return {_value(key): _value(value) for key, value in zip(tree.keys, tree.values, strict=True) if key}
    if isinstance(tree, ast.List):
        return [_value(each) for each in tree.elts]
    return ast.literal_eval(tree)


def settings_with(heading: str, value: Any) -> dict[str, Any]:
    """The settings `SETTINGS` with another value.

    + heading: path of the key, such as ``services.0.name``, and the name of other changes in brackets
    """
    path, _, name = heading.removesuffix(")").partition(" (")
    settings = copy.deepcopy(SETTINGS | CHANGES.get(name, {}))
    *sections, key = path.replace("\\n", "\n").split(".")
    place: Any = settings
    for section in sections:
        place = place[int(section)] if isinstance(place, list) else place.setdefault(section, {})
    place[key] = value
    return settings


def ask(
    settings: object,
    verb: str = "release",
    options: Mapping[str, object] | None = None,
    groups: Mapping[str, Any] = GROUPS,
) -> None:
    """Ask as a command does, with hosts that are not connected. Raises UsageError if something is wrong."""
    named = {
        name: [host if isinstance(host, tuple) else (host, {}) for host in hosts or ()]
        for name, hosts in groups.items()
    }
    everybody: dict[str, dict[str, Any]] = {name: dict[str, Any]() for hosts in named.values() for name, _ in hosts}
    everybody["spare"] = {}
    listed: dict[str, Any] = {
        name: ([(f"@fake/{host}", data) for host, data in hosts], {})
        for name, hosts in named.items()
        if groups[name] is not None
    }
    everyone = ([(f"@fake/{name}", data) for name, data in everybody.items()], {"settings": settings})
    with patch.object(connectors, "entry_points", ENTRY_POINTS):
        inventory = Inventory(everyone, override_data=dict(options or {}), **listed)
    for host in inventory:
        host.name = host.name.removeprefix("@fake/")
    inventory.hosts = {host.name: host for host in inventory.hosts.values()}
    asked(State(inventory, Config()), verb)


def cases(table: str) -> Iterator[Case]:
    heading = ""
    for number, line in enumerate(path_of(table).read_text().splitlines(), 1):
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line and not line.startswith("#"):
            text, _, message = line.partition("  ->  ")
            yield Case(table, heading, text.strip(), message, number)


def path_of(table: str) -> Path:
    return Path(__file__).with_name(f"{table}.txt")


def write(table: str) -> None:
    """Write the present messages into a table."""
    lines = path_of(table).read_text().splitlines()
    for case in cases(table):
        said = case.refusal() or "ACCEPTED"
        if table == "bad_settings":
            key = f"settings: {case.heading.partition(' (')[0]}: "
            said = said.removeprefix(key) if said.startswith(key) else f"= {said}"
        lines[case.number - 1] = f"{case.text}  ->  {said}"
    path_of(table).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    for each in TABLES:
        write(each)
