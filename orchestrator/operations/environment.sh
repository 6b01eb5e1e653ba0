# shellcheck shell=sh
# Writes the environment file of a release. The standard input has the text, so that no list of processes shows the text.
#
# The script also writes the hash and the path of the file to `.release/environment` (mode 0600). A later release compares
# its own hash with this hash, because the environment file itself may belong to another user by then.
#
# If the path leads out of the release through a symlink, for example to shared/, the script refuses the path, because the
# live release may use the same file.
. ../scripts/inside.sh

set -eu
umask 077
root=$1 id=$2 path=$3 from=$4 only=$5
file=$root/releases/$id/$path about=$root/releases/$id/.release
release=$(cd -P "$root/releases/$id" && pwd -P)
inside "$release" environment.path "$path" "give it another path"
[ -d "${file%/*}" ] && [ -d "$about" ] || (umask 022; mkdir -p "${file%/*}" "$about")
cat >"$about/environment.new"
[ -s "$about/environment.new" ] || { echo "the environment is empty: the operator's machine sent no variables" >&2; exit 1; }
sum=$(sha256sum <"$about/environment.new")
same="${sum%% *} $path"
if [ -n "$only" ] && [ "$same" != "$(cat "$root/releases/$from/.release/environment" 2>/dev/null)" ]; then
    rm -f "$about/environment.new"
    echo "the environment differs from the environment of ${from:-a live release}: use deploys/release.py" >&2
    exit 1
fi
if [ -d "$file" ] && [ ! -L "$file" ]; then
    echo "environment.path: $path is a directory in the release: choose another path" >&2
    exit 1
fi
mv -fT "$about/environment.new" "$file"
printf '%s\n' "$same" >"$about/environment"
