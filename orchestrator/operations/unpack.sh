# shellcheck shell=sh
# Makes a release of a file that another node packed. A release that is there is replaced, and root removes it: the web
# user may have made files in it, over which nothing can be unpacked. Processes that run in it then work in a directory
# that is gone, so its color no longer counts as started. Where this is cut off, all that is half done is in `.<id>.part`.
. ../scripts/away.sh

set -eu
root=$1 id=$2 sum=$3 remove=$4
cd "$root/releases"
trap 'rm -f ".$id.tar"' EXIT
[ "$(sha256sum <".$id.tar" | cut -d' ' -f1)" = "$sum" ] || { echo "release $id did not arrive whole" >&2; exit 1; }
away "$id"
mkdir -p ".$id.part/new"
tar -x -p -C ".$id.part/new" --strip-components=1 -f ".$id.tar"
if [ -d "$id" ]; then
    # git's link is to the mirror of this node
    [ ! -f "$id/.git" ] || cp -p "$id/.git" ".$id.part/new/.git"
    for color in blue green; do
        [ "$(readlink "$root/$color/release" || true)" != "../releases/$id" ] || rm -f "$root/$color/started"
    done
    mv -T "$id" ".$id.part/old"
fi
mv -T ".$id.part/new" "$id"
away "$id"
