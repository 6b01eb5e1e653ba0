# shellcheck shell=sh
# Writes the environment file of a release. Its text comes by standard input, so that no list of processes shows it.
#
# Its hash and path are kept (mode 0600) to tell whether a later release has the same, because the file itself may belong
# to another user by then. A path behind a link, such as one to shared/, is refused: the live release could have it, too.
. ../scripts/inside.sh

set -eu
umask 077
root=$1 id=$2 path=$3 from=$4 only=$5
file=$root/releases/$id/$path about=$root/releases/$id/.release
release=$(realpath "$root/releases/$id")
inside "$release" environment.path "$path" "give it another path"
(umask 022; mkdir -p "$(dirname "$file")" "$about")
cat >"$about/environment.new"
[ -s "$about/environment.new" ] || { echo "the environment is empty: the operator's machine sent no variables" >&2; exit 1; }
same="$(sha256sum <"$about/environment.new" | cut -d' ' -f1) $path"
if [ -n "$only" ] && [ "$same" != "$(cat "$root/releases/$from/.release/environment" 2>/dev/null)" ]; then
    rm -f "$about/environment.new"
    echo "the environment differs from that of ${from:-a live release}: use deploys/release.py" >&2
    exit 1
fi
if [ -d "$file" ] && [ ! -L "$file" ]; then
    echo "environment.path: $path is a directory in the release: choose another path" >&2
    exit 1
fi
mv -fT "$about/environment.new" "$file"
printf '%s\n' "$same" >"$about/environment"
