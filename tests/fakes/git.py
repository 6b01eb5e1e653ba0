"""Real git, without the configuration of the person who runs the tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

GIT = {
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@example.com",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


def git(place: Path, *words: str) -> str:
    """Run git. Returns its output."""
    done = subprocess.run(["git", "-C", place, *words], capture_output=True, text=True, env={**os.environ, **GIT})
    assert done.returncode == 0, done.stderr
    return done.stdout
