# shellcheck shell=sh
# Removes the rules of the firewall that bar nodes of an application, $entries of its root, and the paths after $4. Then
# removes the root and each directory that held such a path for several applications, if they are empty.
app=$1 root=$2 entries=$3 parents=$4
shift 4
. ./bars.sh
. ./owners.sh

bars_of "$app" | while read -r ip port; do
    while bar_rule -C "$ip" "$port"; do
        bar_rule -D "$ip" "$port" || exit
    done
done || exit
# the deploy user owns the root: a link in its place must not lead elsewhere
if [ -n "$entries" ] && cd -P "$root" 2>/dev/null; then
    [ "$PWD" = "$root" ] || { echo "$root is reached by a link: remove $PWD yourself" >&2; exit 1; }
    for entry in $entries; do
        case $entry in . | .. | */*) continue ;; esac
        rm -rf --one-file-system -- "./$entry" || exit
    done
    cd / && rmdir -- "$root" 2>/dev/null
fi
for path in "$@"; do
    is_of_another "$path" "$app" || rm -rf --one-file-system -- "$path" || exit
done
for parent in $parents; do
    rmdir -- "$parent" 2>/dev/null
done
true
