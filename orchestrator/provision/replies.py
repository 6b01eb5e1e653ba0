"""Get the values from the replies of hosts. If hosts have failed, raise StepFailed, which names all failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from orchestrator.errors import StepFailed
from orchestrator.fleet import Reply

T = TypeVar("T")

Say = Callable[[str], None]
"""A function that prints a line for the operator."""


def tell(replies: Sequence[Reply[list[str]]], say: Say) -> None:
    """Print a line for each operation that changed something on a host.

    If a host has failed, print nothing, and raise StepFailed with all failures.

    + replies: the reply of each host, with the names of the operations that changed something on the host
    + say: prints a line for the operator
    """
    for name, changed in values(replies).items():
        for what in changed:
            say(f"    {name}: {what}")


def values(replies: Sequence[Reply[list[T]]]) -> Mapping[str, list[T]]:
    """Return the value of each host's reply: host -> value.

    If a host has failed, raise StepFailed, which names all hosts that have failed.
    """
    failed = [f"{reply.name}: {reply.error}" for reply in replies if reply.error is not None]
    if failed:
        raise StepFailed("; ".join(failed))
    return {reply.name: reply.value or [] for reply in replies}


def sure(reply: Reply[list[T]]) -> list[T]:
    """Return the value of the reply of one host. If the host has failed, raise StepFailed."""
    return values([reply])[reply.name]
