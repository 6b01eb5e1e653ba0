"""Removes old releases from a node."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.operations.tidy import LEFTOVERS
from orchestrator.scripts.guarded import Guard, guarded

# Names sort by time; what a directory's own time says depends on who wrote in it last. What a color points to stays,
# and what any process works in or has open stays.
SCRIPT = (
    r"""
set -eu
root=$1 keep=$2 used=$3 remove=$4; shift 4
cd "$root/releases"
"""
    + LEFTOVERS
    + r"""
# what a release takes is what the next one has to find free
for id in "$@"; do
    if [ -d "$id" ] && [ ! -e "$id/.release/size" ]; then
        mkdir -p "$id/.release"
        echo "$(du -sk "$id" | cut -f1) $(du -s --inodes "$id" | cut -f1)" >"$id/.release/size.new"
        mv -T "$id/.release/size.new" "$id/.release/size"
    fi
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
    away "$id"
    echo "$id"
    total=$((total - 1))
done
# what git knew of a release that is gone
for admin in "$root"/repo.git/worktrees/[0-9]*Z-*; do
    [ ! -d "$admin" ] || [ -d "${admin##*/}" ] || rm -rf "$admin"
done
# and the objects that only it needed, each release's some: git by itself waits for thousands of them. A mirror with the
# whole history needs them all. Whoever works in a release by hand is not disturbed within a minute.
[ ! -s "$root/repo.git/shallow" ] || git -C "$root/repo.git" prune --expire=1.minute.ago
"""
)


@operation()
def prune(
    root: str, keep: int, used: str, remove: str, needed: Sequence[str] = (), guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Remove the oldest releases, by name, until ``keep`` are left, and what half and packed releases an ended run left.
    Notes how much the needed ones take (``.release/size``: KiB, inodes).

    + root: directory of the application
    + keep: number of releases to keep
    + used: path of the script that says which releases are in use; run as root
    + remove: path of the script that removes a release that was renamed for it; run as root
    + needed: ids that stay whatever their age
    + guard: the guard to go through, if any

    Never removed: what a color points to, and what any process works in or has open.

    **Example:**

    .. code:: python

        prune(root="/srv/shop", keep=5, used="/usr/local/lib/orchestrator/shop/used",
              remove="/usr/local/lib/orchestrator/shop/remove")
    """
    yield guarded(SCRIPT, [root, str(keep), used, remove, *needed], guard)
