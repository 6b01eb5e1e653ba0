# shellcheck shell=sh
# Makes a release from a git commit. The release is a linked worktree of the mirror, a bare clone of the origin.
#
# The script writes the files of the worktree itself, because `git worktree add` would record the directory's temporary
# name. With sparse.expectFilesOutsideOfPatterns, git ignores a file that it finds through a link to shared/.
#
# If an earlier fetch was killed, the mirror may have the commit without some of its files. Therefore the script looks for
# all files of the commit. refs/fetched names the newest commit that was fetched, so that the next fetch transfers less.
# The HEAD of a worktree protects its commit from git's garbage collection.
. ../scripts/part.sh
. ../scripts/origin.sh

set -eu
umask 022
root=$1 id=$2 origin=$3 revision=$4 login=$5 ssh=$6
shift 6
begin "$root" "$id"
ask_as "$login" "$ssh"
repo=$root/repo.git
rm -rf "$part" "$admin"
# the guard runs one command at a time, so these locks were left behind by a git process that was killed
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
# this setting is for build steps, and for people who run git in a release
[ ! -x "$ssh" ] || git -C "$repo" config core.sshCommand "$ssh"
known() { git -C "$repo" cat-file -e "$revision^{commit}" 2>/dev/null; }
whole=''
has() {
    [ -z "$whole" ] || return 0
    known && git -C "$repo" rev-list --objects --no-walk --quiet "$revision" 2>/dev/null && whole=yes
}
has || git -C "$repo" fetch -q --depth 1 --no-tags origin "+$revision:refs/fetched" 2>/dev/null || true
if known && ! has; then
    # refetch, because git believes that it has every file of a commit that a reference names
    git -C "$repo" fetch -q --refetch --depth 1 --no-tags origin "+$revision:refs/fetched" 2>/dev/null || true
fi
if ! has; then
    # some servers do not send a single commit that no branch or tag names, or history without older commits
    unshallow=$([ ! -s "$repo/shallow" ] || echo --unshallow)
    git -C "$repo" fetch -q --force ${unshallow:+"$unshallow"} origin \
        '+refs/heads/*:refs/remotes/origin/*' '+refs/tags/*:refs/tags/*'
fi
if ! has; then
    ! known || { echo "$repo lacks files of commit $revision" >&2; exit 1; }
    echo "the origin has no commit $revision" >&2
    exit 1
fi
mkdir -p "$part" "$admin/info"
git -C "$repo" rev-parse "$revision^{commit}" >"$admin/HEAD"
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
finish
