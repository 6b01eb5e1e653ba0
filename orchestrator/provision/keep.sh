# shellcheck shell=sh
# Keeps a copy of each of the files $2, $3, ... in the directory $1, which appears at once with all copies. Its file "list"
# has the paths; file n is the copy of the n-th path, and is missing if there was nothing at the path. Directories are left
# out, because no file is ever put into their place.
umask 077
directory=$1
shift
[ ! -e "$directory" ] || { echo "$directory is there already, from an earlier provisioning" >&2; exit 1; }
rm -rf "$directory.new"
mkdir -p "$directory.new" && : >"$directory.new/list" || exit
number=0
for path in "$@"; do
    [ ! -d "$path" ] || [ -L "$path" ] || continue
    number=$((number + 1))
    if [ -e "$path" ] || [ -L "$path" ]; then
        cp -a -- "$path" "$directory.new/$number" || exit
    fi
    printf '%s\n' "$path" >>"$directory.new/list" || exit
done
sync -f "$directory.new/list"
mv -T "$directory.new" "$directory"
