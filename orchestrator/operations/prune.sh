# shellcheck shell=sh
# Removes the oldest releases. The names of releases tell their age, because a name begins with a date. (The modification
# time of a directory tells only when the directory was last changed.) These releases stay: the releases that the arguments
# after $4 name, the releases of the colors, releases in which a process works, and releases of which a process has a file
# open.
. ../scripts/away.sh

set -eu
root=$1 keep=$2 used=$3 remove=$4
shift 4
cd "$root/releases"
leftovers
# record the sizes of the given releases: the next release will need about as much space
for id in "$@"; do
    if [ -d "$id" ] && [ ! -e "$id/.release/size" ]; then
        [ -d "$id/.release" ] || mkdir -p "$id/.release"
        # du fails if it may not read a directory of the web user, and then prints the sum of the others
        kib=$(du -sk "$id" || true) inodes=$(du -s --inodes "$id" || true)
        echo "${kib%%[!0-9]*} ${inodes%%[!0-9]*}" >"$id/.release/size.new"
        mv -T "$id/.release/size.new" "$id/.release/size"
    fi
done
in_use=$(sudo -n "$used")
in_use="$in_use $(find "$root"/*/release -maxdepth 0 -type l -printf '%l\n' 2>/dev/null || true)"
# the shell sorts the names
total=0
for id in [0-9]*; do
    { [ ! -e "$id" ] && [ ! -L "$id" ]; } || total=$((total + 1))
done
for id in [0-9]*; do
    [ "$total" -gt "$keep" ] || break
    skip=''
    for kept in "$@" $in_use; do
        if [ "$kept" = "$id" ] || [ "$kept" = "../releases/$id" ]; then skip=1; break; fi
    done
    [ -z "$skip" ] || continue
    mv -T "$id" ".$id.part"
    away "$id"
    echo "$id"
    total=$((total - 1))
done
# remove git's records of the worktrees of releases that no longer exist
for admin in "$root"/repo.git/worktrees/[0-9]*Z-*; do
    [ ! -d "$admin" ] || [ -d "${admin##*/}" ] || rm -rf "$admin"
done
# Remove the git objects that only the removed releases needed, because git itself would do so only when there are
# thousands of them. If the mirror has the whole history, it needs all objects. Objects of the last minute are kept for
# people who run git in a release.
for mirror in "$root/repo.git" "$root"/modules/*.git; do
    [ ! -s "$mirror/shallow" ] || git -C "$mirror" prune --expire=1.minute.ago
done
