"""Links a release to what outlives it."""

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
