"""Brings a tarball to a node as a release directory."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.guarded import Guard, guarded
from orchestrator.scripts.tree import BEGIN, END, TREE

# The URL may be a secret: curl reads it from standard input. tar itself writes nothing outside of its directory,
# whatever the names and links; a tarball that tries to is refused all the same.
SCRIPT = rf"""
{TREE}
{BEGIN}
sha256=$1 strip=$2 pushed=$3
archive=$part/archive tree=$part/tree
refuse() {{ printf 'the archive %s\n' "$*" >&2; exit 1; }}
if [ -z "$pushed" ]; then
    rm -rf "$part"
    mkdir "$part"
    curl -gsS --fail --location --proto =http,https --connect-timeout 10 --retry 2 --output "$archive" --config -
fi
came=$(sha256sum <"$archive" | cut -d' ' -f1)
[ "$came" = "$sha256" ] || refuse "that came has the sha256 $came, and $sha256 is wanted"
tar -t -P -f "$archive" --quoting-style=escape >"$part/names"
out=$(grep -m 1 -E '^/|(^|/)\.\.(/|$)' "$part/names" || true)
[ -z "$out" ] || refuse "has a member outside of its directory: $out"
mkdir -p "$tree"
how="--strip-components=$strip --no-same-owner --no-same-permissions"
said=$(LC_ALL=C tar -x -f "$archive" -C "$tree" $how 2>&1) \
    || refuse "cannot be unpacked: $(printf '%s' "$said" | head -n 1)"
case $said in *"Removing leading"*) refuse "has a link to outside of its directory: $said" ;; esac
# a directory that nobody may write takes no links and cannot be removed
find "$tree" -type d ! -perm -700 -exec chmod u+rwx {{}} \;
odd=$(find "$tree" ! -type f ! -type d ! -type l -print -quit)
[ -z "$odd" ] || refuse "has a device, pipe or socket: ${{odd#"$tree/"}}"
for own in .git .release; do
    [ ! -e "$tree/$own" ] && [ ! -L "$tree/$own" ] || refuse "has a $own at its top, which it has to leave out"
done
[ -n "$(find "$tree" -mindepth 1 -print -quit)" ] || refuse "has no files below source.strip = $strip"
{END}
"""


@operation()
def extract(
    root: str, release: str, sha256: str, strip: int = 0, pushed: bool = False, guard: Guard | None = None
) -> Generator[StringCommand, None, None]:
    """
    Bring a tarball to this node as ``releases/<release>``. Curl's configuration, with the URL, comes by ``_stdin``.

    + root: directory of the application
    + release: id of the release
    + sha256: of the tarball
    + strip: leading components of its members' names that are left out
    + pushed: it is here already, as ``releases/.<release>.part/archive``
    + guard: the guard to go through, if any

    Refused are other bytes, members outside of the directory, and anything but files, directories and links.
    A release that is already there is left as it is. On failure no half release is left.

    **Example:**

    .. code:: python

        extract(root="/srv/shop", release="20260101T120000Z-5d0f0c1", sha256="5d0f...",
               _stdin='url = "https://example.com/shop.tar.gz"')
    """
    yield guarded(SCRIPT, [root, release, sha256, str(strip), "pushed" if pushed else ""], guard)
