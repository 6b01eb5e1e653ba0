"""A second deployment of an application has nothing on its servers with a name of the first deployment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from pyinfra.context import ctx_host
from typing_extensions import override

from orchestrator.config import Settings, load
from orchestrator.config.switch import HAProxySwitch, NginxSwitch
from orchestrator.model import Color
from orchestrator.provision import haproxy, nginx_balancer, node, render
from orchestrator.provision.facts import Account
from orchestrator.provision.removal import paths
from orchestrator.provision.web_user import Holding
from orchestrator.provision.work import Work
from orchestrator.stack.files import files

ADDRESSES = {"node1": "10.0.0.1", "node2": "web2.test"}
LISTENERS = {"listen": 8000, "tls": {"certificate": "/c.pem", "key": "/k.pem", "listen": 8443}}
BALANCERS = [
    {"kind": kind, "group": kind, "urls": ["http://b"], "sticky": {"cookie": "SRV"}, "split": "client", **LISTENERS}
    for kind in ("haproxy", "nginx")
]


def settings(deployment: str | None = "staging", **more: Any) -> Settings:
    return load(
        {
            "app": "zebra",
            "deployment": deployment,
            "source": {"origin": "git@origin:x.git"},
            "switches": BALANCERS,
            "marker": {"answers": "all"},
            "preview": {"token": "a" * 16, "port": 8190},
            "shared": {"directories": ["storage"]},
            "php": {"idle_workers": 1},
            "scaling": {"group": "g", "hook": "h", "live": "s3://bucket/live"},
            "journal": {"kind": "s3", "bucket": "acme-deploys"},
        }
        | more
    )


class Recorded(Work):
    """Keeps all arguments of all operations, and runs none of them."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    @override
    def do(self, what: str, operation: Callable[..., Any], **arguments: object) -> bool:
        self.said.append(f"{what}: {arguments}".replace("\\n", "\n"))
        return True

    @override
    def account(self, user: str) -> Account:
        return Account(f"/home/{user}", user)


class Bare:
    """A host on which nothing was provisioned before."""

    name = "host"

    def get_fact(self, fact: type, **arguments: Any) -> Any:
        answers: dict[str, Any] = {
            "Addresses": {"web2.test": "10.0.0.2"},
            "MissingPackages": [],
            "Accounts": {"deploy": Account("/home/deploy", "deploy")},
            "Text": "",
            "Holds": Holding(),
            "HAProxyVersion": (2, 6),
            "Entries": {},
        }
        return answers.get(fact.__name__, [])


@pytest.fixture(autouse=True)
def host() -> Iterator[None]:
    with ctx_host.use(Bare()):
        yield


RUNTIMES: Mapping[str, dict[str, Any]] = {
    "php": {"services": [{"name": "ws", "command": "bin/ws", "path": "/ws"}]},
    "service": {"runtime": "service", "services": [{"name": "web", "command": "x", "path": "/"}], "php": {}},
}


def installed(made: Settings) -> list[str]:
    """Everything that provisioning installs on a node and on both kinds of balancers, and a release's configuration."""
    work = Recorded()
    node.place(work, made, "node1", {"b": "10.0.0.9"}, Color.blue)
    for switch in made.switches:
        if isinstance(switch, HAProxySwitch):
            haproxy.place(work, made, switch, ADDRESSES, Color.blue)
        elif isinstance(switch, NginxSwitch):
            nginx_balancer.place(work, made, switch, ADDRESSES, Color.blue)
    return [*work.said, str(files(made)), *paths.system(made), paths.state(made)]


@pytest.mark.exhaustive
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_all_that_is_installed_has_the_name_of_the_deployment(runtime: str) -> None:
    found = "\n".join(installed(settings(**RUNTIMES[runtime])))
    assert len(re.findall("zebra-staging", found)) > 100
    assert re.findall(r".*zebra(?![-_]staging).*", found) == []


def variables(made: Settings) -> set[str]:
    """The variables, log formats and zones of nginx that only this deployment may define."""
    switch = next(one for one in made.switches if isinstance(one, NginxSwitch))
    pinned = {"node1": "10.0.0.1"}
    text = render.front_nginx(made) + render.balancer_nginx(made, switch, pinned)
    return set(re.findall(r"bg_zebra\w*", text))


@pytest.mark.parametrize("deployment", ["preview", "seen", "users", "set", "to", "by", "staging"])
def test_no_variable_of_nginx_is_another_deployment_s(deployment: str) -> None:
    assert variables(settings(None)).isdisjoint(variables(settings(deployment)))


def test_clients_of_one_deployment_have_cookies_of_their_own() -> None:
    assert render.sticky_value(settings(None), "node1") != render.sticky_value(settings(), "node1")
