"""Removes old releases from a node."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.operations.guarded import Guard, guarded

# Names sort by time. What a color points to stays, and what any process works in or has open stays.
SCRIPT = r"""
set -eu
root=$1 keep=$2 used=$3; shift 3
cd "$root/releases"
for half in .*.part .*.part.index .*.part.index.lock; do
    [ ! -e "$half" ] || rm -rf "./$half"
done
in_use=$(sudo -n "$used")
for link in "$root"/*/release; do
    in_use="$in_use $(readlink "$link" || true)"
done
total=$(ls -1d [0-9]* 2>/dev/null | wc -l)
for id in $(ls -1d [0-9]* 2>/dev/null | sort); do
    [ "$total" -gt "$keep" ] || break
    skip=
    for kept in "$@" $in_use; do
        if [ "$kept" = "$id" ] || [ "$kept" = "../releases/$id" ]; then skip=1; break; fi
    done
    [ -z "$skip" ] || continue
    mv -T "$id" ".$id.part"
    rm -rf "./.$id.part"
    echo "$id"
    total=$((total - 1))
done
"""


@operation()
def prune(
    root: str, keep: int, used: str, needed: Sequence[str] = (), guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Remove the oldest releases, by name, until ``keep`` are left, and what half releases an ended run left.

    + root: directory of the application
    + keep: number of releases to keep
    + used: path of the script that says which releases are in use; run as root
    + needed: ids that stay whatever their age
    + guard: the guard to go through, if any

    Never removed: what a color points to, and what any process works in or has open.

    **Example:**

    .. code:: python

        prune(root="/srv/shop", keep=5, used="/usr/local/lib/orchestrator/shop/used")
    """
    yield guarded(SCRIPT, [root, str(keep), used, *needed], guard)
