# shellcheck shell=sh
# Sets the owners and modes of a release's files. The script changes no file that the live color reads:
# - A file with several hard links also belongs to another release, and is not changed. If `modes` or `private` lists such
#   a file, the script first copies the file, so that only this release owns it.
# - A path that leads out of the release through a symlink is refused.
# - Outputs of build steps stay read-only, even if the mode for files has w.
# - Files of other users, such as the web user, are not changed.
. ../scripts/apart.sh

set -euf
IFS='
'
release=$1/releases/$2 id=$2 own=$3 env_path=$4 env_owner=$5 web=$6 group=$7 files=$8 executables=$9
shift 9
directories=$1 modes=$2 private=$3 writable=$4 outputs=$5
cd "$release"
me=$(id -un)
alone() { find . -path ./.git -prune -o -path ./.release -prune -o ! -user "$me" -prune -o -links 1 -type f "$@"; }
if [ -n "$files" ]; then
    alone -perm /111 -exec chmod "$executables" {} + -o -path ./.git -prune -o -path ./.release -prune \
        -o -links 1 -type f ! -perm /111 -exec chmod "$files" {} +
    for path in $outputs; do [ ! -e "$path" ] || find "$path" -type f -links 1 -exec chmod a-w {} +; done
fi
if [ -n "$directories" ]; then
    find . -path ./.git -prune -o -path ./.release -prune -o ! -user "$me" -prune -o -type d \
        -exec chmod "$directories" {} +
fi
top=$(realpath .)
within() { # within <key> <path>: sets $real to the real path; ends the script if the path leads out of the release
    real=$(realpath -m "$2")
    case $real in "$top"/*) return 0 ;; esac
    echo "permissions.$1: $2 is behind a link that leads out of the release, to $real: nothing there is changed;" \
        "leave it out of the settings" >&2
    exit 1
}
there() { # there <key> <path>: does the same as within, but also ends the script if the path does not exist
    [ -e "$2" ] || { echo "permissions.$1: release $id has no $2" >&2; exit 1; }
    within "$1" "$2"
}
for entry in $modes; do
    there modes "${entry#*:}"
    [ ! -f "$real" ] || apart "$real" -links +1
    chmod "${entry%%:*}" "$real"
done
ours() { # ours <path> <entries> <entries of directories>: adds ACL entries to the deploy user's files below the path
    find "$1" ! -user "$me" -prune -o -type f -exec setfacl -m "$2" -- {} + \
        -o -type d -exec setfacl -m "$2$3" -- {} + 2>&1
}
acl() { # acl <key> <path> <entries> [<entries of directories>]: adds ACL entries to the files below $real
    said=$(ours "$real" "$3" "${4:-}") || {
        echo "permissions.$1: $2 gets no ACL: $(printf '%s\n' "$said" | tail -n 1)" >&2
        exit 1
    }
}
for path in $private; do
    there private "$path"
    apart "$real" -links +1
    find "$real" -user "$me" ! -type l -exec chmod go-rwx {} +
    acl private "$path" "u:$web:rX"
done
for path in $writable; do
    within writable "$path"
    [ "$real" = "$top/$path" ] || { echo "permissions.writable: $path is behind a link" >&2; exit 1; }
    mkdir -p "$path"
    acl writable "$path" "u:$web:rwX" ",d:u:$web:rwX,d:u:$me:rwX"
done
# Only its owner may read the environment file, but the modes above may have changed its mode. Therefore the mode is set
# again here. A file of another user is skipped, because the modes above cannot have changed it.
# shellcheck disable=SC3067 # dash and bash have -O
[ -z "$env_path" ] || [ ! -O "$env_path" ] || chmod 600 "$env_path"
[ -z "$env_owner$group" ] || sudo -n "$own" "$id" "$env_path" "$env_owner" "$group"
