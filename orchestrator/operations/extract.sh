# shellcheck shell=sh
# Makes a release from a tarball. curl reads the URL from standard input, because the URL may be a secret.
#
# If a name or a link in the tarball leads out of the directory $tree, the script refuses the tarball. tar would write
# nothing outside of $tree, but the release would differ from the tarball.
. ../scripts/part.sh

set -eu
umask 022
root=$1 id=$2 sha256=$3 strip=$4 pushed=$5
begin "$root" "$id"
archive=$part/archive tree=$part/tree
refuse() { printf 'the archive %s\n' "$*" >&2; exit 1; }
if [ -z "$pushed" ]; then
    rm -rf "$part"
    mkdir "$part"
    curl -gsS --fail --location --proto =http,https --connect-timeout 10 --retry 2 --output "$archive" --config -
fi
came=$(sha256sum <"$archive" | cut -d' ' -f1)
[ "$came" = "$sha256" ] || refuse "has the SHA-256 $came, but $sha256 is expected"
tar -t -P -f "$archive" --quoting-style=escape >"$part/names"
out=$(grep -m 1 -E '^/|(^|/)\.\.(/|$)' "$part/names" || true)
[ -z "$out" ] || refuse "has a member outside of its directory: $out"
mkdir -p "$tree"
said=$(LC_ALL=C tar -x -f "$archive" -C "$tree" "--strip-components=$strip" --no-same-owner --no-same-permissions 2>&1) ||
    refuse "cannot be unpacked: $(printf '%s' "$said" | head -n 1)"
case $said in *"Removing leading"*) refuse "has a link to outside of its directory: $said" ;; esac
# make read-only directories writable: later, links must be made in them, and the release must be removable
find "$tree" -type d ! -perm -700 -exec chmod u+rwx {} \;
odd=$(find "$tree" ! -type f ! -type d ! -type l -print -quit)
[ -z "$odd" ] || refuse "has a device, pipe or socket: ${odd#"$tree/"}"
for own in .git .release; do
    [ ! -e "$tree/$own" ] && [ ! -L "$tree/$own" ] || refuse "has a $own at its top: make the archive without $own"
done
[ -n "$(find "$tree" -mindepth 1 -print -quit)" ] || refuse "has no files below source.strip = $strip"
finish
