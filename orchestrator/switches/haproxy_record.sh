# shellcheck shell=sh
# Prints the sums of the requests in HAProxy's ring. $1 and $2 are the begin and the end of the window, in epoch seconds.
# The awk program $program counts the requests.
: "${ring:?}" "${lag:?}" "${blue:?}" "${green:?}" "${exact:?}" "${growth:?}" "${program:?}"
. haproxy_ask.sh
. record.sh

window "$map" "$lag" "${1:-}" "${2:-}"
up=$(ask "show info" 10 | awk '$1 == "Uptime_sec:" { print $2 }')
[ -n "$up" ] || { echo "problem=HAProxy does not answer on $socket"; exit 0; }
size=$(ask "show events" 10 | awk -v ring="$ring" '$1 == ring { sub(/.*size=/, ""); print $0 + 0 }')
# shellcheck disable=SC2154 # window sets them
ask "show events $ring" 10 | awk -v begin="$begin" -v end="$last" -v since="$since" -v size="$size" -v now="$now" \
    -v up="$up" -v blue="$blue" -v green="$green" -v exact="$exact" -v growth="$growth" "$program"
