# shellcheck shell=sh
# Removes the oldest releases. Names sort by time; a directory's own time is that of the last write in it. The release of
# a color stays, and so does a release that any process works in or has open.
. ../scripts/away.sh

set -eu
root=$1 keep=$2 used=$3 remove=$4
shift 4
cd "$root/releases"
leftovers
# the next release needs about as much room as these take
for id in "$@"; do
    if [ -d "$id" ] && [ ! -e "$id/.release/size" ]; then
        mkdir -p "$id/.release"
        echo "$(du -sk "$id" | cut -f1) $(du -s --inodes "$id" | cut -f1)" >"$id/.release/size.new"
        mv -T "$id/.release/size.new" "$id/.release/size"
    fi
done
in_use=$(sudo -n "$used")
for link in "$root"/*/release; do
    in_use="$in_use $(readlink "$link" || true)"
done
releases() { find . -mindepth 1 -maxdepth 1 -name '[0-9]*' -printf '%f\n' | sort; }
total=$(releases | wc -l)
for id in $(releases); do
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
# git's notes about releases that are gone
for admin in "$root"/repo.git/worktrees/[0-9]*Z-*; do
    [ ! -d "$admin" ] || [ -d "${admin##*/}" ] || rm -rf "$admin"
done
# Remove the objects that only such a release needed; git by itself waits for thousands of them. A mirror with the whole
# history needs them all. A person who works in a release by hand is not disturbed within a minute.
[ ! -s "$root/repo.git/shallow" ] || git -C "$root/repo.git" prune --expire=1.minute.ago
