# shellcheck shell=sh
# Sets green's weight in the running HAProxy, and in the file that HAProxy reads when it restarts. If HAProxy does not
# accept the weight, both get the former weight again.
. haproxy_ask.sh

set -eu
weight=$1
write() { printf 'green %s\n' "$1" >"$map.new" && mv -T "$map.new" "$map"; }
before=$(awk '$1 == "green" { print $2 }' "$map")
[ -n "$(running)" ] || { echo "HAProxy does not answer on $socket" >&2; exit 1; }
write "$weight"
answer=$(ask "set map $map green $weight") || true
if [ "$(running)" != "$weight" ]; then
    write "$before"
    ask "set map $map green $before" >/dev/null || true
    echo "HAProxy did not take the weight $weight: ${answer:-no answer}" >&2
    exit 1
fi
