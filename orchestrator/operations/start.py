"""Points a color to a release and starts it fresh."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.guarded import Guard, guarded

# `started` says which release the running processes were started for. It goes away before the link
# moves, so a script that was cut anywhere leaves a color that is started anew, never one that only looks right.
SCRIPT = r"""
set -eu
root=$1 color=$2 target=$3 id=$4 out=$5 said=$6 timer=$7
shift 7
dir=$root/$color
if [ "$(readlink "$root/live")" = "$color" ] && [ "$out" != out ]; then
    echo "$color is live on this node: it is never restarted" >&2; exit 1
fi
want=${id:+../releases/$id}
if [ -n "$id" ] && [ ! -d "$root/releases/$id" ]; then
    echo "release $id is not on this node" >&2; exit 1
fi
if [ -n "$timer" ]; then
    # without this it does nothing, should it still come; before it is provisioned there is none to stop
    rm -f "$dir/soak"
    sudo -n /usr/bin/systemctl stop "$timer" 2>/dev/null || true
fi
if [ ! -e "$dir/shrunk" ] && [ "$(readlink "$dir/release" 2>/dev/null || true)" = "$want" ] \
    && [ "$(cut -d' ' -f1 "$dir/started" 2>/dev/null || true)" = "${id:-none}" ] \
    && systemctl is-active -q "$target"; then
    exit 0
fi
rm -f "$dir/started" "$dir/shrunk"
if [ -n "$id" ]; then
    rm -f "$dir/release.new"
    ln -s "$want" "$dir/release.new"
    mv -T "$dir/release.new" "$dir/release"
else
    rm -f "$dir/release"
fi
told() { # the last word of a unit
    [ -z "$said" ] || [ -z "$1" ] || sudo -n "$said" "$1" 2>/dev/null | tail -n 1 || true
}
now=$(date +%s)
sudo -n /usr/bin/systemctl restart "$target" || {
    units=$(systemctl list-units --all --plain --no-legend --state=failed,activating "${target%.target}-*" || true)
    unit=$(printf '%s\n' "$units" | awk 'NR == 1 {print $1}')
    line=$(told "$unit")
    echo "$target does not start${unit:+, because of $unit}: ${line:-see journalctl -u ${unit:-$target} there}" >&2
    exit 1
}
for unit in "$@"; do
    systemctl is-active -q "$unit" || {
        line=$(told "$unit")
        echo "$unit does not start: ${line:-it said nothing, see journalctl -u $unit there}" >&2; exit 1
    }
done
printf '%s %s\n' "${id:-none}" "$now" > "$dir/started.new"
mv -T "$dir/started.new" "$dir/started"
"""


@operation()
def start(
    root: str,
    color: str,
    target: str,
    release: str | None,
    out: bool = False,
    services: Sequence[str] = (),
    said: str = "",
    timer: str = "",
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Point a color to a release and restart its systemd target, so that all its processes are new.

    + root: directory of the application
    + color: ``blue`` or ``green``
    + target: the color's systemd target
    + release: id of the release, None for none (a color that never had one)
    + out: the node gets no traffic, so that its live color may be restarted, too
    + services: systemd units of the color's that have to run with this release, PHP-FPM's aside
    + said: script that tells a unit's last line, if any
    + timer: systemd timer that would give the color fewer workers, if any
    + guard: the guard to go through, if any

    Nothing happens if the color's processes were started for that release and run, all of them. The live color is
    refused.

    **Example:**

    .. code:: python

        start(root="/srv/shop", color="green", target="shop-green.target", release="20260101T120000Z-5d0f0c1")
    """
    yield guarded(SCRIPT, [root, color, target, release or "", "out" if out else "in", said, timer, *services], guard)
