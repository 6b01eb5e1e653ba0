# shellcheck shell=sh
# Points the link `live` to a color. If $3 names the application, the script also starts a timer that later gives the
# other color fewer workers. The file `soak` holds the number of the run that started the timer. If a later run has used
# this node when the timer ends, the timer does nothing.
set -eu
root=$1 color=$2 app=$3
if [ "$(readlink "$root/live" 2>/dev/null || true)" != "$color" ]; then
    ln -sfT "$color" "$root/live.new"
    mv -T "$root/live.new" "$root/live"
fi
[ -n "$app" ] || exit 0
case $color in blue) other=green ;; *) other=blue ;; esac
rm -f "$root/$color/soak"
sudo -n /usr/bin/systemctl stop "$app-$color-shrink.timer" 2>/dev/null || true
[ ! -e "$root/$other/shrunk" ] || exit 0
cat "$root/guard/fence" >"$root/$other/soak"
sudo -n /usr/bin/systemctl restart "$app-$other-shrink.timer" || {
    echo "$other keeps all its workers: there is no timer for php.idle_workers (run deploys/provision.py)" >&2
    exit 1
}
