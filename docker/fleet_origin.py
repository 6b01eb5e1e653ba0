"""Make git repositories of the applications, with a tag for each version, and push them to the origin container.

The files of the applications are in docker/app and docker/apps. The frameworks are not there: they come from Debian's
packages, which are in the packages image (docker/packages).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import fleet_images
from fleet_apps import APPLICATIONS, SHOP, Application
from fleet_tools import run


def make_repository(folder: Path, app: str = SHOP) -> None:
    """Make the git repository of an application in an empty folder."""
    made = APPLICATIONS[app]
    _git(folder, "init", "-q", "-b", "main")
    if made.below:
        _unpack(made.below, folder)
    for number, version in enumerate(made.versions, start=1):
        _lay(folder, made.folder / "base")
        _commit(folder, made, app, version, f"2024-01-0{number}T12:00:00Z")
    for number, version in enumerate(made.beside, start=1):
        _git(folder, "checkout", "-q", "--detach", "main")
        _commit(folder, made, app, version, f"2024-01-1{number}T12:00:00Z")


def push(app: str, url: str, ssh: str) -> None:
    """Make the git repository of an application, and push its branch and tags.

    + url: URL of the repository at the origin
    + ssh: ssh command for git
    """
    with tempfile.TemporaryDirectory(prefix="orchestrator-fleet-") as scratch:
        folder = Path(scratch)
        make_repository(folder, app)
        _git(folder, "push", "-q", "--force", url, "main", "--tags", environment={"GIT_SSH_COMMAND": ssh})


def _commit(folder: Path, made: Application, app: str, version: str, moment: str) -> None:
    _lay(folder, made.folder / version)
    if made.lock:
        (folder / "composer.lock").write_text(_lock((folder / "composer.json").read_text()))
    message = f"{app.capitalize()} {version}"
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", message, moment=moment)
    _git(folder, "tag", "-a", "-m", message, version, moment=moment)


def _lay(folder: Path, files: Path) -> None:
    shutil.copytree(files, folder, dirs_exist_ok=True, copy_function=shutil.copy)


@cache
def _lock(about: str) -> str:
    """Return the text of composer.lock for a composer.json. The packages are those of the packages image.

    + about: text of composer.json
    """
    script = (
        "mkdir /tmp/app && cd /tmp/app && cat > composer.json && export COMPOSER_ALLOW_SUPERUSER=1 && "
        "composer update --quiet --no-install --no-interaction >&2 && cat composer.lock"
    )
    container = ("--rm", "-i", "--network", "none", "--entrypoint", "sh", fleet_images.packages_image())
    return run("docker", "run", *container, "-c", script, stdin=about) + "\n"


def _unpack(below: str, folder: Path) -> None:
    """Copy the files of a folder in the packages image to a folder on this machine."""
    container = run("docker", "create", fleet_images.packages_image())
    try:
        run("docker", "cp", f"{container}:{below}/.", str(folder))
    finally:
        run("docker", "rm", container)


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
