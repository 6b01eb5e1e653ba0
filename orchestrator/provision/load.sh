# shellcheck shell=sh
# Runs $command, which makes a service load its configuration. Then waits until $process listens on each of the $ports, and
# writes the checksums of the configuration files $6, $7, ... into $stamp.
#
# The script checks which program listens on a port, because another program may have the port. If the kernel hides which
# program listens (in a container without the capability to trace processes), any program is accepted.
command=$1 process=$2 ports=$3 seconds=$4 stamp=$5
shift 5
listens() {
    ss -Hltnp "sport = :$1" | awk -v name="\"$process\"" 'index($0, name) || !/users:/ { found = 1 } END { exit !found }'
}
sums=$(sha256sum -- "$@") || exit
sh -c "$command" || exit
for port in $ports; do
    looks=0
    until listens "$port"; do
        looks=$((looks + 1))
        [ "$looks" -lt $((seconds * 20)) ] || {
            echo "$process does not listen on port $port after: $command" >&2
            exit 1
        }
        sleep 0.05
    done
done
echo "$sums" >"$stamp"
