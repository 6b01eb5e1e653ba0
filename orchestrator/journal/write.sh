# shellcheck shell=sh
# Functions for the script of each command (store.sh) and for the script that performs many requests (channel.sh): get the
# flock of the store, and then append records, renew the lock or give the lock back.
#
# The variable `dir` is the directory of the store.
# shellcheck disable=SC2154

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
lock() { # holds the flock of the store until this shell ends
    [ -d "$dir/runs" ] || mkdir -p "$dir/runs" 2>/dev/null || cannot_write
    [ -e "$dir/flock" ] || touch "$dir/flock" 2>/dev/null || cannot_write
    exec 9>> "$dir/flock"
    flock -w 5 9 || { echo "another process holds the journal's flock: repeat the command" >&2; exit 1; }
}
now() { # sets $boot and $up
    read -r boot < /proc/sys/kernel/random/boot_id
    read -r up _ < /proc/uptime
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
write() { # write <verb> <token> <argument>...: performs a verb for the holder. The records are on standard input
    verb=$1
    shift
    case $verb in
    renew)
        mine "$1" || { echo lost; return 0; }
        renew; echo ok ;;
    append)
        mine "$1" || { echo lost; return 0; }
        append "$2"
        renew; echo ok ;;
    end)
        mine "$1" || { echo lost; return 0; }
        append "$2"
        echo ok
        # the records are written: the caller learns that the lock is still held from a missing line, not from an error
        if give_back "$3" 2>/dev/null; then echo free; fi ;;
    back)
        if mine "$1"; then give_back "$2"; fi
        echo ok ;;
    esac
}
