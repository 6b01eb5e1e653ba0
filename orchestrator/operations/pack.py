"""Packs a release as it is on a node, for another node."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.guarded import Guard, guarded

# Written by us, read as root: the environment file may be the web user's only. What of a release in use changed or went
# meanwhile is no failure: tar then has all the rest, and says 1.
SCRIPT = r"""
set -eu
umask 077
root=$1 id=$2 helper=$3
[ -d "$root/releases/$id" ] || { echo "release $id is not on this node" >&2; exit 1; }
trap 'code=$?; [ "$code" = 0 ] || rm -f "$root/releases/.$id.tar"' EXIT
packed=0
sudo -n "$helper" "$id" >"$root/releases/.$id.tar" || packed=$?
# without a word of tar's it is sudo's 1
[ "$packed" = 0 ] || { [ "$packed" = 1 ] && [ -s "$root/releases/.$id.tar" ]; } || exit "$packed"
sha256sum <"$root/releases/.$id.tar" | cut -d' ' -f1
"""


@operation(is_idempotent=False)
def pack(root: str, release: str, helper: str, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Pack a release, with all that was linked and built in it, as ``releases/.<release>.tar``; prints its SHA-256.

    + root: directory of the application
    + release: id of the release
    + helper: script that writes a release's files to its output, run as root
    + guard: the guard to go through, if any

    **Example:**

    .. code:: python

        pack(root="/srv/shop", release="20260101T120000Z-5d0f0c1", helper="/usr/local/lib/orchestrator/shop/pack")
    """
    yield guarded(SCRIPT, [root, release, helper], guard)
