"""What decides which color gets traffic: one file a load balancer, all of one small interface."""

from __future__ import annotations

from orchestrator.layout import BalancerLayout
from orchestrator.switches.base import Balancer
from orchestrator.switches.haproxy import HAProxy
from orchestrator.switches.nginx import Nginx

KINDS: dict[str, type[Balancer]] = {"haproxy": HAProxy, "nginx": Nginx}


def balancer(kind: str, layout: BalancerLayout) -> Balancer:
    """The balancer of a kind that settings name."""
    return KINDS[kind](layout)


__all__ = ["KINDS", "Balancer", "balancer"]
