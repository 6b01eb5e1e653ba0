"""The kinds of switch. A switch decides which color gets traffic (docs/switches.md).

Each kind, except ``node``, is a class in its own file. Each class has one of the two interfaces in base.py.
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
"""Kind of switch -> module and name of the class for this kind.

The classes are named by strings, so that only the modules of the kinds in use are imported. The kind ``node`` has no
class, because its switch is the symlink ``live`` on each node.
"""


def kind_of(kind: str) -> type[Balancer] | type[Api]:
    """Return the class of a kind of switch. Raises KeyError if there is no such class.

    An installed package can add a kind by an entry point of the group ``orchestrator.switches``.

    + kind: name of the kind, such as ``haproxy``. The kind ``node`` has no class.
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
    """Return the `Balancer` object for a kind of balancer. Raises KeyError if the kind is unknown.

    + kind: name of the kind, such as ``haproxy``
    + layout: paths on the balancer
    """
    found = kind_of(kind)
    assert issubclass(found, Balancer)
    return found(layout)


__all__ = ["KINDS", "Api", "Balancer", "balancer", "kind_of"]
