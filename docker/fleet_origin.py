"""The sample application as a git repository, a tag a version, and its way into the origin container."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from fleet_tools import run

APP = Path(__file__).parent / "app"
VERSIONS = ("v1", "v2")
DAMAGED = ("errors", "slow", "tail")
"""Versions that a canary has to find out: tags beside the branch, each v2 with one thing wrong."""


def make_repository(folder: Path) -> None:
    """A repository of one commit and one tag a version; the branch main is at the last one.

    Files are new ones each time: with the time and size of the former one git would not see the change.
    """
    _git(folder, "init", "-q", "-b", "main")
    for number, version in enumerate(VERSIONS, start=1):
        shutil.copytree(APP / "base", folder, dirs_exist_ok=True, copy_function=shutil.copy)
        shutil.copytree(APP / version, folder, dirs_exist_ok=True, copy_function=shutil.copy)
        moment = f"2024-01-0{number}T12:00:00Z"
        _git(folder, "add", "-A")
        _git(folder, "commit", "-q", "-m", f"Shop {version}", moment=moment)
        _git(folder, "tag", "-a", "-m", f"Shop {version}", version, moment=moment)
    for number, damage in enumerate(DAMAGED, start=1):
        moment = f"2024-01-1{number}T12:00:00Z"
        _git(folder, "checkout", "-q", "--detach", "main")
        shutil.copytree(APP / damage, folder, dirs_exist_ok=True, copy_function=shutil.copy)
        _git(folder, "add", "-A")
        _git(folder, "commit", "-q", "-m", f"Shop, damaged: {damage}", moment=moment)
        _git(folder, "tag", "-a", "-m", f"Shop, damaged: {damage}", damage, moment=moment)


def push(url: str, ssh: str) -> None:
    """Make the repository and push it, tags and all."""
    with tempfile.TemporaryDirectory(prefix="orchestrator-fleet-") as scratch:
        folder = Path(scratch)
        make_repository(folder)
        _git(folder, "push", "-q", "--force", url, "main", "--tags", environment={"GIT_SSH_COMMAND": ssh})


def _git(folder: Path, *words: str, moment: str = "", environment: Mapping[str, str] | None = None) -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    fixed = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Shop",
        "GIT_AUTHOR_EMAIL": "shop@example.com",
        "GIT_COMMITTER_NAME": "Shop",
        "GIT_COMMITTER_EMAIL": "shop@example.com",
    }
    dates = {"GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment} if moment else {}
    run("git", "-C", str(folder), *words, env=plain | fixed | dates | dict(environment or {}))
