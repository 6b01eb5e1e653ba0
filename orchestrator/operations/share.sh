# shellcheck shell=sh
# Replaces paths in a release by links to the same paths in shared/. The script removes only files of this release: if a
# symlink in the release makes a path lead out of the release, the script refuses the path.
. ../scripts/absent.sh
. ../scripts/inside.sh

set -eu
root=$1 id=$2
shift 2
release=$(cd -P "$root/releases/$id" && pwd -P)
own() { # own <path>: ends the script if the directory of the path is not inside the release
    inside "$release" shared "$1" "remove the link from the version, or remove $1 from the settings"
}
for entry in "$@"; do
    kind=${entry%%:*} path=$root/shared/${entry#*:}
    case $kind in file) flag=-f ;; *) flag=-d ;; esac
    test "$flag" "$path" || { echo "shared $kind missing: $path" >&2; exit 1; }
    own "${entry#*:}"
done
# seed <path>: if the shared directory is empty, copies the release's files at the path into this directory.
#
# The web user can write to the directory, and could replace the copy by a symlink while the script works. Therefore the
# script enters the directory of the copy, which no other user can enter, and works in it.
seed() (
    from=$release/$1
    step "$root/shared" "$1"
    # if an earlier copy was interrupted, .seed.part exists: copy again
    [ -e .seed.part ] || [ -z "$(ls -A)" ] || return 0
    rm -rf .seed.part
    mkdir -m 700 .seed.part
    step . .seed.part
    [ "$(stat -c %u .)" = "$(id -u)" ] || { echo "shared: $PWD belongs to another user" >&2; exit 1; }
    if [ -d "$from" ] && [ ! -L "$from" ]; then
        cp -R "$from/." .
    elif [ -n "$(git -C "$release" ls-tree HEAD "$1/" 2>/dev/null)" ]; then
        git -C "$release" archive "HEAD:$1" | tar -x
    fi
    find . -mindepth 1 -maxdepth 1 -exec chmod -R u+rwX,g+rwX {} +
    find . -mindepth 1 -maxdepth 1 -exec mv -n -t .. {} +
    cd ..
    rm -rf .seed.part
)
step() { # step <directory> <path>: enters <directory>/<path>. Ends the script if <path> leads through a symlink
    cd -P "$1"
    place=$PWD/$2
    cd -P "./$2"
    [ "$PWD" = "$place" ] || { echo "shared: $place is behind a link, and leads to $PWD" >&2; exit 1; }
}
# put <path>: replaces the path in the release by a link to the shared path.
#
# If the script runs a second time, the web user can write to directories in `permissions.writable`, and could replace a
# directory above the path by a symlink. Therefore the script enters one directory after another, and works in it.
put() (
    cd -P "$release"
    rest=$1
    while [ "$rest" != "${rest#*/}" ]; do
        part=${rest%%/*} rest=${rest#*/}
        [ -d "./$part" ] || mkdir "./$part"
        cd -P "./$part"
        case $PWD/ in "$release"/*) ;; *) echo "shared: $1 is behind a link, and leads to $PWD" >&2; exit 1 ;; esac
    done
    absent "./$rest"
    ln -sT "$root/shared/$1" "./$rest"
)
for entry in "$@"; do
    case $entry in seed:*) seed "${entry#*:}"; continue ;; esac
    path=${entry#*:}
    # skip a path that is already a link to the shared path; if the version has a link to other files, replace this link
    [ ! -L "$release/$path" ] || [ "$(readlink "$release/$path" || true)" != "$root/shared/$path" ] || continue
    own "$path"
    put "$path"
done
[ -d "$release/.release" ] || mkdir -p "$release/.release"
printf '%s\n' "$@" | LC_ALL=C sort >"$release/.release/shared"
