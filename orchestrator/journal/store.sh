# shellcheck shell=sh
# Take, renew, give back and break the lock of a store, append records to the journal of a run, and read lock and journal.
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
set -eu
umask 077
export LC_ALL=C
verb=$1 dir=$2
shift 2

# Says why the store cannot be written, and ends the script.
cannot_write() {
    # shellcheck disable=SC2046 # two words
    set -- $(df -Pk "$dir" | awk 'NR == 2 { print $4 }') $(df -Pi "$dir" | awk 'NR == 2 { print $4 }')
    if [ "${1:-1024}" -lt 64 ]; then
        echo "no space left on device: $dir has $1 KiB free" >&2
    elif [ "${2:-1}" = 0 ]; then
        echo "no space left on device: $dir has no free inode" >&2
    else
        echo "$dir cannot be written" >&2
    fi
    exit 1
}
put() { # put <name> <text>: replaces a file of the store, so that the new content survives a crash
    { printf '%s\n' "$2" > "$dir/$1.new" && sync "$dir/$1.new" && mv -T "$dir/$1.new" "$dir/$1"; } 2>/dev/null || cannot_write
}
printable() { tr -c '\11\12\40-\176' '?'; }

now() { # sets $boot and $up
    read -r boot < /proc/sys/kernel/random/boot_id
    read -r up _ < /proc/uptime
}
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
# A run appends records about twenty times, and each process takes time. Therefore `mine` and `renew` read with the shell.
mine() { # also sets $first and $second to the first two lines of the lock
    first='' second=''
    [ -f "$dir/lock" ] || return 1
    { IFS= read -r first || true; IFS= read -r second || true; } < "$dir/lock"
    [ "$first" = "$1" ]
}
renew() { # only after `mine`
    { now && printf '%s\n%s\n%s\n' "$first" "$second" "$boot $up $(date +%s)" > "$dir/lock.new" &&
        mv -T "$dir/lock.new" "$dir/lock"; } 2>/dev/null || touch "$dir/lock"
}
append() { # append <number>: appends the records on standard input to the journal of a run, and syncs them
    number=$1
    while [ "${#number}" -lt 10 ]; do number=0$number; done
    file=$dir/runs/$number.jsonl
    if [ -e "$file" ]; then new=''; else new=yes; fi
    {
        # if a crash cut the last line short, the next record must still begin on a new line
        if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then echo >> "$file"; fi &&
            # dd writes the records to the disk before it ends
            dd bs=64k oflag=append conv=notrunc,fsync status=none of="$file" &&
            # the name of a new file survives a crash only if the directory is written too
            { [ -z "$new" ] || sync "$dir/runs"; }
    } 2>/dev/null || cannot_write
}
give_back() { # give_back <kept>, only after `mine`: removes the lock, and the journals of all but the newest runs
    runs
    kept=$1
    # shellcheck disable=SC2086 # names of digits
    set -- $runs
    while [ $# -gt "$kept" ]; do
        rm -f "$dir/runs/$1"
        shift
    done
    rm -f "$dir/lock"
}
runs() { # sets $runs to the names of the journals of all runs, oldest run first, and $newest to the last of these names
    runs='' newest=''
    for file in "$dir/runs/"[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9].jsonl; do
        [ -f "$file" ] && [ ! -L "$file" ] || continue
        newest=${file##*/}
        runs="$runs $newest"
    done
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

[ -d "$dir/runs" ] || mkdir -p "$dir/runs" 2>/dev/null || cannot_write
[ -e "$dir/flock" ] || touch "$dir/flock" 2>/dev/null || cannot_write
exec 9>> "$dir/flock"
flock -w 5 9 || { echo "another process holds the journal's flock: repeat the command" >&2; exit 1; }
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
renew)
    mine "$1" || { echo lost; exit 0; }
    renew; echo ok ;;
append)
    mine "$1" || { echo lost; exit 0; }
    append "$2"
    renew; echo ok ;;
end)
    mine "$1" || { echo lost; exit 0; }
    append "$2"
    echo ok
    # the records are written: the caller learns that the lock is still held from a missing line, not from an error
    if give_back "$3" 2>/dev/null; then echo free; fi ;;
back)
    if mine "$1"; then give_back "$2"; fi
    echo ok ;;
break)
    if [ -f "$dir/lock" ]; then
        read_lock
        [ "$(holder)" != "${1%%/*}" ] || rm -f "$dir/lock"
    fi
    echo ok ;;
read) contents "$1" ;;
esac
