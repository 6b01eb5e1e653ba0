# shellcheck shell=sh
# Proves that HAProxy would take a weight, and makes ready for it. Setting the present weight again proves that, and moves
# no traffic.
. haproxy_ask.sh

set -eu
weight=$1
now=$(running)
[ -n "$now" ] || { echo "HAProxy does not answer on $socket" >&2; exit 1; }
said=$(ask "set map $map green $now")
[ -z "$(printf %s "$said" | tr -d '[:space:]')" ] || { echo "HAProxy refused the weight: $said" >&2; exit 1; }
printf 'green %s\n' "$weight" >"$map.new"
