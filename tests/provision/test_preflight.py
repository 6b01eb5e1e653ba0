"""The checks before provisioning, on hosts that answer what a test gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.config import Settings, load
from orchestrator.config.switch import Switch
from orchestrator.errors import Refused
from orchestrator.fleet import Fleet, Reply
from orchestrator.provision import preflight
from orchestrator.provision.bind import ALL_IPV4, Bind
from orchestrator.provision.facts import LoginShells
from orchestrator.provision.in_use import Claim, InUse

SETTINGS = load(
    {
        "app": "shop",
        "source": {"origin": "x"},
        "marker": {"answers": "all"},
        "switches": [{"kind": kind, "group": kind, "urls": ["http://b"]} for kind in ("haproxy", "nginx")],
    }
)


@dataclass
class Hosts:
    """The part of `Fleet` that the checks use.

    + answers: host -> what it answers; a host without an answer cannot say which ports are in use
    + down: hosts that cannot be reached
    + shells: host -> login shell of the deploy user; bash if the host is not named
    + asked: the questions, as pairs of a host and the programs that are set up there
    """

    answers: Mapping[str, InUse]
    down: tuple[str, ...] = ()
    shells: Mapping[str, str] = field(default_factory=dict)
    settings: Settings = SETTINGS
    asked: list[tuple[str, list[str]]] = field(default_factory=list)
    nodes: tuple[str, ...] = ("node1", "node2")
    balancers: Mapping[str, str] = field(default_factory=lambda: {"haproxy": "haproxy", "nginx": "nginx"})

    @property
    def state(self) -> Any:
        return SimpleNamespace(inventory=[self.host(name) for name in (*self.nodes, *self.balancers)])

    def host(self, name: str) -> Any:
        return SimpleNamespace(name=name, connected=name not in self.down)

    def switch_of(self, name: str) -> Switch:
        return next(switch for switch in self.settings.switches if switch.kind == name)

    def each(self, names: Iterable[str], act: Callable[[Any], Any], deadline: float) -> list[Reply[Any]]:
        return [Reply(name, act(self.host(name)), None, False, 0.0) for name in names]

    def look(self, host: Any, fact: Any, used: Sequence[str] = (), users: Sequence[str] = ()) -> Any:
        if fact is LoginShells:
            return {"admin": "/usr/bin/zsh", users[0]: self.shells.get(host.name, "/bin/bash")}
        self.asked.append((host.name, list(used)))
        return self.answers.get(host.name)


def problems(hosts: Hosts) -> list[str]:
    return preflight.problems(cast(Fleet, hosts))


EMPTY = dict.fromkeys(("node1", "node2", "haproxy", "nginx"), InUse())


def named(path: str, port: int, owner: str) -> InUse:
    return InUse(claims=(Claim(path, Bind(ALL_IPV4, port, port), owner),))


def test_a_fleet_without_a_problem_is_not_refused() -> None:
    hosts = Hosts(EMPTY)
    assert problems(hosts) == []
    preflight.require(cast(Fleet, hosts))


def test_each_host_is_asked_once() -> None:
    hosts = Hosts(EMPTY)
    problems(hosts)
    programs = {"node1": ["nginx"], "node2": ["nginx"], "haproxy": ["haproxy"], "nginx": ["nginx"]}
    assert sorted(hosts.asked) == sorted(programs.items())


def test_a_host_in_both_roles_is_asked_once_for_both() -> None:
    hosts = Hosts(EMPTY, nodes=("node1", "haproxy"))
    assert problems(hosts) == []
    assert dict(hosts.asked)["haproxy"] == ["haproxy", "nginx"]
    assert len(hosts.asked) == 3


def test_one_refusal_names_all_problems_of_all_hosts() -> None:
    blog = named("/etc/nginx/conf.d/blog.conf", 8081, "nginx.service")
    cfg = named("/etc/haproxy/orchestrator/blog.cfg", 80, "haproxy.service")
    hosts = Hosts({"node1": blog, "node2": blog, "haproxy": cfg}, down=("nginx",))
    with pytest.raises(Refused) as refused:
        preflight.require(cast(Fleet, hosts))
    assert str(refused.value).splitlines() == [
        "nothing was changed on any host:",
        "    nginx cannot be reached, and provisioning needs all hosts: repair the connection, or remove a server that "
        "no longer exists from the inventory",
        "    node1, node2: port 8081 is taken by /etc/nginx/conf.d/blog.conf: change ports.blue",
        "    haproxy: port 80 is taken by /etc/haproxy/orchestrator/blog.cfg: change switches.haproxy.listen",
    ]


def test_a_host_that_cannot_say_its_ports_is_named() -> None:
    hosts = Hosts({name: found for name, found in EMPTY.items() if name != "node2"})
    assert problems(hosts) == ["node2: it is unknown which ports are in use: the command failed"]


@pytest.mark.parametrize("shell", ["/usr/sbin/nologin", "/bin/tcsh", "/usr/bin/fish"])
def test_a_login_shell_that_is_not_like_sh_is_refused(shell: str) -> None:
    hosts = Hosts(EMPTY, shells={"node2": shell})
    assert problems(hosts) == [
        f"node2: the login shell of deploy is {shell}, which does not run commands as sh does: "
        "run usermod --shell /bin/bash deploy"
    ]
