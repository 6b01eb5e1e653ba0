# shellcheck shell=sh
: "${map:?}" "${socket:?}"

# ask <commands> [<seconds>]: sends commands to the Runtime API, separated by `;`, and prints the answers. Waits at most
# <seconds> (default: 3) for the end of each answer.
ask() {
    socat -t "${2:-3}" stdio "unix-connect:$socket" <<command
$1
command
}

# value <map> <key>: prints the value that a map in the running HAProxy has. Prints nothing if HAProxy does not answer.
value() {
    ask "show map $1" | while read -r _ key value _; do
        [ "$key" != "$2" ] || printf '%s\n' "$value"
    done
}

# running: prints the weight of green that HAProxy uses now. Prints nothing if HAProxy does not answer.
running() { value "$map" green; }
