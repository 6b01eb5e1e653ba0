# shellcheck shell=sh
# Replaces paths in a release by links to the same paths in shared/. The script removes only files of this release: if a
# symlink in the release makes a path lead out of the release, the script refuses the path.
. ../scripts/inside.sh

set -eu
root=$1 id=$2
shift 2
release=$(realpath "$root/releases/$id")
own() { # own <path>: ends the script if the directory of the path is not inside the release
    inside "$release" shared "$1" "take that link out of the version, or $1 out of the settings"
}
for entry in "$@"; do
    kind=${entry%%:*} path=$root/shared/${entry#*:}
    case $kind in file) flag=-f ;; *) flag=-d ;; esac
    test "$flag" "$path" || { echo "shared $kind missing: $path" >&2; exit 1; }
    own "${entry#*:}"
done
seed() { # seed <path>: if the shared directory is empty, copies the release's files at the path into this directory
    to=$root/shared/$1 from=$root/releases/$id
    # if an earlier copy was interrupted, .seed.part exists: copy again
    [ -e "$to/.seed.part" ] || [ -z "$(ls -A "$to")" ] || return 0
    rm -rf "$to/.seed.part"
    mkdir "$to/.seed.part"
    if [ -d "$from/$1" ] && [ ! -L "$from/$1" ]; then
        cp -R "$from/$1/." "$to/.seed.part/"
    elif [ -n "$(git -C "$from" ls-tree HEAD "$1/" 2>/dev/null)" ]; then
        git -C "$from" archive "HEAD:$1" | tar -x -C "$to/.seed.part"
    fi
    chmod -R u+rwX,g+rwX "$to/.seed.part"
    find "$to/.seed.part" -mindepth 1 -maxdepth 1 -exec mv -n -t "$to" {} +
    rm -rf "$to/.seed.part"
}
for entry in "$@"; do
    case $entry in seed:*) seed "${entry#*:}"; continue ;; esac
    path=${entry#*:} link=$root/releases/$id/${entry#*:}
    # if the version itself has a link here that leads to other files, replace this link
    [ "$(readlink "$link" || true)" != "$root/shared/$path" ] || continue
    own "$path"
    mkdir -p "$(dirname "$link")"
    rm -rf "$link"
    ln -s "$root/shared/$path" "$link"
done
mkdir -p "$release/.release"
printf '%s\n' "$@" | LC_ALL=C sort >"$release/.release/shared"
