"""Gives a release's files their owners and modes."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.apart import APART
from orchestrator.scripts.guarded import Guard, guarded

# A file with more than one link stands in another release, too, and stays as it is: nothing that the live color
# reads is changed. One that modes or private name becomes a file of this release alone first; what they name behind a
# link out of the release is none of it. What a build step made is read-only whatever the mode of files. What others
# made, such as the web user, is theirs to change.
SCRIPT = (
    APART
    + r"""
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
within() { # within <key> <path>: $real is where it is, or will be
    real=$(realpath -m "$2")
    case $real in "$top"/*) return 0 ;; esac
    echo "permissions.$1: $2 is behind a link that leads out of the release, to $real: nothing there is changed;" \
        "leave it out of the settings" >&2
    exit 1
}
there() { # there <key> <path>
    [ -e "$2" ] || { echo "permissions.$1: release $id has no $2" >&2; exit 1; }
    within "$1" "$2"
}
for entry in $modes; do
    there modes "${entry#*:}"
    [ ! -f "$real" ] || apart "$real" -links +1
    chmod "${entry%%:*}" "$real"
done
ours() { # ours <path> <entries> <entries of directories>
    find "$1" ! -user "$me" -prune -o -type f -exec setfacl -m "$2" -- {} + \
        -o -type d -exec setfacl -m "$2$3" -- {} + 2>&1
}
acl() { # acl <key> <path> <entries> [<entries of directories>]
    said=$(ours "$real" "$3" "${4:-}") || {
        echo "permissions.$1: $2 gets no ACL: $(printf '%s\n' "$said" | tail -n 1)" >&2; exit 1
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
# the environment file is its owner's alone, whatever was said above; only while it is ours can that be forgotten
[ -z "$env_path" ] || [ ! -O "$env_path" ] || chmod 600 "$env_path"
[ -z "$env_owner$group" ] || sudo -n "$own" "$id" "$env_path" "$env_owner" "$group"
"""
)


@operation()
def permit(
    root: str,
    release: str,
    own: str,
    web_user: str,
    environment: str | None = None,
    environment_owner: str | None = None,
    group: str | None = None,
    files: str | None = None,
    directories: str | None = None,
    modes: Mapping[str, str] | None = None,
    private: Sequence[str] = (),
    writable: Sequence[str] = (),
    outputs: Sequence[str] = (),
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Give a release's files their owners and modes, and the web user its ACL.

    + root: directory of the application
    + release: id of the release
    + own: script that gives files away, run as root
    + web_user: runs the application
    + environment: path of the environment file in the release, None if there is none
    + environment_owner: whose it becomes (mode 0600)
    + group: group of all files, None to leave it
    + files: mode of all files, None to leave it; executable ones keep x for who may read them
    + directories: mode of all directories, None to leave it
    + modes: path -> mode, which wins over the others
    + private: files that only the deploy user and the web user may read
    + writable: directories that the web user may write, too; made if missing
    + outputs: what build steps made, which stays read-only
    + guard: the guard to go through, if any

    **Example:**

    .. code:: python

        permit(root="/srv/shop", release="20260101T120000Z-5d0f0c1", own="/usr/local/lib/orchestrator/shop/own",
               web_user="www-data", writable=["var/cache"])
    """
    about = [own, environment or "", (environment_owner or "") if environment else "", web_user]
    about += words(group, files, directories, modes or {}, private, writable, outputs)
    yield guarded(SCRIPT, [root, release, *about], guard)


def words(
    group: str | None,
    files: str | None,
    directories: str | None,
    modes: Mapping[str, str],
    private: Sequence[str],
    writable: Sequence[str],
    outputs: Sequence[str],
) -> list[str]:
    """What the script is told of the permissions; lists are lines."""
    listed = [f"{mode}:{path}" for path, mode in modes.items()]
    said = [group or "", files or "", executable(files) if files else "", directories or ""]
    return [*said, *("\n".join(paths) for paths in (listed, private, writable, outputs))]


def executable(mode: str) -> str:
    """The mode of an executable file where files have this one: x for everybody who may read."""
    return "".join(str(int(digit) | (1 if int(digit) & 4 else 0)) for digit in mode)
