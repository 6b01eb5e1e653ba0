# shellcheck shell=sh
: "${map:?}" "${socket:?}"

# ask <commands> [<seconds>]: sends commands to the Runtime API, separated by `;`, and prints the answers. Waits at most
# <seconds> (default: 3) for the end of each answer.
ask() {
    socat -t "${2:-3}" stdio "unix-connect:$socket" <<command
$1
command
}

# running: prints the weight of green that HAProxy uses now. Prints nothing if HAProxy does not answer.
running() { ask "show map $map" | awk '$2 == "green" { print $3 }'; }
