"""Make and remove temporary directories on the operator's machine.

A killed run leaves its temporary directories behind. The next run that makes a temporary directory removes them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from orchestrator.errors import OrchestratorError

PREFIX = "orchestrator-"
YOUNG = 60.0
"""Age in seconds. A temporary directory that is younger is not removed.

The process that made a younger directory may not have locked the directory yet.
"""


class Scratch:
    """A temporary directory, at ``path``, that only this user can read.

    ``remove`` removes the directory. If ``remove`` is not called, the directory is removed when the process ends. If
    the process was killed, ``sweep`` in a later process removes the directory.

    A locked file next to the directory shows that the directory is in use. The kernel releases the lock when the
    process ends, even if the process is killed.

    Raises OrchestratorError if the directory cannot be made.
    """

    def __init__(self) -> None:
        sweep()
        try:
            self._whole = Path(tempfile.mkdtemp(prefix=PREFIX))
            self._lock = (self._whole / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._removal = weakref.finalize(self, shutil.rmtree, self._whole, ignore_errors=True)
            self.path = self._whole / "files"
            self.path.mkdir()
        except OSError as error:
            raise OrchestratorError(f"no temporary directory on this machine: {error}") from None

    def remove(self) -> None:
        """Remove the directory. A second call does nothing."""
        self._removal()
        self._lock.close()

    def __enter__(self) -> Path:
        return self.path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def sweep() -> None:
    """Remove the temporary directories that killed runs of the orchestrator have left.

    Directories younger than YOUNG seconds stay. Directories and locks of other users also stay. Another user
    can make a directory with such a name, whose lock is a symlink or a pipe. Therefore this function follows no
    symlink, and does not wait for a pipe.
    """
    for whole in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            about = whole.lstat()
            if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid():
                continue
            # the opening of a pipe waits for a writer, unless it is opened without blocking
            file = os.open(whole / "lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            # there is no lock, or the directory was removed meanwhile
            continue
        with os.fdopen(file) as lock, suppress(OSError):
            # the directory may be in use
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.time() - os.fstat(lock.fileno()).st_mtime >= YOUNG:
                shutil.rmtree(whole, ignore_errors=True)


@dataclass(frozen=True)
class Bundle:
    """The files of one version, in a temporary directory on the operator's machine.

    + scratch: the directory that holds the files
    + tree: hash of the files; empty if the files were not hashed
    + warnings: lines for the operator about files that the version has, but the directory lacks
    """

    scratch: Scratch
    tree: str
    warnings: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        return self.scratch.path

    def remove(self) -> None:
        self.scratch.remove()
