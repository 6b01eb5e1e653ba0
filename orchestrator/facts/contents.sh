# shellcheck shell=sh
# Prints which submodules a commit of the origin has, and whether it has files in Git LFS. If this node's mirror does not
# have the commit, the script fetches only the commit and its top directory into a temporary directory. If the origin cannot
# send so little, it sends all files of the commit. If that takes too long, the script prints nothing.
. ../scripts/origin.sh
. ../scripts/mirror.sh
. ../scripts/contents.sh

root=$1 origin=$2 revision=$3 login=$4 ssh=$5
ask_as "$login" "$ssh" "$origin"
repository=$root/repo.git
if ! has "$repository" "$revision"; then
    repository=$(mktemp -d)
    # shellcheck disable=SC2154 # the trap itself assigns it
    trap 'rm -rf "$repository"' EXIT
    git init -q --bare --template= "$repository"
    git -C "$repository" config remote.origin.url "$origin"
    timeout 8 git -C "$repository" fetch -q --depth 1 --filter=tree:1 --no-tags origin "$revision" </dev/null 2>/dev/null ||
        exit 0
fi
contents "$repository" "$revision"
