"""The part of provisioning that both kinds of balancer share."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra.context import host
from pyinfra.operations import server

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch
from orchestrator.errors import StepFailed
from orchestrator.provision import common, operations, render
from orchestrator.provision.facts import Account, Addresses
from orchestrator.provision.work import Work

TOOLS = ["iptables", "curl", "sudo", "iproute2", "procps", "util-linux"]


def prepare(
    work: Work, settings: Settings, nodes: Mapping[str, str], packages: list[str], checker: str
) -> tuple[Account, Mapping[str, str]]:
    """Install packages, deploy user, state directory, guard and ``bar`` on the current balancer.

    + nodes: inventory name -> address of every node
    + packages: Debian packages of this kind of balancer
    + checker: name of the script that checks its configuration

    Returns the deploy user's account and the nodes' addresses as this balancer resolves them.
    """
    common.packages(work, [*packages, *TOOLS])
    account = common.deploy_user(work, settings)
    layout = settings.balancer
    parent = layout.state.rsplit("/", 1)[0]
    work.do("state directory", operations.directories, paths=[parent])
    work.do(
        "state",
        operations.directories,
        paths=[layout.state, layout.guard_dir],
        user=settings.user,
        group=account.group,
    )
    scripts = {**common.scripts_of("guard", checker), "bar": render.bar(settings)}
    common.library(work, layout.library, scripts)
    common.etc(work, settings)
    found = resolved(nodes)
    text = render.nodes_list(settings, nodes, found)
    work.do("list of nodes", operations.file, path=render.nodes_file(settings), text=text)
    common.sudoers(work, settings, render.balancer_sudoers(settings, nodes))
    unit = f"{settings.app}-bar.service"
    path = f"/etc/systemd/system/{unit}"
    if work.do("unit that bars at boot", operations.file, path=path, text=render.bar_service(settings)):
        enable = f"systemctl daemon-reload && systemctl enable --quiet {unit}"
        work.do("unit that bars at boot: enabled", server.shell, commands=[enable])
    return account, found


def ports(settings: Settings, switch: BalancerSwitch) -> list[int]:
    """Every port on which a balancer of this switch listens."""
    preview = settings.preview.port if render.preview(settings) else None
    return switch.listens + ([preview] if preview else [])


def mode(settings: Settings) -> str:
    """Permissions of a balancer's configuration: only root may read the preview token."""
    return "640" if render.preview(settings) else "644"


def check(settings: Settings, switch: BalancerSwitch, checker: str) -> str:
    """The shell command that checks whether ``$candidate`` can be this balancer's configuration."""
    wanted = " ".join(str(port) for port in ports(settings, switch))
    return f'{settings.balancer.library}/{checker} "$candidate" "$path" {wanted}'


def resolved(nodes: Mapping[str, str]) -> Mapping[str, str]:
    """Address in the inventory -> IP address, as the current balancer resolves it. Raises StepFailed."""
    names = [address for address in nodes.values() if not render.is_address(address)]
    found = {address: address for address in nodes.values() if render.is_address(address)}
    if names:
        looked_up = host.get_fact(Addresses, hosts=names)
        found.update(looked_up)
    for name, address in nodes.items():
        if address not in found:
            raise StepFailed(f"{host.name}: cannot find the address of {name} ({address}): give it in the inventory")
    return found
