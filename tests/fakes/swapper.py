"""A process of the web user that swaps a directory and a file for symlinks all the time."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

WEB = 33

PROGRAM = r"""
# swaps the directory and the file for the links, and back, until it is killed
$| = 1;
chdir $ARGV[0];
sub move { 1 until rename($_[0], $_[1]) } # there are moments in which the user may not write in the directory
for (;;) {
    for my $name ("directory", "file") { move($name, "$name.real"); move("$name.link", $name) }
    1 for 1 .. rand 3000;
    for my $name ("directory", "file") { move($name, "$name.link"); move("$name.real", $name) }
    1 for 1 .. rand 3000;
    print "swapped\n" unless $swaps++;
}
"""


def plant(place: Path, outside: Path) -> None:
    """Make a directory and a file to swap, and links to another directory and its file.

    + place: new directory, which gets ``directory``, ``directory/keys`` and ``file``, and the links that replace them
    + outside: new directory with the file ``keys``, to which the links lead
    """
    (place / "directory").mkdir(parents=True)
    outside.mkdir()
    for path in (place / "directory/keys", place / "file", outside / "keys"):
        path.write_text(f"of {path.parent.name}\n")
    (place / "directory.link").symlink_to(outside)
    (place / "file.link").symlink_to(outside / "keys")


@contextmanager
def swapping(place: Path) -> Generator[None]:
    """Swap the files that `plant` has made for links, as the web user, who gets the right to write in the directory."""
    place.chmod(0o777)
    command = ["setpriv", f"--reuid={WEB}", f"--regid={WEB}", "--clear-groups", "perl", "-e", PROGRAM, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as swapper:
        try:
            assert swapper.stdout
            assert swapper.stdout.readline() == b"swapped\n"
            yield
            assert swapper.poll() is None
        finally:
            swapper.kill()
