# shellcheck shell=sh
. ../scripts/part.sh

set -eu
umask 022
root=$1 id=$2 sent=$3
begin "$root" "$id"
expected=$sent
[ -d "$part" ] || { echo "nothing was sent: $part does not exist" >&2; exit 1; }
finish
