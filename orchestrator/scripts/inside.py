"""Whether a path of a release is its own: a link on the way to it may lead to what the live color or others use."""

from __future__ import annotations

INSIDE = r"""
inside() { # inside <release, a real path> <setting> <path> <advice>: what is above the path is in the release
    case $3 in */*) above=$(realpath -m "$1/${3%/*}") ;; *) return 0 ;; esac
    case $above/ in "$1"/*) return 0 ;; esac
    echo "$2: $3 is behind a link that leads out of the release, to $above: nothing there is changed; $4" >&2
    exit 1
}
"""
