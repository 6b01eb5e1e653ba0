"""Link a release to the files in ``shared/``, which all releases share."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import Guard, guarded

SCRIPT = read("operations/share.sh")


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
    Replace paths in a release by links to the same paths under ``shared/``.

    + root: directory of the application
    + release: id of the release
    + directories: paths under ``shared/`` that must be directories
    + files: paths under ``shared/`` that must be files
    + seed: paths from ``directories``. If such a shared directory is empty, it is filled with the release's own files
      at this path
    + guard: guard of the node, through which the command runs; None to run the command directly

    If a path is missing under ``shared/``, or if a symlink in the release makes the path lead out of the release, the
    operation fails and links nothing.

    **Example:**

    .. code:: python

        share(root="/srv/shop", release="20260101T120000Z-5d0f0c1", directories=["storage"], files=[".env"])
    """
    yield guarded(SCRIPT, [root, release, *entries(directories, files, seed)], guard)


def entries(directories: Sequence[str], files: Sequence[str], seed: Sequence[str]) -> list[str]:
    """Return the script's arguments, each of the form ``<kind>:<path>``.

    The entries for ``seed`` come first. They fill empty shared directories with the release's own files. The later
    entries replace these files by links.
    """
    kinds = {"seed": seed, "directory": directories, "file": files}
    return [f"{kind}:{path}" for kind, paths in kinds.items() for path in paths]
