"""Finds every shell script of the repository, and checks them all: ``python -m tests.shell``, part of ``make lint``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.shell import rendered

ROOT = Path(__file__).resolve().parents[2]
SHEBANGS = ("#!/bin/sh", "#!/usr/bin/env bash")
LEFT_OUT = {".git", ".venv", ".fleet", "build"}
"""Directories that hold nothing of the repository's."""


def files(root: Path = ROOT) -> list[Path]:
    """The shell scripts that stand in files: named ``*.sh``, or beginning with a shell's name. Templates aside."""
    found = []
    for directory, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - LEFT_OUT)
        found += [path for name in sorted(names) if is_shell(path := Path(directory, name))]
    return found


def is_shell(path: Path) -> bool:
    """Whether a file is a shell script that can be checked as it stands."""
    if path.suffix in ("", ".sh") and path.is_file():
        with path.open("rb") as opened:
            return path.suffix == ".sh" or opened.readline().decode(errors="replace").rstrip() in SHEBANGS
    return False


def check(paths: Sequence[Path], texts: Mapping[str, str]) -> int:
    """Run shellcheck over files and texts, with the rules of ``.shellcheckrc``; prints what it finds.

    + paths: scripts that stand in files
    + texts: scripts by a name for messages

    Returns shellcheck's exit status: 0 if all of them are clean.
    """
    with TemporaryDirectory() as directory:
        written = []
        for name, text in texts.items():
            written.append(Path(directory) / name)
            written[-1].write_text(text)
        command = [str(Path(sys.executable).parent / "shellcheck"), "--rcfile", str(ROOT / ".shellcheckrc")]
        return subprocess.run([*command, "--", *paths, *written], cwd=ROOT).returncode


def main() -> int:
    """Check everything."""
    return check([path.relative_to(ROOT) for path in files()], rendered.scripts())
