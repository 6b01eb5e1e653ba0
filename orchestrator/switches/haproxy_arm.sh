# shellcheck shell=sh
# Checks that HAProxy would accept a new weight, and that a file with the new weight can be written. To ask HAProxy, the
# script sets the present weight again, which moves no traffic.
. haproxy_ask.sh

set -eu
weight=$1
now=$(running)
[ -n "$now" ] || { echo "HAProxy does not answer on $socket" >&2; exit 1; }
said=$(ask "set map $map green $now")
case $said in *[![:space:]]*) echo "HAProxy refused the weight: $said" >&2; exit 1 ;; esac
# shellcheck disable=SC3067 # dash and bash have -O
if [ -O "$map" ]; then
    printf 'green %s\n' "$weight" >"$map.new"
else
    [ -w "$map" ] || { echo "$map cannot be written" >&2; exit 1; }
fi
