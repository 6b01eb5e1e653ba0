"""A new connection to a target, whatever is spoken over it."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import TypeVar

from orchestrator.probe.target import Target

Spoken = TypeVar("Spoken", bound=asyncio.Protocol)


async def dial(target: Target, protocol: Callable[[], Spoken]) -> tuple[asyncio.Transport, Spoken]:
    """Connect to the first of the target's addresses that takes a connection. OSError if none does.

    + protocol: makes what the connection is handed to
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
    """Whether bytes, or the end, have come that the event loop has not looked at: the kernel is asked."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


async def let_loop_read() -> None:
    """Let the event loop look at what is readable."""
    await asyncio.sleep(0)  # what comes after us in this round; only then does it ask the kernel
    await asyncio.sleep(0)
