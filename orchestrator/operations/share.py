"""Links a release to the files that all releases share."""

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
    + seed: those of the directories that, while empty, get the files that the version has at the same path
    + guard: the place's guard, through which the command runs; None to run it directly

    Fails, and links nothing, if a path is missing under ``shared/``, or is behind a link that leads out of the release.

    **Example:**

    .. code:: python

        share(root="/srv/shop", release="20260101T120000Z-5d0f0c1", directories=["storage"], files=[".env"])
    """
    yield guarded(SCRIPT, [root, release, *entries(directories, files, seed)], guard)


def entries(directories: Sequence[str], files: Sequence[str], seed: Sequence[str]) -> list[str]:
    """The script's arguments, ``<kind>:<path>``. Seeds come first: a link hides the files that a seed is made from."""
    kinds = {"seed": seed, "directory": directories, "file": files}
    return [f"{kind}:{path}" for kind, paths in kinds.items() for path in paths]
