# shellcheck shell=sh
# Perform the requests on standard input, one after the other, until standard input ends. Each request appends records to
# the journal of a run, renews the lock or gives the lock back, as store.sh does without a channel.
#
# $1: directory of the store, $2: token of the holder, $3: a random word, which no other output contains
#
# A request is a line with its number, its verb, the uptime of this host after which the request is not performed any more,
# the number of its records and the arguments of the verb; then each record on a line. The answer is what the verb prints
# (or `late`), and then a line with $3, the number of the request, the uptime and the status. A request that is cut off is
# not performed.
. write.sh

set -u
umask 077
export LC_ALL=C
dir=$1 token=$2 mark=$3

now || exit 1
echo "$mark 0 $up 0"
while IFS= read -r head; do
    # shellcheck disable=SC2086 # words of letters and digits
    set -- $head
    number=$1 verb=$2 until=$3 count=$4 text='' line=''
    shift 4
    while [ "$count" -gt 0 ]; do
        IFS= read -r line || exit 0
        # the last line has no line break, because the here-document adds one
        if [ -z "$text" ]; then text=$line; else text="$text
$line"; fi
        count=$((count - 1))
    done
    # A shell of its own holds the flock, so that nobody waits for this script between two requests. What has stopped this
    # script may have stopped it for long: then the sender has given up, and may have written other records since.
    answer=$(
        exec 2>&1 </dev/null
        set -e
        lock
        now
        [ "${up%.*}" -le "$until" ] || { echo late; exit 0; }
        write "$verb" "$token" "$@" <<records
$text
records
    )
    status=$?
    now
    printf '%s\n%s %s %s %s\n' "$answer" "$mark" "$number" "$up" "$status"
done
