"""Provision the parts that HAProxy balancers and nginx balancers share."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from pyinfra.context import host
from pyinfra.operations import server

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch
from orchestrator.errors import StepFailed
from orchestrator.provision import common, operations, render
from orchestrator.provision.facts import Account, Addresses
from orchestrator.provision.members import Roll
from orchestrator.provision.work import Work

TOOLS = ["iptables", "curl", "sudo", "iproute2", "procps", "util-linux"]


def prepare(
    work: Work, settings: Settings, nodes: Mapping[str, str], packages: list[str], roll: Roll
) -> tuple[Account, Mapping[str, str]]:
    """Pass to ``work`` the operations that every kind of balancer needs. The operations change the current balancer.

    The operations install packages, the deploy user, the state directory, the guard and the program ``bar``. The
    operations also bar the nodes that must not get traffic. The caller installs the balancer's configuration
    afterwards. Therefore these nodes are barred even if another program makes the balancer load the new configuration
    too early.

    Returns the deploy user's account, and the result of ``resolved``: address in the inventory -> IP address.

    + work: runs the operations, or only notes them
    + nodes: inventory name -> address of every node
    + packages: Debian packages of this kind of balancer
    + roll: the differences between the balancer's present list of nodes and the inventory
    """
    common.packages(work, [*packages, *TOOLS])
    account = common.deploy_user(work, settings)
    layout = settings.balancer
    common.state(work, settings, account)
    work.do(
        "directory of the guard",
        operations.directories_below,
        base=layout.state,
        paths=[layout.guard_dir],
        user=settings.user,
        group=account.group,
    )
    scripts = {**common.scripts_of("guard"), "bar": render.bar(settings)}
    common.library(work, layout.library, scripts)
    common.etc(work, settings)
    found = resolved(work, nodes)
    text = render.nodes_list(settings, nodes, found, roll.outdated)
    work.do("list of nodes", operations.file, path=render.nodes_file(settings), text=text)
    bar(work, settings, nodes, roll.barred)
    common.sudoers(work, settings, render.balancer_sudoers(settings, nodes))
    unit = f"{settings.name}-bar.service"
    path = f"/etc/systemd/system/{unit}"
    if work.do("unit that bars at boot", operations.file, path=path, text=render.bar_service(settings)):
        enable = f"systemctl daemon-reload && systemctl enable --quiet {unit}"
        work.do("unit that bars at boot: enabled", server.shell, commands=[enable])
    return account, found


def bar(work: Work, settings: Settings, nodes: Mapping[str, str], addresses: Sequence[str]) -> None:
    """Bar nodes at the current balancer, if they are not barred yet.

    + work: runs the operation, or only notes it
    + nodes: name of the node -> address. This mapping must contain all nodes that are to be barred.
    + addresses: addresses of the nodes to bar
    """
    if addresses:
        names = ", ".join(name for name, address in nodes.items() if address in addresses)
        program = f"{settings.balancer.library}/bar"
        work.do(f"{names}: barred", operations.barred, bar=program, addresses=list(addresses))


def page(work: Work, settings: Settings) -> None:
    """Install the page of maintenance on the current balancer, if the settings have ``maintenance``."""
    if text := render.page(settings):
        early_file(work, settings.balancer.page, text)


def early_file(work: Work, path: str, text: str) -> None:
    """Install a file of root on the current balancer. If the file is new, it is there before any check of a file.

    A new file disturbs nothing, because no configuration names it yet. HAProxy reads the file when it checks a new
    configuration.
    """
    if work.entries([path]).get(path) is None:
        work.do(f"first {path}", operations.first_file, path=path, text=text, user="root", group="root", by="root")
    else:
        work.do(path, operations.file, path=path, text=text)


def forget(settings: Settings, nodes: Mapping[str, str], roll: Roll) -> list[str]:
    """Remove outdated lines from the current balancer's list of nodes, and unbar the addresses in these lines.

    A line of the list is outdated if its node leaves the fleet, or if its node has a new address. Call this function
    after the balancer has loaded a configuration without the addresses in these lines.

    Returns the names of the operations that changed something.

    + nodes: inventory name -> address of every node
    + roll: the differences between the balancer's former list of nodes and the inventory
    """
    work = Work()
    program = f"{settings.balancer.library}/bar"
    for one in roll.outdated:
        off = shlex.join([program, one.address, "off"])
        work.do(f"{one.label} ({one.address}): no longer known", server.shell, commands=[off])
    text = render.nodes_list(settings, nodes, resolved(work, nodes))
    work.do("list of nodes", operations.file, path=render.nodes_file(settings), text=text)
    return work.changed


def ports(settings: Settings, switch: BalancerSwitch) -> list[int]:
    """Return every port on which a balancer of this switch listens."""
    preview = settings.preview.port if render.preview(settings) else None
    return switch.listens + ([preview] if preview else [])


def mode(settings: Settings) -> str:
    """Return the permissions of a balancer's configuration file in octal, such as ``644``.

    If the file contains the preview token, or the tokens that pass the page of maintenance, only root may read the
    file.
    """
    return "640" if render.preview(settings) or settings.maintenance else "644"


def check(settings: Settings, switch: BalancerSwitch, checker: str) -> str:
    """Return the shell command that checks a new configuration file of a balancer before the file is installed.

    + checker: name of the script that checks the configuration of this kind of balancer, such as ``check-haproxy``
    """
    return common.checker(checker, ports(settings, switch))


def resolved(work: Work, nodes: Mapping[str, str]) -> Mapping[str, str]:
    """Return the IP addresses to which the current balancer resolves the nodes: address in the inventory -> IP address.

    Raises StepFailed if the balancer cannot resolve an address.

    + work: has the answers of the balancer
    + nodes: inventory name -> address of every node
    """
    names = [address for address in nodes.values() if not render.is_address(address)]
    found = {address: address for address in nodes.values() if render.is_address(address)}
    if names:
        looked_up = work.fact(Addresses, hosts=names)
        found.update(looked_up)
    for name, address in nodes.items():
        if address not in found:
            raise StepFailed(
                f"{host.name} cannot find the IP address of {name} ({address}): give the IP address in the inventory"
            )
    return found
