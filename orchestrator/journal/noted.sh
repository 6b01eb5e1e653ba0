# shellcheck shell=sh
# Print the notes of all runs on this host: `run <file>`, and each line of the file after a space.
#
# $1: directory of the guard
for file in "$1"/noted/*.jsonl; do
    [ -f "$file" ] || continue
    echo "run ${file##*/}"
    tr -c '\11\12\40-\176' '?' < "$file" | sed 's/^/ /'
    echo
done
