# shellcheck shell=sh
: "${map:?}" "${socket:?}"

# ask <command> [<seconds>]: sends a command to the Runtime API and prints the answer. Waits at most <seconds> (default:
# 3) for the end of the answer.
ask() { printf '%s\n' "$1" | socat -t "${2:-3}" stdio "unix-connect:$socket"; }

# running: prints the weight of green that HAProxy uses now. Prints nothing if HAProxy does not answer.
running() { ask "show map $map" | awk '$2 == "green" { print $3 }'; }
