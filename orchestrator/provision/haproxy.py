"""Provision a HAProxy balancer.

HAProxy's configuration always contains both colors. A run moves the traffic with HAProxy's Runtime API, without a
reload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyinfra.context import host

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch, HAProxySwitch
from orchestrator.layout import HAPROXY_DIRECTORY
from orchestrator.model import Color, Weights
from orchestrator.provision import balancer, common, operations, render, tls
from orchestrator.provision.facts import CommandLine, Current, HAProxyVersion, Text, Units
from orchestrator.provision.members import NO_CHANGE, Roll
from orchestrator.provision.work import Work

HAPROXY = "haproxy.service"
DEFAULT = "/etc/default/haproxy"


def check(settings: Settings, switch: HAProxySwitch, nodes: Mapping[str, str]) -> None:
    """Raise UsageError if HAProxy's configuration file cannot be made from the settings. Nothing is changed.

    + switch: the switch that the balancer belongs to
    + nodes: inventory name -> IP address or host name of every node, as the balancer reaches the node
    """
    render.addresses(nodes)
    render.haproxy(settings, switch, nodes, settings.user)


def place(
    work: Work,
    settings: Settings,
    switch: HAProxySwitch,
    nodes: Mapping[str, str],
    first: Color,
    roll: Roll = NO_CHANGE,
) -> None:
    """Pass all operations that install something on the current balancer to ``work``.

    The operations do not disturb the traffic.

    + work: runs the operations, or only notes them
    + settings: settings of the application
    + switch: the switch that this balancer belongs to
    + nodes: inventory name -> IP address or host name of every node, as the balancer reaches the node
    + first: the color to which a new balancer sends the traffic
    + roll: the differences between the balancer's present list of nodes and the inventory
    """
    account, _ = balancer.prepare(work, settings, nodes, ["haproxy", "socat"], roll)
    work.do(
        "first weights",
        operations.weights_map,
        path=settings.balancer.weights_map,
        weight=Weights.all_to(first).green,
        user=settings.user,
        group=account.group,
    )
    layout = settings.balancer
    balancer.page(work, settings)
    if settings.maintenance:
        work.do(
            "first record of the page",
            operations.first_file,
            path=layout.page_map,
            text="page off\n",
            user="root",
            group=account.group,
            by="root",
            mode="664",
        )
    if settings.maintenance and settings.maintenance.hold:
        # both disturb nothing, and HAProxy reads them when it checks a new configuration
        for path, text in {layout.hold_map: "until 0\n", layout.hold_script: render.hold(settings)}.items():
            balancer.early_file(work, path, text)
    tls.links(work, settings, switch)
    work.do("HAProxy's directory", operations.directories, paths=[HAPROXY_DIRECTORY])
    work.do(
        "HAProxy configuration",
        operations.file,
        path=settings.balancer.haproxy_conf,
        text=render.haproxy(settings, switch, nodes, account.group, work.fact(HAProxyVersion)),
        mode=balancer.mode(settings),
        check=balancer.check(settings, switch, "check-haproxy"),
    )
    text = render.haproxy_default(work.fact(Text, path=DEFAULT))
    work.do("HAProxy's options", operations.file, path=DEFAULT, text=text)


def _read(settings: Settings) -> list[str]:
    """Return the paths of this tool's files that HAProxy reads only when it loads its configuration."""
    layout, maintenance = settings.balancer, settings.maintenance
    page = [layout.page] if maintenance else []
    return [layout.haproxy_conf, *page, *([layout.hold_script] if maintenance and maintenance.hold else [])]


def pending(settings: Settings, switch: BalancerSwitch, changing: Sequence[str] = ()) -> list[str]:
    """Return how ``activate`` must load HAProxy's configuration on the current balancer.

    The result is a list with one of the words ``start``, ``restart`` and ``reload``. If HAProxy has already loaded its
    configuration, the list is empty. A restart is needed only once: when HAProxy was started without the option that
    names the directory of this tool's configuration files.

    + changing: paths of files that are about to change. If HAProxy has loaded such a file, HAProxy must load it again.
    """
    unit = host.get_fact(Units, units=[HAPROXY])[HAPROXY]
    if not unit.active or not unit.enabled:
        return ["start"]
    if f"-f {HAPROXY_DIRECTORY}" not in host.get_fact(CommandLine, unit=HAPROXY):
        return ["restart"]
    stamp = common.loaded(settings, "haproxy")
    return [] if host.get_fact(Current, stamps=[stamp], changing=changing)[stamp] else ["reload"]


def activate(settings: Settings, switch: BalancerSwitch, former: bool = False) -> list[str]:
    """Load the installed configuration on the current balancer, if it is not loaded yet.

    Returns the names of the operations that changed something.

    + former: whether the files in place are older than the settings. Then this function does not wait until the
      balancer listens, because the settings may have new ports.
    """
    work = Work()
    for verb in pending(settings, switch):
        work.do(
            f"HAProxy: {verb}",
            operations.load,
            command=f"systemctl enable --quiet {HAPROXY} && systemctl {verb} {HAPROXY}",
            process="haproxy",
            ports=[] if former else balancer.ports(settings, switch),
            files=_read(settings),
            stamp=common.loaded(settings, "haproxy"),
        )
    return work.changed
