# shellcheck shell=sh
# Starts a command that changes the schema of a database, detached from this connection, and ends at once.
#
# The directory $root/guard/database/<key> belongs to one command of one run. The detached process holds a lock on the file
# `lock` there. The file `started` exists if the process may have been started. The file `ended` has the exit status of the
# command, and `output` has its output. If `started` exists, but nothing holds the lock and `ended` is missing, it is unknown
# how far the command came, for example after a power failure. Then a later run starts its command only if $retry is set.
set -eu
root=$1 key=$2 id=$3 color=$4 command=$5 web=$6 retry=$7 run=$8
all=$root/guard/database
dir=$all/$key
mkdir -p "$all"
for other in "$all"/*/; do
    other=${other%/}
    [ -e "$other/started" ] || continue
    [ "$other" != "$dir" ] || exit 0
    if [ -e "$other/ended" ]; then
        # the command of another database in the same run: an undo asks later how this command ended
        case ${other##*/} in *-"${key##*-}") ;; *) rm -rf "$other" ;; esac
    elif ! flock -n "$other/lock" true; then
        echo "the command ${other##*/} of an earlier run still changes the schema: repeat this command later" >&2
        exit 1
    elif [ -n "$retry" ]; then
        rm -rf "$other"
    else
        echo "it is unknown how the command ${other##*/} of an earlier run ended, because this server stopped during the command:" \
            "compare the schema with the migrations, then give --data database=retry" >&2
        exit 1
    fi
done
mkdir -p "$dir"
exec 7>"$dir/lock"
flock -n 7 || { echo "the command $key is being started by another run" >&2; exit 1; }
: >"$dir/started"
setsid sh -c "$run" orchestrator "$dir" "$root/releases/$id" "$id" "$color" "$command" "$web" \
    </dev/null >"$dir/output" 2>&1 &
