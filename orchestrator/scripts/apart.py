"""Makes files that stand in two releases files of one."""

from __future__ import annotations

APART = r"""
apart() { # apart <path> <find's tests>: such files of it are of this release alone; called in the release
    among=$1
    shift
    find "$among" -type f "$@" -exec sh -c '
        for file; do
            rm -f .release/alone && cp -p "$file" .release/alone && mv -fT .release/alone "$file" || exit 1
        done' apart {} +
}
"""
