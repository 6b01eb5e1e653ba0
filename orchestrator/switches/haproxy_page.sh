# shellcheck shell=sh
# Lets HAProxy send the page of maintenance ($1 is `on`), or the application's answers ($1 is `off`). The script changes the
# map in the running HAProxy, and the file that HAProxy reads when it restarts. If HAProxy does not accept the change, both
# get the former value again.
: "${record:?}"
. haproxy_ask.sh

set -eu
wanted=$1
shown() { value "$record" page; }
# The file belongs to root, and always has the same length, so one write replaces the whole text.
write() { printf 'page %3s\n' "$1" 1<>"$record"; }
[ -e "$record" ] || { echo "there is no $record: run deploys/provision.py" >&2; exit 1; }
before=$(shown)
[ -n "$before" ] || { echo "HAProxy does not answer on $socket, or does not use $record" >&2; exit 1; }
write "$wanted"
answer=$(ask "set map $record page $wanted") || true
if [ "$(shown)" != "$wanted" ]; then
    write "$before"
    ask "set map $record page $before" >/dev/null || true
    echo "HAProxy did not take the value $wanted: ${answer:-no answer}" >&2
    exit 1
fi
