# shellcheck shell=sh
# Prints the packages that are not installed.
command -v dpkg-query >/dev/null || exit 0
for package in "$@"; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)
    [ "$status" = installed ] || echo "$package"
done
