"""Removes from a node what runs that were ended left half done."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.guarded import Guard, guarded

# Whoever includes these is in releases/, and has $remove.
AWAY = r"""
away() { # away <id>: what was renamed, which may hold files of the web user that only root can remove
    rm -rf "./.$1.part" 2>/dev/null || sudo -n "$remove" "$1"
}
"""

LEFTOVERS = rf"""
{AWAY}
for half in .*.part; do
    [ ! -e "$half" ] || {{ half=${{half#.}}; away "${{half%.part}}"; }}
done
# what a copy that was cut off left is a whole release, with its environment
rm -f .*.tar
"""

SCRIPT = rf"""
set -eu
root=$1 remove=$2
cd "$root/releases"
{LEFTOVERS}
"""


@operation()
def tidy(root: str, remove: str, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Remove what half and packed releases ended runs left, and no release.

    + root: directory of the application
    + remove: path of the script that removes a release that was renamed for it; run as root
    + guard: the guard to go through, if any

    **Example:**

    .. code:: python

        tidy(root="/srv/shop", remove="/usr/local/lib/orchestrator/shop/remove")
    """
    yield guarded(SCRIPT, [root, remove], guard)
