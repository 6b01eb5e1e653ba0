# shellcheck shell=sh
# Append the records on standard input to the notes of a run on this host. The guard runs this script.
#
# $1: directory of the guard, $2: number of the run
set -eu
umask 077
file=$1/noted/$(printf '%010d' "$2").jsonl
mkdir -p "$1/noted"
# if a crash cut the last line short, the next record must still begin on a new line
if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then echo >> "$file"; fi
cat >> "$file"
sync "$file" "$1/noted"
