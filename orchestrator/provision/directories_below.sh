# shellcheck shell=sh
# Makes directories below the directory $base, and sets their owner, group and permissions. The paths of the directories,
# $5, $6, ..., are relative to $base.
. enter.sh

umask 077
base=$1 owner=$2 group=$3 mode=$4
shift 4
for path in "$@"; do
    enter "$base" "$path" && chown -- "$owner:$group" . && chmod -- "$mode" . || exit
done
