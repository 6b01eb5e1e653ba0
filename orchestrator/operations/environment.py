"""Gives a release its environment file."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.guarded import Guard, guarded
from orchestrator.scripts.inside import INSIDE

# The text comes on stdin, so that it stands in no list of processes. Its hash and path are kept (0600) to tell whether
# a later release has the same, since the file itself may be somebody else's by then. Behind a link, such as one to
# shared/, it could be the live release's, too.
SCRIPT = (
    INSIDE
    + r"""
set -eu
umask 077
root=$1 id=$2 path=$3 from=$4 only=$5
file=$root/releases/$id/$path about=$root/releases/$id/.release
release=$(realpath "$root/releases/$id")
inside "$release" environment.path "$path" "give it another path"
(umask 022; mkdir -p "$(dirname "$file")" "$about")
cat >"$about/environment.new"
[ -s "$about/environment.new" ] || { echo "the environment is empty: nothing came" >&2; exit 1; }
same="$(sha256sum <"$about/environment.new" | cut -d' ' -f1) $path"
if [ -n "$only" ] && [ "$same" != "$(cat "$root/releases/$from/.release/environment" 2>/dev/null)" ]; then
    rm -f "$about/environment.new"
    echo "the environment is not as in ${from:-a live release}: release instead" >&2
    exit 1
fi
if [ -d "$file" ] && [ ! -L "$file" ]; then echo "$path is a directory of the release" >&2; exit 1; fi
mv -fT "$about/environment.new" "$file"
printf '%s\n' "$same" >"$about/environment"
"""
)


@operation(is_idempotent=False)
def environment(
    root: str,
    release: str,
    path: str,
    live: str | None = None,
    only_same: bool = False,
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Write the environment file of a release (mode 0600); its text is what comes on stdin (``_stdin``).

    + root: directory of the application
    + release: id of the release
    + path: where it is, relative to the release
    + live: id of the live release, None for none
    + only_same: fail if the live release has another one
    + guard: the guard to go through, if any

    **Example:**

    .. code:: python

        environment(root="/srv/shop", release="20260101T120000Z-5d0f0c1", path=".env", _stdin="APP_ENV=production\n")
    """
    yield guarded(SCRIPT, [root, release, path, live or "", "only" if only_same else ""], guard)
