"""A removal that keeps the shared data notes to whom the data belongs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyinfra.api.host import Host

from orchestrator.config import load
from orchestrator.fleet import Fleet
from orchestrator.provision.removal import walk
from orchestrator.provision.removal.left import Left
from orchestrator.provision.web_user import Holding, Holds

SETTINGS = load(
    {
        "app": "shop",
        "source": {"origin": "x"},
        "marker": {"answers": "all"},
        "switches": [{"kind": "node", "urls": ["http://b"]}],
    }
)


class Node:
    """The part of `Fleet` that a removal uses, with one node, which says to whom its files belong."""

    settings = SETTINGS
    nodes = ("node1",)

    def __init__(self, holding: Holding) -> None:
        self.holding = holding
        self.ran: list[str] = []

    def each(self, names: Any, act: Any, deadline: float) -> list[Any]:
        host = SimpleNamespace(name="node1", get_fact=lambda fact, **asked: {})
        return [SimpleNamespace(name=name, value=act(host), error=None) for name in names]

    def look(self, host: Host, fact: Any, **arguments: Any) -> Holding:
        assert fact is Holds
        return self.holding

    def shell(self, host: Host, command: Any, stdin: str = "") -> list[str]:
        text = command.get_raw_value()
        note = f"{SETTINGS.node.kept_web_user} "
        self.ran.append(f"note {text.rpartition(note)[2]}" if "printf" in text and note in text else "remove")
        return []


@pytest.mark.parametrize(
    ("keep", "holding", "ran"),
    [
        (True, Holding("www-data"), ["note www-data"]),
        (True, Holding("shop-web", ("www-data", "shop-web")), ["note 'www-data shop-web'"]),
        # an earlier removal was killed after it had removed the units
        (True, Holding(), []),
        (False, Holding("www-data"), []),
    ],
)
def test_the_owner_of_kept_data_is_noted_first(keep: bool, holding: Holding, ran: list[str]) -> None:
    node = Node(holding)
    found = {"node1": Left(foreign=("shared",) if keep else ())}
    walk.remove_files(cast("Fleet", node), found, keep, lambda line: None)
    assert node.ran == [*ran, "remove", "remove"]
