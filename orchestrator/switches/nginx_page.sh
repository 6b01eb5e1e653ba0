# shellcheck shell=sh
# Lets nginx send the page of maintenance ($1 is `on`), or the application's answers ($1 is `off`). nginx looks for the file
# $mark at each request.
: "${mark:?}" "${page:?}"

set -eu
[ -r "$page" ] || { echo "there is no $page: run deploys/provision.py" >&2; exit 1; }
[ "$(systemctl is-active nginx)" = active ] || { echo "nginx is not running" >&2; exit 1; }
case $1 in on) : >"$mark" ;; *) rm -f "$mark" ;; esac
