# shellcheck shell=sh
# Makes nginx of a color load the settings that do not depend on a release, and listen at the color's port. Another nginx
# may have listened at this port until now. The unit of nginx writes $stamp when nginx starts or reloads.
only=$1 nginx=$2 stamp=$3 port=$4
if [ -e "$only" ] || ! sha256sum --check --status --strict "$stamp" 2>/dev/null; then
    rm -f "$only"
    systemctl reload "$nginx" || exit 1
fi
looks=0
until [ -n "$(ss -Hltn "sport = :$port")" ]; do
    looks=$((looks + 1))
    [ "$looks" -lt 200 ] || { echo "$nginx does not listen on port $port: see journalctl -u $nginx" >&2; exit 1; }
    sleep 0.05
done
