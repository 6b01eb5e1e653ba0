"""Read the replies of hosts. If the call failed on some hosts, raise StepFailed, which names all failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from orchestrator.errors import StepFailed
from orchestrator.fleet import Reply

T = TypeVar("T")

Say = Callable[[str], None]
"""A function that prints a line for the operator."""


def tell(replies: Sequence[Reply[list[str]]], say: Say) -> None:
    """Print a line for each change on each host. If a host failed, only raise StepFailed with all failures.

    + replies: the reply of each host, with the names of the operations that changed something on the host
    + say: prints a line for the operator
    """
    for name, changed in values(replies).items():
        for what in changed:
            say(f"    {name}: {what}")


def values(replies: Sequence[Reply[list[T]]]) -> Mapping[str, list[T]]:
    """Return host -> the value of the host's reply. If a host failed, raise StepFailed with all failures."""
    failed = [f"{reply.name}: {reply.error}" for reply in replies if reply.error is not None]
    if failed:
        raise StepFailed("; ".join(failed))
    return {reply.name: reply.value or [] for reply in replies}


def sure(reply: Reply[list[T]]) -> list[T]:
    """Return the value of a host's reply. If the host failed, raise StepFailed."""
    return values([reply])[reply.name]
