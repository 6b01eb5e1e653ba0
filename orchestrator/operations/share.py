"""Links a release to what outlives it."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.operations.guarded import Guard, guarded

SCRIPT = r"""
set -eu
root=$1 id=$2; shift 2
for entry in "$@"; do
    kind=${entry%%:*} path=$root/shared/${entry#*:}
    case $kind in directory) flag=-d ;; *) flag=-f ;; esac
    test "$flag" "$path" || { echo "shared $kind missing: $path" >&2; exit 1; }
done
for entry in "$@"; do
    path=${entry#*:} link=$root/releases/$id/${entry#*:}
    [ ! -L "$link" ] || continue
    mkdir -p "$(dirname "$link")"
    rm -rf "$link"
    ln -s "$root/shared/$path" "$link"
done
"""


@operation()
def share(
    root: str,
    release: str,
    directories: Sequence[str],
    files: Sequence[str],
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Link shared directories and files into a release.

    + root: directory of the application
    + release: id of the release
    + directories: paths under ``shared/`` that must be directories
    + files: paths under ``shared/`` that must be files
    + guard: the guard to go through, if any

    A missing one is an error that names it, and then nothing is linked.

    **Example:**

    .. code:: python

        share(root="/srv/shop", release="20260101T120000Z-5d0f0c1", directories=["storage"], files=[".env"])
    """
    entries = [f"directory:{path}" for path in directories] + [f"file:{path}" for path in files]
    yield guarded(SCRIPT, [root, release, *entries], guard)
