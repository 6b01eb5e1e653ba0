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
    + seed: some of the paths in ``directories``. If the shared directory at such a path is empty, the operation first
      copies the release's own files at this path into the shared directory
    + guard: guard of the node, through which the command runs; None to run the command directly

    If a path is missing under ``shared/``, or if a symlink in the release makes the path lead out of the release, the
    operation fails and links nothing.

    **Example:**

    .. code:: python

        share(root="/srv/shop", release="20260101T120000Z-5d0f0c1", directories=["storage"], files=[".env"])
    """
    yield guarded(SCRIPT, [root, release, *entries(directories, files, seed)], guard)


def entries(directories: Sequence[str], files: Sequence[str], seed: Sequence[str]) -> list[str]:
    """Return the arguments that describe the paths to ``share.sh``, each of the form ``<kind>:<path>``.

    The kind is ``seed``, ``directory`` or ``file``. The ``seed`` arguments come first, because the script must copy the
    release's own files before it replaces them by links.
    """
    kinds = {"seed": seed, "directory": directories, "file": files}
    return [f"{kind}:{path}" for kind, paths in kinds.items() for path in paths]
