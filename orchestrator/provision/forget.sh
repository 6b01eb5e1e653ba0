# shellcheck shell=sh
# Removes the copies in the directory $1 (see keep.sh). The directory disappears at once, so that nobody finds a part of it.
directory=$1
rm -rf "$directory.old"
[ ! -e "$directory" ] || mv -T "$directory" "$directory.old" || exit
rm -rf "$directory.old" "$directory.new"
