"""Run build steps on the operator's machine, in the directory that this machine pushes to the nodes.

The outputs of each step are kept in a store, which is a directory on this machine, so that a later release can reuse
the outputs.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from orchestrator import local
from orchestrator.config.build import Build
from orchestrator.errors import CommandFailed, NotYet
from orchestrator.operations.build import words
from orchestrator.scripts.files import read
from orchestrator.waiting import until

KEPT = 5
"""The largest number of entries that the store keeps for each build step.

An entry has the outputs that the step made from certain inputs. The newest entries are kept.
"""


def store_of(app: str) -> Path:
    """Return the store of an application: the directory on this machine that keeps the outputs of build steps."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "orchestrator" / app / "build"


def build(directory: Path, steps: Sequence[Build], store: Path, environment: Mapping[str, str]) -> list[str]:
    """Run build steps in a directory. Returns one line for each step, which says how the step ended.

    If the store has outputs that the same step made from the same inputs, these outputs are copied, and the step does
    not run. If the command ``when`` of a step fails, the step is skipped.

    + directory: directory with the version's files. If a later release can reuse the outputs of a step, the step's
      digest is written to ``.release/build`` in this directory, as on a node.
    + store: directory that keeps outputs. Each entry is a directory ``<step>/<digest>``. The digest is made from the
      step and its inputs.
    + environment: variables for the steps, in addition to the variables of this process

    Raises CommandFailed if a step fails or does not make one of its outputs. The exception has the lines that the step
    printed.
    """
    return [f"{step.name}: {_one(directory, step, store / step.name, environment)}" for step in steps]


def _one(directory: Path, step: Build, store: Path, environment: Mapping[str, str]) -> str:
    if step.when and local.run(step.when, step.deadline, directory, environment).returncode:
        return f"skipped: `{step.when}` did not end with status 0"
    about = words(step.name, **step.parts)
    unmatched = _sh(directory, 'unmatched "$4"', about, environment)
    digest = "" if unmatched else _sh(directory, 'digest "$2" "$4" "$5" "$6"', about, environment)
    kept = store / digest
    if digest and _taken(kept, step.outputs, directory, step.deadline):
        how = "taken from the store"
    else:
        done = local.run(step.run, step.deadline, directory, environment, together=True)
        lines = done.stdout.splitlines()
        if done.returncode:
            raise CommandFailed(f"{step.name}: `{step.run}` ended with status {done.returncode}", lines)
        missing = [path for path in step.outputs if not (directory / path).exists()]
        if missing:
            raise CommandFailed(f"{step.name} did not make its output {missing[0]}", lines)
        if unmatched:
            return f"ran, and will run for each release, because no file matches the input {unmatched}"
        own = _sh(directory, 'own "$RELEASE" "$PWD" "$6"', about, environment)
        if own:
            return f"ran; no later release can reuse the outputs: {own} contains the id or a path of this release"
        how = "ran"
        try:
            _keep(directory, step.outputs, kept, step.deadline)
        except (OSError, CommandFailed) as error:
            how = f"ran; no later release can reuse the outputs: {error}"
    note = directory / ".release/build" / step.name
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(f"{digest}\n")
    return how


def _sh(directory: Path, asked: str, about: Sequence[str], environment: Mapping[str, str]) -> str:
    """Call a shell function of ``digest.sh``, and return the text that the function printed.

    The nodes use the same script ``digest.sh``.

    + asked: shell command that calls the function, such as ``unmatched "$4"``
    + about: the arguments $1, $2, ..., which describe the build step; $1 is the name of the step
    + environment: variables for the function, in addition to the variables of this process

    Raises CommandFailed if the function fails.
    """
    script, variables = f"{read('scripts/digest.sh')}\n{asked}", {**os.environ, **environment}
    command = ["sh", "-c", script, "orchestrator", *about]
    done = subprocess.run(
        command, cwd=directory, env=variables, capture_output=True, check=False, text=True, errors="replace"
    )
    if done.returncode:
        raise CommandFailed(f"{about[0]}: {(done.stderr.strip().splitlines() or ['no digest'])[-1]}")
    return done.stdout.strip()


def _taken(kept: Path, outputs: Sequence[str], directory: Path, patience: float) -> bool:
    """Copy the outputs of a step from the store. Returns False if the store does not have these outputs.

    + kept: directory of the entry in the store
    + outputs: paths of the outputs, relative to ``directory``
    + directory: directory into which the outputs are copied
    + patience: seconds to wait while another process changes the entries of this step
    """
    try:
        with _locked(kept.parent, fcntl.LOCK_SH, patience):
            if not kept.is_dir():
                return False
            for path in outputs:
                _copy(kept / path, directory / path)
            return True
    except (OSError, CommandFailed):
        return False


def _keep(directory: Path, outputs: Sequence[str], kept: Path, patience: float) -> None:
    """Copy the outputs of a step into the store. Then remove all but the newest KEPT entries of the step.

    The outputs are first copied under a temporary name, and then renamed. Therefore each entry of the store is
    complete. Raises CommandFailed if another process uses the entries of this
    step for too long.

    + directory: directory in which the step ran
    + outputs: paths of the outputs, relative to ``directory``
    + kept: directory of the new entry in the store
    + patience: seconds to wait while another process uses the entries of this step
    """
    kept.parent.mkdir(parents=True, exist_ok=True)
    with _locked(kept.parent, fcntl.LOCK_EX, patience):
        # only killed processes have left such directories, because this process has the lock
        for part in kept.parent.glob(".*.part"):
            shutil.rmtree(part, ignore_errors=True)
        part = kept.with_name(f".{kept.name}.part")
        for path in outputs:
            _copy(directory / path, part / path)
        shutil.rmtree(kept, ignore_errors=True)
        part.rename(kept)
        others = sorted((path for path in kept.parent.iterdir() if path != kept), key=lambda path: path.stat().st_mtime)
        for old in others[: -(KEPT - 1)]:
            shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _locked(entries: Path, kind: int, patience: float) -> Iterator[None]:
    """Lock the entries of one step while the ``with`` block runs.

    Several runs on this machine, such as for production and for staging, may use the same store at the same time. The
    kernel releases the lock when the process ends, even if the process is killed.

    + entries: directory of the store that has the entries of the step
    + kind: ``fcntl.LOCK_SH`` to read entries, ``fcntl.LOCK_EX`` to change them
    + patience: seconds after which CommandFailed is raised if another process has the lock

    Raises OSError if the directory does not exist or cannot be locked.
    """

    def lock() -> None:
        try:
            fcntl.flock(opened, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotYet(f"another process uses {entries}") from None

    opened = os.open(entries, os.O_RDONLY | os.O_DIRECTORY)
    try:
        until(lock, patience, 0.1)
        yield
    finally:
        os.close(opened)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    elif target.exists() or target.is_symlink():
        target.unlink()
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)
