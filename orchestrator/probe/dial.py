"""Open a new TCP or TLS connection to a target, a server that the probe sends requests to."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import TypeVar

from orchestrator.probe.target import Target

Spoken = TypeVar("Spoken", bound=asyncio.Protocol)


async def dial(target: Target, protocol: Callable[[], Spoken]) -> tuple[asyncio.Transport, Spoken]:
    """Connect to the target's first address that accepts a connection. Return the transport and the protocol object.

    Raises OSError if no address accepts a connection.

    + protocol: function that makes the asyncio protocol object for the connection
    """
    loop = asyncio.get_running_loop()
    failed: OSError | None = None
    for address in await target.addresses():
        try:
            return await loop.create_connection(
                protocol,
                address,
                target.port,
                ssl=target.tls,
                server_hostname=target.sni if target.tls else None,
            )
        except OSError as error:
            failed = error
    raise failed or OSError(f"{target.host} has no address")


def readable(transport: asyncio.BaseTransport) -> bool:
    """Return whether bytes or the end of the connection have arrived at the kernel, but not yet at the event loop."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


async def let_loop_read() -> None:
    """Let the event loop read the bytes that have already arrived at the kernel, then return."""
    await asyncio.sleep(0)  # ends the present round of the loop; only the next round asks the kernel for bytes
    await asyncio.sleep(0)
