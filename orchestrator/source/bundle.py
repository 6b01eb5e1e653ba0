"""Make temporary directories on the operator's machine. Each directory has exactly the files to send to the nodes."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from orchestrator import local
from orchestrator.errors import OrchestratorError, TookTooLong, UsageError
from orchestrator.operations.fetch import flags
from orchestrator.scratch import Bundle, Scratch
from orchestrator.scripts.files import read


def snapshot(directory: str, exclude: Sequence[str]) -> Bundle:
    """Copy a directory, and return the copy. All nodes get these files, even if the directory changes meanwhile.

    Every ``.git`` in the directory, and ``.release`` at its top, are left out.

    + exclude: patterns, in rsync's syntax, of further files that are not copied

    Raises UsageError if the directory does not exist, and OrchestratorError if the directory cannot be copied.
    """
    source = Path(directory).expanduser()
    if not source.is_dir():
        raise UsageError(f"settings: source.path: there is no directory {source}")
    left_out = [f"--exclude={pattern}" for pattern in (".git", "/.release", *exclude)]
    options = ["--recursive", "--links", "--times", "--perms"]

    def fill(path: Path) -> None:
        _run(["rsync", *options, *left_out, f"{source}/", path])

    return _made(fill)


EXPORT = read("source/export.sh")


def export(checkout: str, commit: str, submodules: bool = False, lfs: bool = False, patience: float = 600.0) -> Bundle:
    """Export the files of a commit, except ``.release``, from a git repository on this machine.

    The result has a warning if the commit has submodules or files in Git LFS that are not exported.

    + checkout: path of the repository
    + submodules: whether to export the files of submodules too
    + lfs: whether to export the files in Git LFS, instead of their pointers
    + patience: seconds after which the export fails. The export may take long, because it may have to fetch files.

    Raises OrchestratorError if the export fails.
    """

    def fill(path: Path) -> Sequence[str]:
        # a separate directory for the work files of the script, because the exported files may have any name
        with Scratch() as work:
            arguments = [Path(checkout).expanduser().absolute(), commit, path, work, *flags(submodules, lfs)]
            command = shlex.join(["sh", "-c", EXPORT, "orchestrator", *map(str, arguments)])
            try:
                done = local.run(command, patience)
            except TookTooLong:
                raise OrchestratorError(f"the export of {checkout} took longer than {patience:g} s") from None
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["no error message"]
            raise OrchestratorError(f"the export of {checkout} ended with status {done.returncode}: {said[-1]}")
        return [line.removeprefix(WARNING) for line in done.stdout.splitlines() if line.startswith(WARNING)]

    return _made(fill)


WARNING = "warning: "
"""Prefix of the lines that the script prints for the operator."""

TARBALL = "archive"
"""The name that a tarball has in the directory that is sent to the nodes."""


def tarball(file: Path) -> Bundle:
    """Make a temporary directory that contains only a copy of a tarball. The copy has the name ``archive``.

    The result has no hash of the files.

    Raises OrchestratorError if the file cannot be read.
    """

    def fill(path: Path) -> None:
        try:
            shutil.copyfile(file, path / TARBALL)
        except OSError as error:
            raise OrchestratorError(f"{file} cannot be read ({error.strerror})") from None

    return _made(fill, hashed=False)


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal. Raises OrchestratorError if the file cannot be read."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise OrchestratorError(f"{file} cannot be read ({error.strerror})") from None


def hash_of(path: Path) -> str:
    """Return the hash of the files in a directory. The nodes use the same script to calculate hashes.

    The hash includes the executable bits of the files. Therefore this function first gives the files the modes that
    they will have on the nodes. Raises OrchestratorError if a command fails.
    """
    # rsync sets the same modes on the nodes: the owner may execute each file that any user may execute
    _run(["chmod", "-R", "u+rwX", path])
    script = f'set -eu\n{read("scripts/tree.sh")}\ntree_hash "$1"\nrmdir "$1/.release" 2>/dev/null || true'
    return _run(["sh", "-c", script, "tree", path]).strip()


def _made(fill: Callable[[Path], Sequence[str] | None], hashed: bool = True) -> Bundle:
    """Make a temporary directory.

    + fill: puts the files into the directory, and returns warnings about the files; None for no warnings
    """
    scratch = Scratch()
    try:
        warnings = fill(scratch.path) or ()
        return Bundle(scratch, hash_of(scratch.path) if hashed else "", tuple(warnings))
    except BaseException:
        scratch.remove()
        raise


def _run(command: Sequence[str | os.PathLike[str]]) -> str:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True)
    except FileNotFoundError:
        raise OrchestratorError(f"{command[0]} is missing on this machine: install {command[0]}") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        first = f": {said[0]}" if said else ""
        raise OrchestratorError(f"{command[0]} on this machine ended with status {done.returncode}{first}")
    return done.stdout
