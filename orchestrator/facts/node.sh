# shellcheck shell=sh
# Prints the state of a node, with one key=value on each line. To start a process takes longer than all other work of this
# script. Therefore the script starts only systemctl, find and stat, each of them once. If the node has workers or schedules, the
# script also starts awk, and systemctl once more.
root=$1 app=$2 main=$3
provisioned=/etc/orchestrator/$app/provisioned
say() { printf '%s=%s\n' "$1" "$2"; }

if [ -x "/usr/local/lib/orchestrator/$app/guard" ] && [ -d "$root/releases" ]; then
    say provisioned yes
else
    say provisioned no
fi
. ../scripts/provisioned.sh
. ../scripts/invocation.sh
. ../scripts/lines.sh
. ../scripts/links.sh
. ../scripts/workers.sh
rss() { # rss <pid>: sets $rss to the memory of a process and its children, in KiB
    rss=0
    [ "${1:-0}" -gt 0 ] || return 0
    if [ -z "$page_kb" ] || [ ! -r "/proc/$1/task/$1/children" ]; then
        # a kernel without these files, or the process has ended
        rss=$(ps -o rss= -p "$1" --ppid "$1" | awk '{ sum += $1 } END { print sum + 0 }')
        return 0
    fi
    all=$1
    for thread in "/proc/$1/task/"*/children; do
        children=''
        read -r children 2>/dev/null <"$thread" || true
        all="$all $children"
    done
    for process in $all; do
        pages=0
        read -r _ pages _ 2>/dev/null <"/proc/$process/statm" || true
        rss=$((rss + pages * page_kb))
    done
}
page_kb=''
while read -r key page_kb _; do
    [ "$key" != KernelPageSize: ] || break
    page_kb=''
done 2>/dev/null </proc/self/smaps

links "$root/live" "$root/blue/release" "$root/green/release"
link "$root/live"
say live "$link"
units "$app-blue-$main.service" "$app-blue-fpm.service" "$app-blue.target" \
    "$app-green-$main.service" "$app-green-fpm.service" "$app-green.target"
for color in blue green; do
    link "$root/$color/release"
    say "$color.release" "${link##*/}"
    lines "$root/$color/started"
    say "$color.started" "${first%% *}"
    unit
    rss "$pid"
    invocation
    # yes: something other than a run has restarted the color since a run started it, or the run did not warm the color
    lines "$root/$color/invocation"
    restarted=''
    case ${lines#"$invocation"} in *[!' ']*) restarted=yes ;; esac
    say "$color.restarted" "$restarted"
    if [ -e "$root/$color/shrunk" ]; then say "$color.shrunk" yes; else say "$color.shrunk" ''; fi
    say "$color.active" "$active"
    say "$color.rss_kb" "$rss"
done
# the drain mark of a join belongs to this join, and not to a provisioning
lines "$root/guard/drain"
if [ -e "$root/guard/drain" ] && [ "$first" != "a join" ]; then say draining yes; else say draining ''; fi

releases=''
for release in "$root/releases/"[0-9]*; do
    [ ! -e "$release" ] && [ ! -L "$release" ] || releases="$releases ${release##*/}"
done
set -f
# shellcheck disable=SC2086 # one line of words, even if a name has a line break
set -- $releases
set +f
say releases "${*:+$* }"
lines "$root/blue/release/.release/size"
sizes=$lines
lines "$root/green/release/.release/size"
say sizes "$sizes$lines"

free='' block='' inodes='' filesystem=''
read -r free block inodes filesystem <<filesystem
$(stat -f -c '%a %S %d %T' "$root" 2>/dev/null)
filesystem
say disk_kb "${block:+$((free * block / 1024))}"
# -1: the file system has no limit of inodes. Print `-`, as df does
[ "$inodes" != -1 ] || inodes=-
say inodes "$inodes"
while read -r key memory_kb _; do
    [ "$key" != MemAvailable: ] || break
    memory_kb=''
done </proc/meminfo
say memory_kb "$memory_kb"
say filesystem "$filesystem"
if [ -r "$root/guard/fence" ] && [ ! -d "$root/guard/fence" ]; then lines "$root/guard/fence"; else first=0; fi
say fence "$first"
lines "$root/guard/barrier"
say barrier "$first"
workers "$root" "$app"
say workers "$workers"
say expected "$expected"
lines "$root/guard/schedule"
say schedule "$first"
