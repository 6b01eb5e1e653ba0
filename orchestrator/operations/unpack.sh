# shellcheck shell=sh
# Makes a release from a tar file that another node packed.
#
# If the release already exists, the script replaces it. Root removes the former release, because the web user may have
# made files in it that the deploy user cannot overwrite. Processes of a color that runs this release then work in a
# directory that no longer exists. Therefore the script removes the color's file `started`, so that the next start restarts
# these processes. If the script is interrupted, all incomplete files are in `.<id>.part`.
#
# On the other node, files may belong to the web user; here all files belong to the deploy user. A file that its owner made
# setuid or setgid would then run with the rights of another user. Therefore files lose these bits, in a directory that no
# other user can enter.
. ../scripts/away.sh

set -eu
root=$1 id=$2 sum=$3 remove=$4
cd "$root/releases"
trap 'rm -f ".$id.tar"' EXIT
[ "$(sha256sum <".$id.tar" | cut -d' ' -f1)" = "$sum" ] || { echo "release $id did not arrive whole" >&2; exit 1; }
away "$id"
mkdir ".$id.part"
chmod 700 ".$id.part"
mkdir ".$id.part/new"
tar -x -p -C ".$id.part/new" --strip-components=1 -f ".$id.tar"
find ".$id.part/new" -type f -perm /6000 -exec chmod ug-s {} +
if [ -d "$id" ]; then
    # keep the file .git, which points to the mirror of this node; the packed release has no such file
    [ ! -f "$id/.git" ] || cp -p "$id/.git" ".$id.part/new/.git"
    for color in blue green; do
        [ "$(readlink "$root/$color/release" || true)" != "../releases/$id" ] || rm -f "$root/$color/started"
    done
    mv -T "$id" ".$id.part/old"
fi
mv -T ".$id.part/new" "$id"
away "$id"
