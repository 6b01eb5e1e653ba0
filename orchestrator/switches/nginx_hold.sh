# shellcheck shell=sh
# Lets new requests wait for at most $1 seconds. With 0, they go on; then the script prints `ended` if the hold had ended by
# itself. A process without a connection to this shell holds the requests, so the hold ends even if nobody ends it.
: "${mark:?}" "${hold:?}" "${program:?}"

set -eu
if [ "$1" = 0 ]; then
    [ -e "$mark" ] || echo ended
    rm -f "$mark"
else
    [ "$(systemctl is-active nginx)" = active ] || { echo "nginx is not running" >&2; exit 1; }
    perl -e "$program" "$hold" "$mark" "$1"
fi
