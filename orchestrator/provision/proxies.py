"""Determine which proxies nginx on a node trusts.

If a trusted proxy sends a request, nginx believes the proxy's headers that name the client's address.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.config import Settings
from orchestrator.config.web import BALANCERS


def trusted(settings: Settings, balancers: Mapping[str, str], found: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the IP addresses and networks of the trusted proxies, and a list of warnings. Pure.

    All balancers are trusted if the setting ``web.trusted_proxies`` contains ``balancers``. If the node cannot resolve
    the address of a balancer, this balancer is not trusted, and a warning says so. There is no error, because the node
    can still serve requests.

    + balancers: inventory name -> IP address or host name of every balancer
    + found: address in the inventory -> IP address to which the node resolves the address. Addresses that the node
      cannot resolve are left out.
    """
    proxies, warnings = [], []
    for name, address in balancers.items() if BALANCERS in settings.web.trusted_proxies else ():
        if address in found:
            proxies.append(found[address])
        else:
            warnings.append(
                f"warning: the IP address of {name} ({address}) is unknown here, so PHP sees the balancer's address "
                "instead of the client's: give the IP address in the inventory, or in web.trusted_proxies"
            )
    return [*proxies, *(proxy for proxy in settings.web.trusted_proxies if proxy != BALANCERS)], warnings
