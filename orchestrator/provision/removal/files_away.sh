# shellcheck shell=sh
# files_away <app> <root> <entries> <parents> [<path>...]
#
# Removes an application's firewall and its rules that bar nodes, the names <entries> in its root directory, and each
# <path>. Then removes the root directory and the directories <parents>, which all applications share, if they are empty.
app=$1 root=$2 entries=$3 parents=$4
shift 4
. ./bars.sh
. ./owners.sh

bars_of "$app" | while read -r ip port; do
    while bar_rule -C "$ip" "$port"; do
        bar_rule -D "$ip" "$port" || exit
    done
done || exit
# the unit of the firewall has removed its table already, if the unit was active
[ ! -x /usr/sbin/nft ] || /usr/sbin/nft delete table inet "orchestrator_$(echo "$app" | tr - _)" 2>/dev/null
# the deploy user owns the root, and could replace it by a link to another directory
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
