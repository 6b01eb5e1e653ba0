# shellcheck shell=sh
# Points a color to a release and restarts the color's processes. The file `started` names the release for which the
# running processes were started. The script removes this file before it changes the link. Therefore, if the script is
# interrupted at any point, the next start restarts the color. The file `invocation` has systemd's id of the start. If
# the id differs later, something else has restarted the color since then, such as a reboot.
set -eu
. ../scripts/invocation.sh
. ../scripts/lines.sh
. ../scripts/links.sh
note_start() { # systemd has no id `none`, so a color with this word counts as cold
    if [ "$warms" = yes ]; then echo "$invocation"; else echo none; fi >"$dir/invocation.new"
    mv -T "$dir/invocation.new" "$dir/invocation"
}
root=$1 color=$2 target=$3 id=$4 out=$5 said=$6 timer=$7 services=$8 warms=$9
dir=$root/$color
links "$root/live" "$root/live.armed" "$dir/release"
link "$root/live"
if [ "$link" = "$color" ] && [ "$out" != out ]; then
    echo "$color is live on this node, and the live color is never restarted" >&2
    exit 1
fi
# If this node is armed for the color, the color may become live at any time, so it is not restarted. This holds only
# while the run that armed the node is the newest run: in a newer run, the armed process does nothing.
link "$root/live.armed"
if [ "$out" != out ] && [ "$link" = "$color" ]; then
    lines "$root/guard/armed"
    armed=${first%% *}
    lines "$root/guard/fence"
    if [ "$armed" = "$first" ]; then
        echo "this node is armed to make $color live, so $color is not restarted" >&2
        exit 1
    fi
fi
want=${id:+../releases/$id}
if [ -n "$id" ] && [ ! -d "$root/releases/$id" ]; then
    echo "release $id is not on this node" >&2
    exit 1
fi
if [ -n "$timer" ]; then
    # Without the file `soak`, the timer does nothing, even if it ends before it is stopped. If the timer is not
    # installed, the command fails, which is no problem.
    rm -f "$dir/soak"
    sudo -n /usr/bin/systemctl stop "$timer" 2>/dev/null || true
fi
link "$dir/release"
lines "$dir/started"
if [ ! -e "$dir/shrunk" ] && [ "$link" = "$want" ] && [ "${first%% *}" = "${id:-none}" ]; then
    units "${target%.target}-fpm.service" "$target"
    invocation
    if is_active "$active"; then
        # record the present start, even if the run did not cause it: if $warms is yes, the run warms the color afterwards
        note_start
        exit 0
    fi
fi
rm -f "$dir/started" "$dir/shrunk"
if [ -n "$id" ]; then
    ln -sfT "$want" "$dir/release.new"
    mv -T "$dir/release.new" "$dir/release"
else
    rm -f "$dir/release"
fi
last_line() { # last_line <unit>: prints the last line that the unit wrote
    [ -z "$said" ] || [ -z "$1" ] || sudo -n "$said" "$1" 2>/dev/null | tail -n 1 || true
}
now=$(date +%s)
sudo -n /usr/bin/systemctl restart "$target" || {
    units=$(systemctl list-units --all --plain --no-legend --state=failed,activating "${target%.target}-*" || true)
    unit=$(printf '%s\n' "$units" | awk 'NR == 1 {print $1}')
    line=$(last_line "$unit")
    echo "$target does not start${unit:+, because of $unit}: ${line:-see journalctl -u ${unit:-$target} on the node}" >&2
    exit 1
}
set --
for file in "$dir"/release/.release/stack/service-*; do
    [ "$services" = all ] && [ -e "$file" ] || continue
    set -- "$@" "${target%.target}-${file##*/service-}.service"
done
units "$@" "${target%.target}-fpm.service" "$target"
for unit in "$@"; do
    unit
    is_active "$active" || {
        line=$(last_line "$unit")
        echo "$unit does not start: ${line:-the unit printed nothing, see journalctl -u $unit on the node}" >&2
        exit 1
    }
done
invocation
note_start
printf '%s %s\n' "${id:-none}" "$now" >"$dir/started.new"
mv -T "$dir/started.new" "$dir/started"
