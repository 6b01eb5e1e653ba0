# shellcheck shell=sh
# enter <base> <path>: changes to the directory <base>/<path>, and makes directories that are missing.
#
# Root alone can change the path <base>. Other users can change the directory <base> and the directories below it, and could
# put a symlink there at any time. Therefore the function enters one directory after another, and fails if it has arrived
# at another place. After that, the caller changes only the directory `.`, which no other user can replace.
enter() {
    cd -P -- "$1" || return
    place=$PWD rest=$2
    while [ -n "$rest" ]; do
        part=${rest%%/*}
        case $rest in */*) rest=${rest#*/} ;; *) rest='' ;; esac
        [ -n "$part" ] || continue
        place=$place/$part
        [ -d "./$part" ] || mkdir -- "./$part" || return
        cd -P -- "./$part" || return
        [ "$PWD" = "$place" ] || { echo "$place is a link to $PWD, not a directory" >&2; return 1; }
    done
}
