# shellcheck shell=sh
# Runs $command, which loads a service's configuration; waits until $process listens on each port; then remembers the
# checksums of the files in $stamp. Ports are words.
#
# That something listens on a port is not enough: another program may hold it. The kernel may hide which program listens
# (a container without the capability to trace); then any listener counts.
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
