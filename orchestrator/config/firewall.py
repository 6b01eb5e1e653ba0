"""The settings of the firewall, which lets only some addresses connect to the ports of a node."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, Field

from orchestrator.config.form import shown
from orchestrator.config.section import Section


def source(text: str) -> str:
    """Return an IP address or a network in its usual form. Raises ValueError for every other text."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"{shown(text)} is neither an IP address nor a network such as 10.0.0.0/16") from None
    return str(network.network_address) if network.num_addresses == 1 else str(network)


class Firewall(Section):
    """The firewall of each node: only balancers, `allow` and the node itself can connect to the application's ports.

    The ports are `ports.blue`, `ports.green` and, without the switch `node`, `ports.live`.
    """

    enabled: bool | None = Field(
        None,
        description="whether the nodes have the firewall. If the key is not set, the nodes have the firewall, with one "
        "exception: with a switch behind an API, such as `alb`, this tool does not know the addresses of the load "
        "balancer, so the nodes have the firewall only if `allow` has an entry. If other programs have connections "
        "to the ports before a node gets the firewall for the first time, provisioning is refused. With `True`, "
        "provisioning only shows a warning; with a switch behind an API, provisioning is refused nevertheless",
    )
    allow: list[Annotated[str, AfterValidator(source)]] = Field(
        [],
        description="more addresses and networks that can connect to these ports, such as a monitoring server. With a "
        "switch behind an API: also the networks from which its requests come",
    )
