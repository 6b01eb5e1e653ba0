# shellcheck shell=sh
# Removes the directory $1 with the copies of the former files (see keep.sh). The directory is renamed first, so that no
# other command finds a directory with only a part of the copies.
directory=$1
rm -rf "$directory.old"
[ ! -e "$directory" ] || mv -T "$directory" "$directory.old" || exit
rm -rf "$directory.old" "$directory.new"
