# shellcheck shell=sh
# Functions by which every kind of source makes a release. The script first collects the files in the directory
# `releases/.<release>.part`, then calculates their hash, and at the end renames the directory to `releases/<release>`.
# Therefore a directory with this name is always complete.
. absent.sh
. tree.sh

# begin <root> <release>: sets the paths, and ends the script if the release already exists. The caller then puts the
# files into $tree, and may set $expected to the hash that the files must have. If the script fails later, the incomplete
# release is removed.
begin() {
    final=$1/releases/$2 part=$1/releases/.$2.part admin=$1/repo.git/worktrees/$2
    tree=$part expected=''
    [ ! -d "$final" ] || { absent "$part"; exit 0; }
    # shellcheck disable=SC2154 # the trap itself assigns it
    trap 'code=$?; [ "$code" = 0 ] || failed' EXIT
}

failed() {
    for dir in "${part%/*}" "${admin%/worktrees/*}"; do
        # git's error message does not always say that the disk is full
        room=$(df -Pk "$dir" 2>/dev/null | awk 'NR == 2 {print $4}')
        [ "${room:-1024}" -ge 1024 ] || echo "no space left on device: $dir has $room KiB free" >&2
    done
    rm -rf "$part" "$admin"
}

# finish: calculates the hash of the files in $tree, and renames the directory to the release's name.
finish() {
    hash=$(tree_hash "$tree")
    if [ -n "$expected" ] && [ "$hash" != "$expected" ]; then
        echo "the release did not arrive whole: its files have the hash $hash, but $expected was sent" >&2
        exit 1
    fi
    printf '%s\n' "$hash" >"$tree/.release/tree"
    mv -T "$tree" "$final"
    absent "$part"
}
