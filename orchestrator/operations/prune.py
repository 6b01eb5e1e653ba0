"""Removes old releases from a node."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.operations.guarded import Guard, guarded

# Names sort by time. What a color points to stays, and what any process works in or has open stays.
SCRIPT = r"""
set -eu
root=$1 keep=$2; shift 2
cd "$root/releases"
for half in .*.part .*.part.index .*.part.index.lock; do
    [ ! -e "$half" ] || rm -rf "./$half"
done
used=$(
    for link in "$root"/*/release; do readlink "$link" || true; done
    ls -l /proc/[0-9]*/cwd /proc/[0-9]*/fd 2>/dev/null | sed -n "s|.*-> $root/releases/\([^/]*\).*|\1|p" || true
)
total=$(ls -1d [0-9]* 2>/dev/null | wc -l)
for id in $(ls -1d [0-9]* 2>/dev/null | sort); do
    [ "$total" -gt "$keep" ] || break
    skip=
    for kept in "$@" $used; do
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
    root: str, keep: int, needed: Sequence[str] = (), guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Remove the oldest releases, by name, until ``keep`` are left, and what half releases an ended run left.

    + root: directory of the application
    + keep: number of releases to keep
    + needed: ids that stay whatever their age
    + guard: the guard to go through, if any

    Never removed: what a color points to, and what a process (that this user may look at) works in or has open.

    **Example:**

    .. code:: python

        prune(root="/srv/shop", keep=5)
    """
    yield guarded(SCRIPT, [root, str(keep), *needed], guard)
