# shellcheck shell=sh
# How every source of files makes a release: the files grow in `releases/.<release>.part`, are hashed, and are renamed to
# `releases/<release>` last. A release that has its name is therefore whole.
. tree.sh

# begin <root> <release>: names the paths, and ends the script if the release is there already. The caller fills $tree,
# and may set $expected to the hash that the files must have. If the script fails later, the half release is removed.
begin() {
    final=$1/releases/$2 part=$1/releases/.$2.part admin=$1/repo.git/worktrees/$2
    tree=$part expected=''
    [ ! -d "$final" ] || { rm -rf "$part"; exit 0; }
    # shellcheck disable=SC2154 # the trap itself assigns it
    trap 'code=$?; [ "$code" = 0 ] || failed' EXIT
}

failed() {
    for dir in "${part%/*}" "${admin%/worktrees/*}"; do
        # git does not always say that the disk is full
        room=$(df -Pk "$dir" 2>/dev/null | awk 'NR == 2 {print $4}')
        [ "${room:-1024}" -ge 1024 ] || echo "no space left on device: $dir has $room KiB free" >&2
    done
    rm -rf "$part" "$admin"
}

# finish: hashes $tree, and gives the release its name.
finish() {
    hash=$(tree_hash "$tree")
    if [ -n "$expected" ] && [ "$hash" != "$expected" ]; then
        echo "the release did not arrive whole: its files have the hash $hash, but $expected was sent" >&2
        exit 1
    fi
    printf '%s\n' "$hash" >"$tree/.release/tree"
    mv -T "$tree" "$final"
    rm -rf "$part"
}
