# shellcheck shell=sh
# Starts or restarts a color ($verb is start or restart), and lets the color start at boot. If the start fails, prints the
# last log lines of the unit $said.
#
# In an earlier version of this tool, the node's own nginx listened at the port of the color. If this nginx still has the
# port, the script makes the file $only. While this file exists, nginx of the color listens only at its socket.
target=$1 verb=$2 nginx=$3 port=$4 only=$5 said=$6
if ! systemctl is-active -q "$nginx" && [ -n "$(ss -Hltn "sport = :$port")" ]; then
    mkdir -p "${only%/*}"
    : >"$only"
fi
if ! { systemctl enable --quiet "$target" && systemctl "$verb" "$target"; }; then
    journalctl --unit "$said" --lines 4 --output cat --no-pager >&2
    exit 1
fi
