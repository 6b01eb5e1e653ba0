# shellcheck shell=sh
# Lets new requests wait for at most $1 seconds. With 0, they go on; then the script prints `ended` if the hold had ended by
# itself. Only the map in the running HAProxy changes, so a restart ends the hold.
: "${hold:?}"
. haproxy_ask.sh

set -eu
shown() { value "$hold" until; }
before=$(shown)
[ -n "$before" ] || { echo "HAProxy does not answer on $socket, or does not use $hold: run deploys/provision.py" >&2; exit 1; }
now=$(date +%s)
wanted=0
[ "$1" = 0 ] || wanted=$((now + $1))
answer=$(ask "set map $hold until $wanted") || true
[ "$(shown)" = "$wanted" ] || { echo "HAProxy did not take the value $wanted: ${answer:-no answer}" >&2; exit 1; }
if [ "$wanted" = 0 ] && [ "$before" -le "$now" ]; then echo ended; fi
