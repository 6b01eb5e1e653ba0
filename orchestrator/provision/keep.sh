# shellcheck shell=sh
# Copies each of the files $2, $3, ... into the directory $1. The directory gets its name only when all copies are
# complete. Its file "list" has the paths. The file n in the directory is the copy of the n-th path; if nothing existed at
# this path, there is no file n. Directories are not copied, because provisioning never replaces a directory by a file.
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
