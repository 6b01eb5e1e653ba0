# shellcheck shell=sh
# window <kept> <lag> <begin> <end>: sets $since to the time at which the weight was set. Sets $begin and $last to the
# begin and the end of the part of the window that is recorded already. All times are epoch seconds.
#
# <kept> is the file that was written when the weight was set. <lag> is the number of seconds after which a request is
# recorded at the latest. If <begin> is empty, the window begins when the weight was set. If <end> is empty, the window
# ends now.
# shellcheck disable=SC2034 # the script that includes this uses them
window() {
    since=$(stat -c %.3Y "$1") || { echo "problem=no $1"; exit 0; }
    now=$(date +%s.%3N)
    last=$(awk -v now="$now" -v lag="$2" -v end="$4" 'BEGIN {
        now -= lag; printf "%.3f", (end != "" && end + 0 < now) ? end : now }')
    begin=$(awk -v since="$since" -v begin="$3" 'BEGIN {
        printf "%.3f", (begin != "" && begin + 0 > since + 0) ? begin : since }')
}
