# shellcheck shell=sh
# Adds the ACL entries $entries to directories below the directory $base. The paths of the directories, $3, $4, ..., are
# relative to $base.
. enter.sh

base=$1 entries=$2
shift 2
for path in "$@"; do
    enter "$base" "$path" && setfacl -m "$entries" -- . || exit
done
