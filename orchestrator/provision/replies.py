"""Read the replies of hosts: print what changed on each host, and raise StepFailed with all failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from orchestrator.errors import StepFailed
from orchestrator.fleet import Reply

T = TypeVar("T")

Say = Callable[[str], None]
"""Prints a line for the operator."""


def tell(replies: Sequence[Reply[list[str]]], say: Say) -> None:
    """Print a line for each change on each host. Raises StepFailed with all failures."""
    for name, changed in values(replies).items():
        for what in changed:
            say(f"    {name}: {what}")


def values(replies: Sequence[Reply[list[T]]]) -> Mapping[str, list[T]]:
    """Return the value of each host's reply. Raises StepFailed with all failures."""
    failed = [f"{reply.name}: {reply.error}" for reply in replies if reply.error is not None]
    if failed:
        raise StepFailed("; ".join(failed))
    return {reply.name: reply.value or [] for reply in replies}


def sure(reply: Reply[list[T]]) -> list[T]:
    """Return the value of a reply. Raises StepFailed if the call failed."""
    return values([reply])[reply.name]
