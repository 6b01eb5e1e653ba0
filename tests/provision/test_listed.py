"""The paths that provisioning compares on a host are known before it begins, and one command reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from pyinfra.context import ctx_host
from typing_extensions import override

from orchestrator.config.switch import BalancerSwitch
from orchestrator.model import Color
from orchestrator.provision import common, haproxy, nginx_balancer, node
from orchestrator.provision.answers import Answers
from orchestrator.provision.listed import Listed
from orchestrator.provision.planned import Planned
from orchestrator.provision.work import Work
from tests.provision import test_root

VARIANTS = test_root.VARIANTS


class Host(test_root.Host):
    """A host that counts the questions it gets, and has nothing but its users."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    @override
    def get_fact(self, fact: Any, **arguments: Any) -> Any:
        self.asked[fact.__name__] += 1
        try:
            return super().get_fact(fact, **arguments)
        except KeyError:
            return fact.default()

    def noop(self, why: str) -> None:
        pass


def places(name: str) -> list[Callable[[Work], object]]:
    """What passes the operations of each kind of host to a Work."""
    settings = VARIANTS[name]
    kinds: dict[str, Callable[..., object]] = {"haproxy": haproxy.place, "nginx": nginx_balancer.place}

    def at(switch: BalancerSwitch) -> Callable[[Work], object]:
        return lambda work: kinds[switch.kind](work, settings, switch, test_root.NODES, Color.blue)

    balancers = [at(switch) for switch in settings.switches if isinstance(switch, BalancerSwitch)]
    return [lambda work: node.place(work, settings, "node1", {"lb": "10.0.0.9"}, Color.blue), *balancers]


def asked(place: Callable[[Work], object], paths: Iterable[str]) -> Counter[str]:
    host = Host()
    with ctx_host.use(host):
        place(Planned(Answers(paths)))
    return host.asked


@pytest.mark.parametrize("name", VARIANTS)
def test_one_command_reads_the_paths_of_a_host(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (node, common):
        monkeypatch.setattr(module, "local_text", lambda path, key: "text\n")
    for place in places(name):
        listed, host = Listed(), Host()
        with ctx_host.use(host):
            place(listed)
        assert host.asked["Entries"] == 0
        assert asked(place, listed.paths)["Entries"] == 1
        assert asked(place, ())["Entries"] > 10
