# shellcheck shell=sh
set -eu
bar=$1 verb=$2
shift 2
for address in "$@"; do
    sudo -n "$bar" "$address" "$verb"
done
