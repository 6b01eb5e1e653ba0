# shellcheck shell=sh
# Writes the id of a release to the file `barrier`, or removes the file. Runs refuse releases that are older.
set -eu
file=$1/guard/barrier
if [ -n "$2" ]; then
    printf '%s\n' "$2" >"$file.new"
    mv -T "$file.new" "$file"
else
    rm -f "$file"
fi
