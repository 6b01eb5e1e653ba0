# shellcheck shell=sh
# Takes a node out of both colors, or lets the node in again. Prints `kept` if an operator had taken the node out
# before. Runs as root, because only the socket for root permits this.
: "${admin:?}" "${blue:?}" "${green:?}"
. haproxy_ask.sh

set -eu
name=$1 verb=$3
# a HAProxy with the configuration of an earlier version of this tool has one socket, which permits everything
former=$socket
socket=$admin
[ -n "$(ask "show info" 2>/dev/null)" ] || socket=$former
for backend in "$blue" "$green"; do
    # field 7 is the administrative state: 0 means ready; an operator has set any other value
    state=$(ask "show servers state $backend" | awk -v n="$name" '$4 == n { print $7 }')
    [ -n "$state" ] || { echo "HAProxy has no server $backend/$name" >&2; exit 1; }
    if [ "$verb" = on ] && [ "$state" != 0 ]; then echo kept; exit 0; fi
done
# maint, not drain: with drain, a client whose cookie names the node would still get there. maint ends no request in flight.
case $verb in on) want=maint ;; *) want=ready ;; esac
for backend in "$blue" "$green"; do
    said=$(ask "set server $backend/$name state $want")
    [ -z "$said" ] || { echo "$said" >&2; exit 1; }
done
