"""Gives a release's files their owners and modes."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/permit.sh")


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
