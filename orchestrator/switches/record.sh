# shellcheck shell=sh
# window <kept> <lag> <begin> <end>: sets $since to when the weight was set, and $begin and $last to the part of the window
# that is recorded already.
#
# <kept> is the file that was written when the weight was set, <lag> how many seconds a request may take to be recorded.
# <begin> and <end> are epoch seconds; empty: since the weight was set, until now.
# shellcheck disable=SC2034 # the script that includes this uses them
window() {
    since=$(stat -c %.3Y "$1") || { echo "problem=no $1"; exit 0; }
    now=$(date +%s.%3N)
    last=$(awk -v now="$now" -v lag="$2" -v end="$4" 'BEGIN {
        now -= lag; printf "%.3f", (end != "" && end + 0 < now) ? end : now }')
    begin=$(awk -v since="$since" -v begin="$3" 'BEGIN {
        printf "%.3f", (begin != "" && begin + 0 > since + 0) ? begin : since }')
}
