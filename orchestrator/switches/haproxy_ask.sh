# shellcheck shell=sh
: "${map:?}" "${socket:?}"

# ask <command> [<seconds>]: sends one command to the Runtime API and prints the answer. Waits at most this long (3 s) for
# the end of the answer.
ask() { printf '%s\n' "$1" | socat -t "${2:-3}" stdio "unix-connect:$socket"; }

# running: prints green's weight as HAProxy has it, nothing if HAProxy does not answer.
running() { ask "show map $map" | awk '$2 == "green" { print $3 }'; }
