# shellcheck shell=sh
# Prints the sums of the requests in nginx's record. $1 and $2 are the begin and the end of the window, in epoch seconds.
# The awk program $program counts the requests.
: "${link:?}" "${record:?}" "${lag:?}" "${blue:?}" "${green:?}" "${exact:?}" "${growth:?}" "${program:?}"
. record.sh

[ -r "$record" ] || { echo "problem=nginx keeps no record in $record: run deploys/provision.py"; exit 0; }
window "$link" "$lag" "${1:-}" "${2:-}"
# shellcheck disable=SC2154 # window sets them
awk -F ";" -v begin="$begin" -v end="$last" -v since="$since" -v blue="$blue" -v green="$green" \
    -v exact="$exact" -v growth="$growth" "$program" "$record"
