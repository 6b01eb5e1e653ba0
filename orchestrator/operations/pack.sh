# shellcheck shell=sh
# Packs a release into a tar file. The deploy user writes the tar file, and root reads the release, because only the web
# user may be allowed to read the environment file. If files of the release change or disappear while tar reads them, tar
# ends with status 1. This is no failure, because tar has packed all other files.
set -eu
umask 077
root=$1 id=$2 helper=$3
archive=$root/releases/.$id.tar
[ -d "$root/releases/$id" ] || { echo "release $id is not on this node" >&2; exit 1; }
# shellcheck disable=SC2154 # the trap itself assigns it
trap 'code=$?; [ "$code" = 0 ] || rm -f "$archive"' EXIT
packed=0
# shellcheck disable=SC2024 # intended: the deploy user writes the file
sudo -n "$helper" "$id" >"$archive" || packed=$?
# tar and sudo can both end with status 1. If the file is empty, the status is from sudo, and packing has failed
[ "$packed" = 0 ] || { [ "$packed" = 1 ] && [ -s "$archive" ]; } || exit "$packed"
sum=$(sha256sum <"$archive")
printf '%s\n' "${sum%% *}"
