"""Open a new connection to a target, for any protocol."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import TypeVar

from orchestrator.probe.target import Target

Spoken = TypeVar("Spoken", bound=asyncio.Protocol)


async def dial(target: Target, protocol: Callable[[], Spoken]) -> tuple[asyncio.Transport, Spoken]:
    """Connect to the first of the target's addresses that accepts. Raises OSError if no address accepts.

    + protocol: makes the protocol object that handles the connection
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
    """Say whether bytes or the connection's end have arrived that the event loop has not read yet.

    This asks the kernel.
    """
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


async def let_loop_read() -> None:
    """Let the event loop read the bytes that have arrived."""
    await asyncio.sleep(0)  # finish this round of the loop first; only the next round asks the kernel
    await asyncio.sleep(0)
