"""Brings a revision to a node as a release directory."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.operations.guarded import Guard, guarded

# The directory gets its name last, by rename: a release that has its name is whole.
SCRIPT = r"""
set -eu
root=$1 origin=$2 revision=$3 id=$4
final=$root/releases/$id part=$root/releases/.$id.part
[ ! -d "$final" ] || exit 0
failed() {
    for dir in "$root/releases" "$root/repo.git"; do
        # git does not always say so
        room=$(df -Pk "$dir" 2>/dev/null | awk 'NR == 2 {print $4}')
        [ "${room:-1024}" -ge 1024 ] || echo "no space left on device: $dir has $room KiB free" >&2
    done
    rm -rf "$part" "$part.index" "$part.index.lock"
}
trap 'code=$?; [ "$code" = 0 ] || failed' EXIT
rm -rf "$part" "$part.index" "$part.index.lock"
if [ ! -d "$root/repo.git" ]; then
    rm -rf "$root/.repo.git.new"
    git init -q --bare "$root/.repo.git.new"
    mv -T "$root/.repo.git.new" "$root/repo.git"
fi
if ! git -C "$root/repo.git" cat-file -e "$revision^{commit}" 2>/dev/null; then
    git -C "$root/repo.git" fetch -q --force "$origin" '+refs/heads/*:refs/heads/*' '+refs/tags/*:refs/tags/*'
fi
git -C "$root/repo.git" cat-file -e "$revision^{commit}" 2>/dev/null || {
    echo "the origin has no commit $revision" >&2; exit 1
}
mkdir "$part"
export GIT_INDEX_FILE="$part.index"
git -C "$root/repo.git" read-tree "$revision"
git --git-dir="$root/repo.git" --work-tree="$part" checkout-index -a -f -q
rm -f "$part.index"
mv -T "$part" "$final"
"""


@operation()
def fetch(
    root: str, origin: str, revision: str, release: str, guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Bring a revision to this node as ``releases/<release>``, by way of a mirror of the origin.

    + root: directory of the application
    + origin: URL of the git repository
    + revision: full commit hash
    + release: id of the release
    + guard: the guard to go through, if any

    A release that is already there is left as it is; a half one is begun anew. On failure no half release is left.

    **Example:**

    .. code:: python

        fetch(root="/srv/shop", origin="git@host:shop.git", revision="5d0f...", release="20260101T120000Z-5d0f0c1")
    """
    yield guarded(SCRIPT, [root, origin, revision, release], guard)
