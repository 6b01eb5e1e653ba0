# shellcheck shell=sh
# tree_hash <directory>: prints one hash over all files: names, kinds, link targets, executable bits and contents. The
# hash does not include `.git`, and `.release`, in which this tool keeps records.
#
# In the lists that are hashed, names end with a NUL, and // is between a path and the target of a link. No name contains
# a NUL, and no path contains //. Therefore two different trees never have the same list. The function writes the lists to
# `.release`, which is not hashed and is on the disk whose free space is checked. No pipe: a pipe would hide an error.
tree_hash() (
    set -eu
    export LC_ALL=C
    cd "$1"
    [ -d .release ] || mkdir -p .release
    lists=$(mktemp -d .release/lists.XXXXXX)
    trap 'rm -rf "$lists"' EXIT
    find . '(' -path ./.git -o -path ./.release ')' -prune -o '(' -type f -fprint0 "$lists/files" -perm -100 \
        -printf 'x %p//\0' -o ! -type f -printf '%y %p//%l\0' ')' >"$lists/names"
    sort -z -o "$lists/names" "$lists/names"
    sort -z -o "$lists/files" "$lists/files"
    xargs -0 -r sha256sum -z -- <"$lists/files" >>"$lists/names"
    hash=$(sha256sum <"$lists/names")
    printf '%s\n' "${hash%% *}"
)
