"""Provision an nginx balancer.

nginx's configuration always contains both colors. A run moves the traffic by renaming a symlink, without a reload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyinfra.context import host
from pyinfra.operations import server

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch, NginxSwitch
from orchestrator.model import Color, Weights
from orchestrator.provision import balancer, common, operations, render
from orchestrator.provision.facts import Current, Text, Units
from orchestrator.provision.members import NO_CHANGE, Roll
from orchestrator.provision.nginx_servers import directives
from orchestrator.provision.work import Work

NGINX = "nginx.service"


def check(settings: Settings, switch: NginxSwitch, nodes: Mapping[str, str]) -> None:
    """Raise UsageError if nginx's configuration file cannot be made from the settings. Nothing is changed.

    + switch: the switch that the balancer belongs to
    + nodes: inventory name -> IP address or host name of every node, as the balancer reaches the node
    """
    render.addresses(nodes)
    render.balancer_nginx(settings, switch, nodes)


def place(
    work: Work,
    settings: Settings,
    switch: NginxSwitch,
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

    The balancer resolves the host names of the nodes now, and nginx's configuration contains only IP addresses. nginx
    does not start if its configuration contains a host name that cannot be resolved.
    """
    account, found = balancer.prepare(work, settings, nodes, ["nginx"], roll)
    layout = settings.balancer
    owner = {"user": settings.user, "group": account.group}
    paths = [layout.weights, *(f"{layout.weights}/{share}" for share in range(101))]
    work.do("weights", operations.directories_below, base=layout.state, paths=paths, **owner)
    weight = Weights.all_to(first).green
    target, user = f"weights/{weight}", settings.user
    work.do("first weight", operations.first_link, path=layout.weight_link, target=target, user=user)
    _record(work, settings, switch, owner)
    balancer.page(work, settings)
    common.welcome_page(work, balancer.ports(settings, switch))
    pinned = {name: found[address] for name, address in nodes.items()}
    path, text = render.nginx_conf(settings), render.balancer_nginx(settings, switch, pinned)
    earlier = render.balancer_nginx(settings, switch, pinned, knows_mark=False)
    present = work.fact(Text, path=path)
    work.do(
        "nginx configuration",
        operations.file,
        path=path,
        # keep the file if only comments or the directives for the drain mark differ, because a reload can fail requests
        text=present if directives(present) in (directives(text), directives(earlier)) else text,
        mode=balancer.mode(settings),
        check=balancer.check(settings, switch, "check-nginx"),
    )


def _record(work: Work, settings: Settings, switch: NginxSwitch, owner: dict[str, str]) -> None:
    """Install nginx's record of requests, and the timer that limits the size of the record.

    nginx writes each request into the record while traffic is split, for the comparison of both colors.

    + owner: the user and the group that own the record, as arguments of an operation
    """
    layout = settings.balancer
    folder = layout.record.rpartition("/")[0]
    work.do("directory of the record", operations.directories, paths=[folder.rpartition("/")[0], folder])
    work.do("record", operations.first_file, path=layout.record, text="", by="root", **owner)
    common.library(work, layout.library, {"trim": render.trim(settings, switch)})
    units = render.trim_units(settings)
    changed = [work.do(f"unit {path}", operations.file, path=path, text=text) for path, text in units.items()]
    if any(changed):
        timer = f"{settings.name}-trim.timer"
        enable = f"systemctl daemon-reload && systemctl enable --quiet --now {timer}"
        work.do("unit that bounds the record: enabled", server.shell, commands=[enable])


def pending(settings: Settings, switch: BalancerSwitch, changing: Sequence[str] = ()) -> list[str]:
    """Return how ``activate`` must load nginx's configuration on the current balancer.

    The result is a list with one of the words ``start`` and ``reload``. If nginx has already loaded its configuration,
    the list is empty.

    A reload can fail requests, because nginx closes the idle connections of clients: a request that arrives on such a
    connection at this moment is lost. Therefore nginx is reloaded only if its configuration has changed, and never in a
    release.

    + changing: paths of files that are about to change. If nginx has loaded such a file, nginx must load it again.
    """
    unit = host.get_fact(Units, units=[NGINX])[NGINX]
    stamp = common.loaded(settings, "nginx")
    if not unit.active or not unit.enabled:
        return ["start"]
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
            f"nginx: {verb}",
            operations.load,
            command=f"systemctl enable --quiet {NGINX} && systemctl {verb} {NGINX}",
            process="nginx",
            ports=[] if former else balancer.ports(settings, switch),
            files=[render.nginx_conf(settings)],
            stamp=common.loaded(settings, "nginx"),
        )
    return work.changed
