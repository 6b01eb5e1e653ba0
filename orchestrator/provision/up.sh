# shellcheck shell=sh
# Starts a color ($verb: start or restart) and lets the color start at boot. If the start fails, prints the last lines of
# $said. While another nginx has the color's port ($port) because an earlier version of this tool gave the port to the
# node's own nginx, nginx of the color listens only at its socket: the mark $only says so.
target=$1 verb=$2 nginx=$3 port=$4 only=$5 said=$6
if ! systemctl is-active -q "$nginx" && [ -n "$(ss -Hltn "sport = :$port")" ]; then
    mkdir -p "${only%/*}"
    : >"$only"
fi
if ! { systemctl enable --quiet "$target" && systemctl "$verb" "$target"; }; then
    journalctl --unit "$said" --lines 4 --output cat --no-pager >&2
    exit 1
fi
