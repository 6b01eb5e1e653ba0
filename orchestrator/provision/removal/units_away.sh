# shellcheck shell=sh
# Stops and disables the systemd units of an application, and removes their files.
app=$1
. ./units.sh

units=$(units_of "$app")
[ -n "$units" ] || exit 0
# the instances of a template unit, such as the processes of a worker, are stopped; a template itself cannot be stopped
loaded=$(echo "$units" | grep -v '\.candidate$' | sed 's/@\.service$/@*.service/')
if [ -n "$loaded" ]; then
    # shellcheck disable=SC2086 # the names are words
    systemctl stop -- $loaded || exit
    # shellcheck disable=SC2046
    systemctl disable --quiet -- $(echo "$loaded" | grep -v '@') 2>/dev/null || exit
fi
(cd /etc/systemd/system && echo "$units" | xargs rm -f --) || exit
systemctl daemon-reload
# shellcheck disable=SC2086
[ -z "$loaded" ] || systemctl reset-failed -- $loaded 2>/dev/null
true
