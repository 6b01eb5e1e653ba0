# shellcheck shell=sh
# Append the records on standard input to the notes of a run on this host. The guard runs this script.
#
# $1: directory of the guard, $2: number of the run
set -eu
umask 077
number=$2
while [ "${#number}" -lt 10 ]; do number=0$number; done
file=$1/noted/$number.jsonl
[ -d "$1/noted" ] || mkdir -p "$1/noted"
# if a crash cut the last line short, the next record must still begin on a new line
if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then echo >> "$file"; fi
cat >> "$file"
sync "$file" "$1/noted"
