# shellcheck shell=sh
# Sets green's weight in the running HAProxy, and in the file that HAProxy reads when it restarts. If HAProxy does not
# accept the weight, both get the former weight again.
. haproxy_ask.sh

set -eu
weight=$1
write() { # write <weight>
    # shellcheck disable=SC3067 # dash and bash have -O
    if [ -O "$map" ]; then
        # an earlier version of this tool provisioned the balancer
        printf 'green %s\n' "$1" >"$map.new" && mv -T "$map.new" "$map"
    else
        # The file belongs to root, and always has the same length, so one write replaces the whole text.
        printf 'green %3s\n' "$1" 1<>"$map"
    fi
}
before=''
while read -r key kept _ || [ -n "$key" ]; do
    [ "$key" != green ] || before=$kept
done <"$map"
[ -n "$(running)" ] || { echo "HAProxy does not answer on $socket" >&2; exit 1; }
write "$weight"
answer=$(ask "set map $map green $weight") || true
if [ "$(running)" != "$weight" ]; then
    write "$before"
    ask "set map $map green $before" >/dev/null || true
    echo "HAProxy did not take the weight $weight: ${answer:-no answer}" >&2
    exit 1
fi
