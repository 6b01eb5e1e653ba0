# shellcheck shell=sh
# Runs the command that migrate.sh starts, and writes the exit status of the command to the file `ended`. File descriptor 7
# holds the lock; the command does not get this descriptor.
. ../scripts/as_web.sh
. ../scripts/theirs.sh

set -u
dir=$1 release=$2 id=$3 color=$4 command=$5 web=$6
export GUARD_DIR="$dir" RELEASE="$id" COLOR="$color" RELEASE_PATH="$release"
code=0
cd "$release" || exit 1
if [ -n "$web" ]; then as_web "$web" "$id" "$color" "$command" 7>&-; else theirs "$command" 7>&-; fi || code=$?
printf '%s\n' "$code" >"$dir/ended.new"
mv -T "$dir/ended.new" "$dir/ended"
