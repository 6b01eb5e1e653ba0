# shellcheck shell=sh
# Prints the state of a node, with one key=value on each line.
root=$1 app=$2 main=$3
provisioned=/etc/orchestrator/$app/provisioned
link() { readlink "$1" 2>/dev/null || true; }
rss_kb() { # rss_kb <unit>: memory of the unit's main process and its children
    pid=$(systemctl show -p MainPID --value "$1" 2>/dev/null)
    if [ "${pid:-0}" -gt 0 ]; then
        ps -o rss= -p "$pid" --ppid "$pid" | awk '{ sum += $1 } END { print sum + 0 }'
    else
        echo 0
    fi
}
echo "provisioned=$([ -x "/usr/local/lib/orchestrator/$app/guard" ] && [ -d "$root/releases" ] && echo yes || echo no)"
. ../scripts/provisioned.sh
. ../scripts/invocation.sh
restarted() { # restarted <color>: prints "yes" if something else than a run has restarted the color since its last start
    began=$(cat "$root/$1/invocation" 2>/dev/null || true)
    [ -z "$began" ] || [ "$began" = "$(invocation "$app-$1")" ] || echo yes
}
echo "live=$(link "$root/live")"
for color in blue green; do
    echo "$color.release=$(link "$root/$color/release" | sed 's|.*/||')"
    echo "$color.started=$(cut -d' ' -f1 "$root/$color/started" 2>/dev/null || true)"
    echo "$color.restarted=$(restarted "$color")"
    echo "$color.shrunk=$([ ! -e "$root/$color/shrunk" ] || echo yes)"
    echo "$color.active=$(systemctl is-active "$app-$color.target" 2>/dev/null || true)"
    echo "$color.rss_kb=$(rss_kb "$app-$color-$main.service")"
done
echo "draining=$([ ! -e "$root/guard/drain" ] || echo yes)"
echo "releases=$(find "$root/releases" -mindepth 1 -maxdepth 1 -name '[0-9]*' -printf '%f\n' 2>/dev/null | sort | tr '\n' ' ')"
echo "sizes=$(cat "$root"/blue/release/.release/size "$root"/green/release/.release/size 2>/dev/null | tr '\n' ' ')"
echo "disk_kb=$(df -Pk "$root" 2>/dev/null | awk 'NR == 2 { print $4 }')"
echo "inodes=$(df -Pi "$root" 2>/dev/null | awk 'NR == 2 { print $4 }')"
echo "memory_kb=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)"
echo "filesystem=$(stat -f -c %T "$root" 2>/dev/null || true)"
echo "fence=$(cat "$root/guard/fence" 2>/dev/null || echo 0)"
