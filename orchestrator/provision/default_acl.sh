# shellcheck shell=sh
# Prints for each path the line |<path>, and then the default ACL if the path is a directory and getfacl is installed.
set -e
for path in "$@"; do
    echo "|$path"
    if [ -d "$path" ] && command -v getfacl >/dev/null; then getfacl -cdpE -- "$path"; fi
done
