"""Runs a build step in a release, or takes over what the live release has of it."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.apart import APART
from orchestrator.scripts.digest import DIGEST
from orchestrator.scripts.guarded import Guard, guarded
from orchestrator.scripts.inside import INSIDE

# `.release/build/<name>` holds the digest of what the outputs were made from. It is written last, and only for
# outputs that may be taken over. They are made read-only, since from then on a file may stand in two releases.
SCRIPT = (
    DIGEST
    + INSIDE
    + APART
    + r"""
root=$1 id=$2 color=$3 from=$4 name=$5 run=$6 when=$7 inputs=$8 listed=$9
shift 9
outputs=$1 only=$2
release=$root/releases/$id live=$root/releases/$from
cd "$release"
export RELEASE="$id" COLOR="$color" RELEASE_PATH="$release"
top=$(pwd -P)
for path in $outputs; do inside "$top" "outputs of $name" "$path" "give it another path"; done
if [ -n "$when" ] && ! sh -c "$when" >/dev/null 2>&1 </dev/null; then
    echo "left out: \`$when\` does not hold"
    exit 0
fi
complete() { # complete <release> <digest>: it has the outputs, and they were made from this
    [ "$(cat "$1/.release/build/$name" 2>/dev/null)" = "$2" ] || return 1
    for path in $outputs; do [ -e "$1/$path" ] || return 1; done
}
note() { # from now on the outputs may be taken over
    printf '%s\n' "$digest" >".release/build/$name.new"
    mv -T ".release/build/$name.new" ".release/build/$name"
}
digest= unmatched=
[ -z "$outputs" ] || unmatched=$(unmatched "$inputs")
if [ -n "$unmatched" ] && [ -n "$only" ]; then
    echo "$name has to run, since no file matches its input $unmatched" >&2
    exit 1
fi
if [ -n "$outputs" ] && [ -z "$unmatched" ]; then
    digest=$(digest "$run" "$inputs" "$listed" "$outputs")
    if [ -n "$only" ] && ! complete "$live" "$digest"; then
        echo "$name has to run, since what it reads is not as in ${from:-a live release}: release instead" >&2
        exit 1
    fi
    if complete . "$digest"; then
        echo "is done"
        exit 0
    fi
fi
mkdir -p .release/build
if [ -n "$from" ] && [ "$from" != "$id" ] && [ -n "$digest" ] && complete "$live" "$digest"; then
    # a copy that shares its blocks is best; where the file system has none, links to files that nobody may write
    way=-l
    ! cp --reflink=always "$live/.release/build/$name" ".release/build/$name.new" 2>/dev/null || way=--reflink=always
    for path in $outputs; do
        mkdir -p "$(dirname "$path")"
        rm -rf "$path.part" "$path"
        cp -a "$way" "$live/$path" "$path.part"
        # what was made writable since is copied
        [ "$way" != -l ] || apart "$path.part" -perm /222
        mv -T "$path.part" "$path"
    done
    note
    echo "taken over from $from"
    exit 0
fi
rm -f ".release/build/$name"
# what it reads from other repositories, it asks for as the application does
if ssh=$(git config --local core.sshCommand 2>/dev/null); then
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.sshCommand GIT_CONFIG_VALUE_0="$ssh"
fi
sh -c "$run" >&2 </dev/null || {
    code=$?
    echo "$name: \`$run\` ended with status $code" >&2
    exit 1
}
[ -n "$outputs" ] || exit 0
for path in $outputs; do
    [ -e "$path" ] || { echo "$name made no $path" >&2; exit 1; }
done
if [ -n "$unmatched" ]; then
    echo "warning: no file matches its input $unmatched, so it is made for each release"
    exit 0
fi
own=$(own "$id" "$root/$color" "$outputs")
if [ -n "$own" ]; then
    echo "cannot be taken over by another release: $own names its own"
    exit 0
fi
find $outputs -type f -exec chmod a-w {} +
note
"""
)


@operation(is_idempotent=False)
def build(
    root: str,
    release: str,
    color: str,
    live: str | None,
    step: str,
    run: str,
    when: str | None = None,
    inputs: Sequence[str] = (),
    listed: Sequence[str] = (),
    outputs: Sequence[str] = (),
    only_taken_over: bool = False,
    guard: Guard | None = None,
) -> Generator[StringCommand, None, None]:
    """
    Run a build step in a release, unless the live release has its outputs from the same inputs.

    + root: directory of the application
    + release: id of the release
    + color: ``blue`` or ``green``, for which it is made
    + live: id of the release whose outputs may be taken over, None for none
    + step: its name
    + run: shell command
    + when: shell command; the step is left out where its status is not 0
    + inputs: files whose content it reads, as patterns (``*`` stands for ``/``, too)
    + listed: files of which it reads only the names
    + outputs: paths that it makes, relative to the release; none if it has to run each time
    + only_taken_over: fail rather than run
    + guard: the guard to go through, if any

    Outputs are taken over by reflinks or hard links, and are read-only: a file of them is never written by anybody.
    One that ``permissions.modes`` has made writable in the live release is copied.
    Outputs of which a file names the release or its color are never taken over.

    **Example:**

    .. code:: python

        build(root="/srv/shop", release="20260101T120000Z-5d0f0c1", color="green", live="20251231T120000Z-0f3c9aa",
              step="composer", run="composer install --no-dev", inputs=["composer.lock"], outputs=["vendor"])
    """
    about = words(step, run, when, inputs, listed, outputs)
    yield guarded(SCRIPT, [root, release, color, live or "", *about, "only" if only_taken_over else ""], guard)


def words(
    step: str, run: str, when: str | None, inputs: Sequence[str], listed: Sequence[str], outputs: Sequence[str]
) -> list[str]:
    """What the script is told of a step; lists are lines."""
    return [step, run, when or "", *("\n".join(paths) for paths in (inputs, listed, outputs))]
