# shellcheck shell=sh
# The deploy user writes the file, and root reads the release: the environment file may be readable by the web user only.
# tar ends with status 1 if files of a release in use changed or went meanwhile. That is no failure: it packed the rest.
set -eu
umask 077
root=$1 id=$2 helper=$3
archive=$root/releases/.$id.tar
[ -d "$root/releases/$id" ] || { echo "release $id is not on this node" >&2; exit 1; }
# shellcheck disable=SC2154 # the trap itself assigns it
trap 'code=$?; [ "$code" = 0 ] || rm -f "$archive"' EXIT
packed=0
# shellcheck disable=SC2024 # meant: the file is the deploy user's
sudo -n "$helper" "$id" >"$archive" || packed=$?
# status 1 with an empty file is sudo's
[ "$packed" = 0 ] || { [ "$packed" = 1 ] && [ -s "$archive" ]; } || exit "$packed"
sha256sum <"$archive" | cut -d' ' -f1
