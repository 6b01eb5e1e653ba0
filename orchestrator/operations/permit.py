"""Set the owners and modes of a release's files."""

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
    Set the owners and modes of a release's files, and give the web user access through an ACL.

    + root: directory of the application
    + release: id of the release
    + own: path of the program that gives files to another owner. Sudo runs the program as root
    + web_user: user as whom the application runs
    + environment: path of the environment file, relative to the release; None if there is no such file
    + environment_owner: owner of the environment file, whose mode is 0600; None to keep the owner
    + group: group of all files; None to keep the group
    + files: mode of all files, such as ``640``; None to keep the modes. Executable files get the mode that the function
      ``executable`` makes from this mode, such as ``750``
    + directories: mode of all directories; None to keep the modes
    + modes: path -> mode. These modes override ``files`` and ``directories``
    + private: files and directories that only the deploy user (the user who logs in) and the web user may read
    + writable: directories to which the web user may also write. If a directory is missing, the operation makes the
      directory
    + outputs: paths that build steps made. The files at these paths stay read-only
    + guard: guard of the node, through which the command runs; None to run the command directly

    A file with several hard links belongs to other releases too. The operation does not change such a file. If
    ``modes``, ``private`` or ``writable`` names the file or its directory, the operation first replaces the file by a
    copy.

    If the web user replaces files by symlinks while the operation works, nothing behind the symlinks changes. A path
    in ``modes`` or ``private`` must not lead through a symlink that the web user may have made.

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
    """Return the arguments that describe the permissions to ``permit.sh``.

    Each mapping or sequence becomes one argument, with one item on each line.
    """
    listed = [f"{mode}:{path}" for path, mode in modes.items()]
    said = [group or "", files or "", executable(files) if files else "", directories or ""]
    return [*said, *("\n".join(paths) for paths in (listed, private, writable, outputs))]


def executable(mode: str) -> str:
    """Return the mode for executable files: the given mode, with x wherever the mode has r.

    + mode: octal mode of files that are not executable. For example, ``640`` returns ``750``
    """
    return "".join(str(int(digit) | (1 if int(digit) & 4 else 0)) for digit in mode)
