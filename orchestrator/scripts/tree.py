"""What every way of bringing a release shares: it grows under a hidden name, is hashed, and gets its name last."""

from __future__ import annotations

# One hash of names, kinds, link targets, who may execute, and contents; of `.git` and of what we keep in `.release`
# nothing. Names end with a NUL and paths before a link's target with //, which no name and no path can hold: no two
# trees are listed alike. The lists lie in `.release` meanwhile: on the disk that is looked after, and not hashed.
TREE = r"""
tree_hash() (
    set -eu
    export LC_ALL=C
    cd "$1"
    mkdir -p .release
    lists=$(mktemp -d .release/lists.XXXXXX)
    trap 'rm -rf "$lists"' EXIT
    except='( -path ./.git -o -path ./.release ) -prune -o'
    set -f
    find . $except -type f -perm -100 -printf 'x %p//\0' -o ! -type f -printf '%y %p//%l\0' >"$lists/names"
    find . $except -type f -print0 >"$lists/files"
    sort -z -o "$lists/names" "$lists/names"
    sort -z -o "$lists/files" "$lists/files"
    xargs -0 -r sha256sum -z -- <"$lists/files" >"$lists/contents"
    cat "$lists/names" "$lists/contents" | sha256sum | cut -d' ' -f1
)
"""

# What comes in between fills "$tree", and "$part" is taken away if anything fails.
BEGIN = r"""
set -eu
umask 022
root=$1 id=$2; shift 2
final=$root/releases/$id part=$root/releases/.$id.part admin=$root/repo.git/worktrees/$id
tree=$part expected=
[ ! -d "$final" ] || { rm -rf "$part"; exit 0; }
failed() {
    for dir in "$root/releases" "$root/repo.git"; do
        # git does not always say so
        room=$(df -Pk "$dir" 2>/dev/null | awk 'NR == 2 {print $4}')
        [ "${room:-1024}" -ge 1024 ] || echo "no space left on device: $dir has $room KiB free" >&2
    done
    rm -rf "$part" "$admin"
}
trap 'code=$?; [ "$code" = 0 ] || failed' EXIT
"""

# A release that has its name is whole.
END = r"""
hash=$(tree_hash "$tree")
if [ -n "$expected" ] && [ "$hash" != "$expected" ]; then
    echo "has not got what was sent: its files have the hash $hash, and $expected was meant" >&2; exit 1
fi
printf '%s\n' "$hash" >"$tree/.release/tree"
mv -T "$tree" "$final"
rm -rf "$part"
"""
