"""The switches, which decide which color gets traffic. Each kind has its own file and the same interface.

See docs/switches.md.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from orchestrator.config.switch import GROUP
from orchestrator.layout import BalancerLayout
from orchestrator.switches.base import Api, Balancer

KINDS = {
    "haproxy": "orchestrator.switches.haproxy:HAProxy",
    "nginx": "orchestrator.switches.nginx:Nginx",
    "alb": "orchestrator.switches.alb.switch:Alb",
}
"""Name of each kind -> module and name of its class, so that a fleet imports only the kinds that it uses.

The kind ``node`` has no class: that switch is a link on each node.
"""


def kind_of(kind: str) -> type[Balancer] | type[Api]:
    """Return the class of a kind. An installed package can offer more kinds as entry points.

    Raises KeyError if the kind is unknown.
    """
    if kind in KINDS:
        module, _, name = KINDS[kind].partition(":")
        found: type[Balancer] | type[Api] = getattr(import_module(module), name)
        return found
    for entry in entry_points(group=GROUP, name=kind):
        loaded: type[Balancer] | type[Api] = entry.load()
        return loaded
    raise KeyError(kind)


def balancer(kind: str, layout: BalancerLayout) -> Balancer:
    """Make the balancer of a kind."""
    found = kind_of(kind)
    assert issubclass(found, Balancer)
    return found(layout)


__all__ = ["KINDS", "Api", "Balancer", "balancer", "kind_of"]
