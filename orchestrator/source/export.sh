# shellcheck shell=sh
# Exports the files of a commit from a git repository on this machine, except `.release`, which belongs to the orchestrator
# in each release. Prints a warning for submodules and files in Git LFS that the release does not get.
#
# If the repository already has the commits of its submodules, the script takes them from there.
. ../scripts/absent.sh
. ../scripts/origin.sh
. ../scripts/submodules.sh

set -eu
export GIT_TERMINAL_PROMPT=0
# shellcheck disable=SC2034 # the included scripts use these variables
checkout=$1 commit=$2 tree=$3 work=$4 submodules=$5 lfs=$6 id=export
# shellcheck disable=SC2034 # the included scripts use these variables
modules=$work/modules notes=$work/notes here=$(git -C "$checkout" rev-parse --path-format=absolute --git-common-dir)
mkdir -p "$notes"
program=git
if [ -n "$lfs" ] && command -v git-lfs >/dev/null; then
    (cd "$checkout" && may_fetch "$commit")
    program=with_lfs
fi
"$program" -C "$checkout" archive --format=tar -o "$work/archive.tar" "$commit" -- . ':(exclude).release'
tar -x -f "$work/archive.tar" -C "$tree"
rm "$work/archive.tar"
(
    top=$(git -C "$checkout" rev-parse --show-prefix)
    cd "$tree"
    export GIT_DIR="$here" GIT_WORK_TREE="$tree" GIT_INDEX_FILE="$work/index"
    git read-tree "$commit:${top%/}"
    pointers "$notes/lfs"
    existing "$notes/lfs"
    if [ -z "$lfs" ]; then
        unfetched "$notes/lfs" ''
    elif [ -s "$notes/lfs" ]; then
        may_fetch "$commit"
        sums "$notes/lfs"
    fi
)
url=$(git -C "$checkout" config --get remote.origin.url || true)
add_submodules "$checkout" "$commit" "$url" '' /.release
warn
