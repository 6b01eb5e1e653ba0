"""Link a release to the files that all releases share."""

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
    Link shared directories and files into a release.

    + root: directory of the application
    + release: id of the release
    + directories: paths under ``shared/`` that must be directories
    + files: paths under ``shared/`` that must be files
    + seed: those of ``directories`` that, while empty, are filled with the version's files at the same path
    + guard: guard of the node, through which the command runs; None to run the command directly

    If a path is missing under ``shared/``, or is behind a link that leads out of the release, the operation fails and
    links nothing.

    **Example:**

    .. code:: python

        share(root="/srv/shop", release="20260101T120000Z-5d0f0c1", directories=["storage"], files=[".env"])
    """
    yield guarded(SCRIPT, [root, release, *entries(directories, files, seed)], guard)


def entries(directories: Sequence[str], files: Sequence[str], seed: Sequence[str]) -> list[str]:
    """Return the script's arguments, ``<kind>:<path>``.

    Seeds come first, since a link hides the version's files from which a seed is made.
    """
    kinds = {"seed": seed, "directory": directories, "file": files}
    return [f"{kind}:{path}" for kind, paths in kinds.items() for path in paths]
