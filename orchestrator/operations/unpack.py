"""Unpacks a release that another node packed."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.operations.tidy import AWAY
from orchestrator.scripts.guarded import Guard, guarded

# One that is there is swapped for it, and goes by root's hand: the web user may have made files in it, over which
# nothing can be unpacked. Whoever runs in it works in a directory that is gone, so it no longer counts as started.
# Where this is cut off, all that is half done is in `.<id>.part`.
SCRIPT = (
    r"""
set -eu
root=$1 id=$2 sum=$3 remove=$4
cd "$root/releases"
trap 'rm -f ".$id.tar"' EXIT
[ "$(sha256sum <".$id.tar" | cut -d' ' -f1)" = "$sum" ] || { echo "release $id did not arrive whole" >&2; exit 1; }
"""
    + AWAY
    + r"""
away "$id"
mkdir -p ".$id.part/new"
tar -x -p -C ".$id.part/new" --strip-components=1 -f ".$id.tar"
if [ -d "$id" ]; then
    # git's link is for the mirror of this node
    [ ! -f "$id/.git" ] || cp -p "$id/.git" ".$id.part/new/.git"
    for color in blue green; do
        [ "$(readlink "$root/$color/release" || true)" != "../releases/$id" ] || rm -f "$root/$color/started"
    done
    mv -T "$id" ".$id.part/old"
fi
mv -T ".$id.part/new" "$id"
away "$id"
"""
)


@operation(is_idempotent=False)
def unpack(
    root: str, release: str, sha256: str, remove: str, guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Unpack ``releases/.<release>.tar``, which another node packed, and remove it. For a node without traffic: a release
    that is there is replaced, even one that a color points to.

    + root: directory of the application
    + release: id of the release
    + sha256: of the packed file
    + remove: script that removes a release that was renamed for it, run as root
    + guard: the guard to go through, if any

    **Example:**

    .. code:: python

        unpack(root="/srv/shop", release="20260101T120000Z-5d0f0c1", sha256="9f86d0...",
               remove="/usr/local/lib/orchestrator/shop/remove")
    """
    yield guarded(SCRIPT, [root, release, sha256, remove], guard)
