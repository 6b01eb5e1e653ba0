# shellcheck shell=sh
# tree_hash <directory>: prints one hash of names, kinds, link targets, executable bits and contents of its files.
# Left out are `.git`, and `.release`, where this tool keeps notes.
#
# Names end with a NUL, and // stands between a path and a link's target: no name can hold a NUL and no path //, so two
# different trees never have the same list. `.release` holds the lists meanwhile: on the disk whose space is checked,
# and not hashed.
tree_hash() (
    set -eu
    export LC_ALL=C
    cd "$1"
    mkdir -p .release
    lists=$(mktemp -d .release/lists.XXXXXX)
    trap 'rm -rf "$lists"' EXIT
    except='( -path ./.git -o -path ./.release ) -prune -o'
    set -f
    # shellcheck disable=SC2086 # the tests of find are words
    find . $except -type f -perm -100 -printf 'x %p//\0' -o ! -type f -printf '%y %p//%l\0' >"$lists/names"
    # shellcheck disable=SC2086 # the tests of find are words
    find . $except -type f -print0 >"$lists/files"
    sort -z -o "$lists/names" "$lists/names"
    sort -z -o "$lists/files" "$lists/files"
    xargs -0 -r sha256sum -z -- <"$lists/files" >"$lists/contents"
    cat "$lists/names" "$lists/contents" | sha256sum | cut -d' ' -f1
)
