"""An nginx balancer: both colors always configured, moved by renaming a link."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra.context import host
from pyinfra.operations import server

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch, NginxSwitch
from orchestrator.model import Weights
from orchestrator.provision import balancer, common, operations, render
from orchestrator.provision.facts import Current, Units
from orchestrator.provision.work import Work

NGINX = "nginx.service"


def conf(settings: Settings) -> str:
    """Return the path of the application's nginx configuration on a balancer."""
    return f"/etc/nginx/conf.d/{settings.app}.conf"


def place(settings: Settings, switch: NginxSwitch, nodes: Mapping[str, str]) -> list[str]:
    """Install everything on the current balancer without disturbing traffic. Returns the names of what changed.

    + settings: of the application
    + switch: the switch this balancer belongs to
    + nodes: inventory name -> address (or host name) of every node, as the balancer reaches it

    The balancer resolves host names now, and its configuration holds the addresses: nginx does not start if it cannot
    resolve a name, and one node's name must not prevent that.
    """
    render.addresses(nodes)  # raises for bad input before anything changes
    work = Work()
    account, found = balancer.prepare(work, settings, nodes, ["nginx"], "check-nginx")
    layout = settings.balancer
    owner = {"user": settings.user, "group": account.group}
    paths = [layout.weights, *(f"{layout.weights}/{share}" for share in range(101))]
    work.do("weights", operations.directories, paths=paths, **owner)
    first = Weights.all_to(settings.first_color).green
    work.do("first weight", operations.first_link, path=layout.weight_link, target=f"weights/{first}", **owner)
    _record(work, settings, switch, owner)
    if switch.listen == 80:
        # The distribution's welcome page is the default server of port 80, and there can be one only.
        work.do("welcome page", operations.absent, path="/etc/nginx/sites-enabled/default")
    pinned = {name: found[address] for name, address in nodes.items()}
    work.do(
        "nginx configuration",
        operations.file,
        path=conf(settings),
        text=render.balancer_nginx(settings, switch, pinned),
        mode=balancer.mode(settings),
        check=balancer.check(settings, switch, "check-nginx"),
    )
    return work.changed


def _record(work: Work, settings: Settings, switch: NginxSwitch, owner: dict[str, str]) -> None:
    """Install the record of requests, and the timer that limits its size."""
    layout = settings.balancer
    folder = layout.record.rpartition("/")[0]
    work.do("directory of the record", operations.directories, paths=[folder.rpartition("/")[0], folder])
    work.do("record", operations.first_file, path=layout.record, text="", **owner)
    common.library(work, layout.library, {"trim": render.trim(settings, switch)})
    units = render.trim_units(settings)
    changed = [work.do(f"unit {path}", operations.file, path=path, text=text) for path, text in units.items()]
    if any(changed):
        timer = f"{settings.app}-trim.timer"
        enable = f"systemctl daemon-reload && systemctl enable --quiet --now {timer}"
        work.do("unit that bounds the record: enabled", server.shell, commands=[enable])


def pending(settings: Settings, switch: BalancerSwitch) -> list[str]:
    """The action of ``activate`` on the current balancer: none, ``start`` or ``reload``.

    A reload can fail requests of clients that keep idle connections: nginx closes these, and resets a request that is
    just on its way. A reload therefore happens only if the configuration changed, and never in a release.
    """
    unit = host.get_fact(Units, units=[NGINX])[NGINX]
    stamp = common.loaded(settings, "nginx")
    if not unit.active or not unit.enabled:
        return ["start"]
    return [] if host.get_fact(Current, stamps=[stamp])[stamp] else ["reload"]


def activate(settings: Settings, switch: BalancerSwitch) -> list[str]:
    """Load the installed configuration on the current balancer. Returns the names of what changed."""
    work = Work()
    for verb in pending(settings, switch):
        work.do(
            f"nginx: {verb}",
            operations.load,
            command=f"systemctl enable --quiet {NGINX} && systemctl {verb} {NGINX}",
            process="nginx",
            ports=balancer.ports(settings, switch),
            files=[conf(settings)],
            stamp=common.loaded(settings, "nginx"),
        )
    return work.changed
