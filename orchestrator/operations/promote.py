"""Swaps a node's ``live`` link."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.operations.guarded import Guard, guarded

SCRIPT = r"""
set -eu
root=$1 color=$2
[ "$(readlink "$root/live" 2>/dev/null || true)" != "$color" ] || exit 0
rm -f "$root/live.new"
ln -s "$color" "$root/live.new"
mv -T "$root/live.new" "$root/live"
"""


@operation()
def promote(root: str, color: str, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Make ``live`` name a color, by rename(2): no reader ever finds the link missing.

    + root: directory of the application
    + color: ``blue`` or ``green``
    + guard: the guard to go through, if any

    **Example:**

    .. code:: python

        promote(root="/srv/shop", color="green")
    """
    yield guarded(SCRIPT, [root, color], guard)
