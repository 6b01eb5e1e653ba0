# shellcheck shell=sh
# Take, renew, give back and break the lock of a store, append records to the journal of a run, and read lock and journals.
#
# The store is a directory on this host. The time of the file `lock` is the time of the last renewal, by this host's clock.
# Each call of this script holds flock on the file `flock`, so that only one call at a time changes the store.
set -eu
umask 077
export LC_ALL=C
verb=$1 dir=$2
shift 2
mkdir -p "$dir/runs"
exec 9>"$dir/flock"
flock -w 5 9 || { echo "another process holds the journal's flock: repeat the command" >&2; exit 1; }
age() { awk -v n="$(date +%s.%N)" -v m="$(stat -c %.Y "$dir/lock")" 'BEGIN {printf "%.3f", n - m}'; }
mine() { [ -f "$dir/lock" ] && [ "$(head -n 1 "$dir/lock")" = "$1" ]; }
# shellcheck disable=SC2012 # the names of these files are numbers
runs() { ls -1 "$dir/runs" | sort; }
case $verb in
take)
    token=$1 lease=$2 owner=$3
    if [ -f "$dir/lock" ] && ! mine "$token"; then
        age=$(age)
        if awk -v a="$age" -v l="$lease" 'BEGIN {exit !(a < l)}'; then
            echo "held $age"; sed -n 2p "$dir/lock"; exit 0
        fi
    fi
    fence=$(( $(cat "$dir/fence" 2>/dev/null || echo 0) + 1 ))
    [ "$fence" -gt "$4" ] || fence=$(($4 + 1))
    echo "$fence" > "$dir/fence.new"; sync "$dir/fence.new"; mv -T "$dir/fence.new" "$dir/fence"
    printf '%s\n%s\n' "$token" "$owner" > "$dir/lock.new"; sync "$dir/lock.new"; mv -T "$dir/lock.new" "$dir/lock"
    sync "$dir"
    echo "taken $fence" ;;
renew)
    mine "$1" || { echo lost; exit 0; }
    touch "$dir/lock"; echo ok ;;
append)
    mine "$1" || { echo lost; exit 0; }
    file=$dir/runs/$(printf '%010d' "$2").jsonl
    # if a crash cut the last line short, the next record must still begin on a new line
    if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then echo >> "$file"; fi
    cat >> "$file"
    sync "$file"
    touch "$dir/lock"; echo ok ;;
back)
    if mine "$1"; then
        for file in $(runs | head -n "-$2"); do rm -f "$dir/runs/$file"; done
        rm -f "$dir/lock"
    fi
    echo ok ;;
break)
    if [ -f "$dir/lock" ] && [ "$(sed -n 2p "$dir/lock")" = "$1" ]; then rm -f "$dir/lock"; fi
    echo ok ;;
read)
    if [ -f "$dir/lock" ]; then echo "held $(age)"; sed -n 2p "$dir/lock"; else echo free; fi
    for file in $(runs | tail -n "$1"); do
        echo "run $file"; cat "$dir/runs/$file"; echo
    done ;;
esac
