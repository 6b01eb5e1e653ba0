"""Brings a revision to a node as a release directory, which is a linked worktree of the node's mirror."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.facts.revision import ASK
from orchestrator.scripts.guarded import Guard, guarded
from orchestrator.scripts.tree import BEGIN, END, TREE

# The worktree is made by hand, since `git worktree add` knows only the name that the directory has meanwhile.
# `sparse.expectFilesOutsideOfPatterns`: a file that git finds through a link to shared/ stays none of its business.
# A fetch that was killed may have brought the commit and not all of its files, so these are looked for.
# `refs/fetched`: what the next fetch need not bring again. A worktree's HEAD keeps its own commit from git's gc.
SCRIPT = rf"""
{TREE}
{BEGIN}
origin=$1 revision=$2 login=$3 ssh=$4; shift 4
{ASK}
repo=$root/repo.git
rm -rf "$part" "$admin"
# the guard lets one of us in: locks are of a git that was killed
rm -f "$repo"/*.lock "$repo"/refs/*.lock
if [ ! -d "$repo" ]; then
    rm -rf "$root/.repo.git.new"
    GIT_DEFAULT_REF_FORMAT=files git init -q --bare "$root/.repo.git.new"
    mv -T "$root/.repo.git.new" "$repo"
fi
while read -r key value; do
    [ "$(git -C "$repo" config --get "$key")" = "$value" ] || git -C "$repo" config "$key" "$value"
done <<settings
remote.origin.url $origin
remote.origin.fetch +refs/heads/*:refs/remotes/origin/*
core.sparseCheckout true
core.sparseCheckoutCone false
sparse.expectFilesOutsideOfPatterns true
gc.autoDetach false
gc.pruneExpire 1.hour.ago
settings
# for builds, and for whoever works in a release
[ ! -x "$ssh" ] || git -C "$repo" config core.sshCommand "$ssh"
known() {{ git -C "$repo" cat-file -e "$revision^{{commit}}" 2>/dev/null; }}
complete=
has() {{
    [ -z "$complete" ] || return 0
    known && git -C "$repo" rev-list --objects --no-walk --quiet "$revision" 2>/dev/null && complete=yes
}}
has || git -C "$repo" fetch -q --depth 1 --no-tags origin "+$revision:refs/fetched" 2>/dev/null || true
if known && ! has; then
    # git takes what a reference leads to for complete
    git -C "$repo" fetch -q --refetch --depth 1 --no-tags origin "+$revision:refs/fetched" 2>/dev/null || true
fi
if ! has; then
    # not every server gives away a commit that no branch or tag is at, or a part of the history
    whole=$([ ! -s "$repo/shallow" ] || echo --unshallow)
    git -C "$repo" fetch -q --force $whole origin '+refs/heads/*:refs/remotes/origin/*' '+refs/tags/*:refs/tags/*'
fi
if ! has; then
    ! known || {{ echo "$repo lacks files of commit $revision" >&2; exit 1; }}
    echo "the origin has no commit $revision" >&2
    exit 1
fi
mkdir -p "$part" "$admin/info"
git -C "$repo" rev-parse "$revision^{{commit}}" >"$admin/HEAD"
echo ../.. >"$admin/commondir"
echo "$final/.git" >"$admin/gitdir"
echo "gitdir: $admin" >"$part/.git"
echo '/*' >"$admin/info/sparse-checkout"
touch "$repo/info/exclude"
for path in /.release "$@"; do
    echo "!$path" >>"$admin/info/sparse-checkout"
    grep -qxF -e "$path" "$repo/info/exclude" || echo "$path" >>"$repo/info/exclude"
done
git -C "$part" read-tree -mu HEAD
{END}
"""


@operation()
def fetch(
    root: str,
    release: str,
    origin: str,
    revision: str,
    leave_out: Sequence[str] = (),
    login: bool = False,
    ssh: str = "",
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Bring a revision to this node as ``releases/<release>``, by way of a mirror of the origin.

    + root: directory of the application
    + release: id of the release
    + origin: URL of the git repository
    + revision: full commit hash
    + leave_out: paths that are not checked out, and that git does not look at in any release
    + login: user and password for the origin come by ``_stdin``, a line each
    + ssh: program by which git reaches the origin, if there is one
    + guard: the guard to go through, if any

    A release that is already there is left as it is; a half one is begun anew. On failure no half release is left.

    **Example:**

    .. code:: python

        fetch(root="/srv/shop", release="20260101T120000Z-5d0f0c1", origin="git@host:shop.git", revision="5d0f...",
              leave_out=["storage"])
    """
    about = [root, release, origin, revision, "login" if login else "", ssh]
    yield guarded(SCRIPT, [*about, *patterns(leave_out)], guard)


def patterns(paths: Sequence[str]) -> list[str]:
    """The patterns by which git knows paths of a repository, as exclude files and sparse checkouts have them."""
    return ["/" + re.sub(r"([\\*?\[\]!# ])", r"\\\1", path) for path in paths]
