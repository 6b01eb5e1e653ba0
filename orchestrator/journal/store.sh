# shellcheck shell=sh
# Take, renew, give back and break the lock of a store, append records to the journal of a run, and read lock and journal.
# For appending, renewing and giving back, the host may also run channel.sh, once for many requests.
#
# The store is a directory on this host. Each call of this script holds flock on the file `flock`, so that only one call at
# a time changes the store. The file `lock` has three lines:
#
#   1. the token of the holder
#   2. the holder as JSON, for messages
#   3. the last renewal: the boot id of this host, its uptime, and its time in seconds since the epoch. Earlier versions of
#      this tool wrote no third line. They renewed the lock only by a new time of the file.
#
# An administrator or NTP may set the clock of this host. Therefore the age of the last renewal comes only from the uptime.
# If the uptime of the renewal is unknown, the age is `-`: then the caller watches whether the file changes.
. write.sh

set -eu
umask 077
export LC_ALL=C
verb=$1 dir=$2
shift 2

put() { # put <name> <text>: replaces a file of the store, so that the new content survives a crash
    { printf '%s\n' "$2" > "$dir/$1.new" && sync "$dir/$1.new" && mv -T "$dir/$1.new" "$dir/$1"; } 2>/dev/null || cannot_write
}
printable() { tr -c '\11\12\40-\176' '?'; }

clock() { now && echo "$boot $up $(date +%s)"; }
# To start a process takes longer than all other work of this script. Therefore the shell itself reads short files.
read_lock() { # sets $first, $second and $third to the lines of the lock
    first='' second='' third=''
    { IFS= read -r first || true; IFS= read -r second || true; IFS= read -r third || true; } 2>/dev/null < "$dir/lock" || true
}
age() { # age <time>: seconds since the last renewal, from $third and the time of the file
    now
    printf '%s\n' "$third" | awk -v boot="$boot" -v up="$up" -v changed="$1" '
        NF == 3 && $1 == boot && $2 ~ /^-?[0-9]+(\.[0-9]+)?$/ && $3 ~ /^[0-9]+$/ && up >= $2 {
            # another time: an earlier version or a full disk has renewed the lock without this line
            if (changed - $3 < 2 && $3 - changed < 2) age = sprintf("%.3f", up - $2)
        }
        END { print age == "" ? "-" : age }'
}
holder() { # only after `read_lock`
    # shellcheck disable=SC2046 # two words
    set -- $(printf '%s\n%s\n' "$first" "$second" | cksum)
    echo "$1-$2"
}
look() { # reads the lock, and sets $age, and $mark, which changes with each renewal
    read_lock
    # shellcheck disable=SC2046 # two words
    set -- $(stat -c '%Y %i-%.Y-%.Z' "$dir/lock")
    mark=$(holder)/$2 age=$(age "$1")
}
held() { # only after `look`
    echo "held $age $mark"
    case $second in
    *[!\ -~]*) printf ' %.4000s\n' "$second" | printable ;;
    *) printf ' %.4000s\n' "$second" ;;
    esac
}
without_zeros() { # prints a number without zeros at its begin
    number=$1
    while [ "$number" != "${number#0}" ]; do number=${number#0}; done
    echo "${number:-0}"
}
highest() { # prints the highest number of a run that has a journal
    runs
    without_zeros "${newest%.jsonl}"
}
garbled() { # sets $number to the text of the file `fence`. Succeeds if the text is something else than one number
    [ -f "$dir/fence" ] || return 1
    number=''
    while IFS= read -r line || [ -n "$line" ]; do
        [ -z "$line" ] || number="$number${number:+ }$line"
    done 2>/dev/null < "$dir/fence" || true
    case $number in '' | *[!0-9]*) return 0 ;; esac
    [ "${#number}" -gt 15 ]
}
fence() { # prints the number of the newest run
    if [ ! -f "$dir/fence" ] || garbled; then
        highest
    else
        without_zeros "$number"
    fi
}
contents() { # contents <number>: prints the state of the lock, and the journals of this number of newest runs
    if [ -f "$dir/lock" ]; then look; held; else echo free; fi
    if garbled; then echo "garbled fence"; fi
    wanted=$1
    runs
    # shellcheck disable=SC2086 # names of digits
    set -- $runs
    while [ $# -gt "$wanted" ]; do shift; done
    [ $# -gt 0 ] || return 0
    # sed prints nothing about an empty file, and ends if it cannot read a file
    sound=yes
    for file; do [ -s "$dir/runs/$file" ] && [ -r "$dir/runs/$file" ] || sound=''; done
    if [ -n "$sound" ] && cd "$dir/runs"; then
        # one process each for all files, because the journals of twenty runs would need forty processes
        sed -s '1F; s/[^\t -~]/?/g; s/^/ /' -- "$@" | sed 's/^[0-9]/run &/'
        return 0
    fi
    for file; do
        echo "run $file"
        if [ -r "$dir/runs/$file" ]; then printable < "$dir/runs/$file" | sed 's/^/ /'; else echo unreadable; fi
        echo
    done
}

lock
case $verb in
take)
    token=$1 lease=$2 owner=$3 above=$4 unchanged=$5 wanted=$6
    if [ -f "$dir/lock" ] && ! mine "$token"; then
        look
        if [ "$mark" != "$unchanged" ] && ! awk -v a="$age" -v l="$lease" 'BEGIN { exit a == "-" || a < l }'; then
            held
            exit 0
        fi
    fi
    fence=$(($(fence) + 1))
    [ "$fence" -gt "$above" ] || fence=$((above + 1))
    put fence "$fence"
    put lock "$token
$owner
$(clock)"
    sync "$dir"
    echo "taken $fence"
    [ "$wanted" = 0 ] || contents "$wanted" ;;
renew | append | end | back) write "$verb" "$@" ;;
break)
    if [ -f "$dir/lock" ]; then
        read_lock
        [ "$(holder)" != "${1%%/*}" ] || rm -f "$dir/lock"
    fi
    echo ok ;;
read) contents "$1" ;;
esac
