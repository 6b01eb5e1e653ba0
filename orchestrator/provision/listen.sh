# shellcheck shell=sh
# Makes nginx of a color load the settings of the servers, and listen at the color's port, which another nginx may have
# had until now. The unit writes $stamp when it starts or reloads. If $port is empty, nginx need not listen at a port.
only=$1 nginx=$2 stamp=$3 port=$4
if [ -e "$only" ] || ! sha256sum --check --status --strict "$stamp" 2>/dev/null; then
    rm -f "$only"
    systemctl reload "$nginx" || exit 1
fi
[ -n "$port" ] || exit 0
looks=0
until [ -n "$(ss -Hltn "sport = :$port")" ]; do
    looks=$((looks + 1))
    [ "$looks" -lt 200 ] || { echo "$nginx does not listen on port $port: see journalctl -u $nginx" >&2; exit 1; }
    sleep 0.05
done
