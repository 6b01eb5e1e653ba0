"""Links a release to what outlives it."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.guarded import Guard, guarded
from orchestrator.scripts.inside import INSIDE

# What is removed is the release's own: a link on the way to it, of the version or one that was made just now, may lead
# to what others use.
SCRIPT = (
    INSIDE
    + r"""
set -eu
root=$1 id=$2; shift 2
release=$(realpath "$root/releases/$id")
own() { # own <path>: the directory of its link is the release's
    inside "$release" shared "$1" "take that link out of the version, or $1 out of the settings"
}
for entry in "$@"; do
    kind=${entry%%:*} path=$root/shared/${entry#*:}
    case $kind in file) flag=-f ;; *) flag=-d ;; esac
    test "$flag" "$path" || { echo "shared $kind missing: $path" >&2; exit 1; }
    own "${entry#*:}"
done
seed() { # seed <path>: what the version has there becomes what is shared, while that is empty
    to=$root/shared/$1 from=$root/releases/$id
    # a seeding that was cut off is begun anew
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
    # another link, of the version's own, would hide what is shared
    [ "$(readlink "$link" || true)" != "$root/shared/$path" ] || continue
    own "$path"
    mkdir -p "$(dirname "$link")"
    rm -rf "$link"
    ln -s "$root/shared/$path" "$link"
done
mkdir -p "$release/.release"
printf '%s\n' "$@" | LC_ALL=C sort >"$release/.release/shared"
"""
)


@operation()
def share(
    root: str,
    release: str,
    directories: Sequence[str],
    files: Sequence[str],
    seed: Sequence[str] = (),
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Link shared directories and files into a release.

    + root: directory of the application
    + release: id of the release
    + directories: paths under ``shared/`` that must be directories
    + files: paths under ``shared/`` that must be files
    + seed: of the directories, those that get what the version has there, while they are empty
    + guard: the guard to go through, if any

    A missing one is an error that names it, and so is one that lies behind a link out of the release: then nothing is
    linked.

    **Example:**

    .. code:: python

        share(root="/srv/shop", release="20260101T120000Z-5d0f0c1", directories=["storage"], files=[".env"])
    """
    yield guarded(SCRIPT, [root, release, *entries(directories, files, seed)], guard)


def entries(directories: Sequence[str], files: Sequence[str], seed: Sequence[str]) -> list[str]:
    """What the script is told: ``<kind>:<path>``, seeds before the links that hide what they are made from."""
    kinds = {"seed": seed, "directory": directories, "file": files}
    return [f"{kind}:{path}" for kind, paths in kinds.items() for path in paths]
