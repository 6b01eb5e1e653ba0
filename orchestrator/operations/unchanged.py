"""Compares what a release has beside its code with what the live release has."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.guarded import Guard, guarded

# What both have was compared where it was made: here is what only the live one has. A release of before this was noted
# has no list of shared paths.
SCRIPT = r"""
set -eu
root=$1 id=$2 from=$3
cd "$root/releases"
refuse() { echo "$*: release instead" >&2; exit 1; }
if [ -e "$from/.release/environment" ] && [ ! -e "$id/.release/environment" ]; then
    refuse "$from has an environment file, and this release gets none"
fi
for note in "$from"/.release/build/*; do
    [ -e "$note" ] || continue
    step=${note##*/}
    [ -e "$id/.release/build/$step" ] || refuse "$from has what the step $step makes, and this release gets none of it"
done
if [ -e "$from/.release/shared" ] && ! cmp -s "$from/.release/shared" "$id/.release/shared"; then
    refuse "other paths are shared than in $from"
fi
"""


@operation(is_idempotent=False)
def unchanged(root: str, release: str, live: str, guard: Guard | None = None) -> Generator[StringCommand, None, None]:
    """
    Fail where the live release has an environment, a build step's outputs or shared paths that a release has not.

    + root: directory of the application
    + release: id of the release
    + live: id of the live release
    + guard: the guard to go through, if any

    **Example:**

    .. code:: python

        unchanged(root="/srv/shop", release="20260101T120000Z-5d0f0c1", live="20251231T120000Z-0f3c9aa")
    """
    yield guarded(SCRIPT, [root, release, live], guard)
