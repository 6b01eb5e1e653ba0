"""Mount the files of a fleet's servers with the kernel's overlayfs, if Docker itself uses fuse-overlayfs.

With fuse-overlayfs, a program of this machine answers each request for a file. Then a server of the fleet starts its
programs more slowly than a real server does, and a fleet starts many thousand programs. Therefore each server gets a
volume with all files of its image, and docker/node/entrypoint makes this volume the root directory of the server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from fleet_tools import run

PLACE = Path("/var/tmp")
"""The directory in which each image has a directory with a copy of its files."""
ROOT = "/fleet-root"
"""Where a server finds the volume when it starts."""


@cache
def wanted() -> bool:
    """Return whether the servers get such volumes. This needs root, and a Docker engine on this machine."""
    if os.getuid() != 0 or os.environ.get("DOCKER_HOST"):
        return False
    kinds = Path("/proc/filesystems").read_text().split()
    return "overlay" in kinds and run("docker", "info", "--format", "{{.Driver}}") == "fuse-overlayfs"


def copy(image: str) -> None:
    """Copy the files of an image to this machine, if there is no copy yet.

    Call this while no other process may do it.
    """
    place = _copied(image)
    if not wanted() or place.exists():
        return
    part = place.with_name(f"{place.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    container = run("docker", "create", image)
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
            unpack = ["tar", "--numeric-owner", "-xp", "-C", str(part), "--exclude", "dev/*"]
            subprocess.run(unpack, stdin=export.stdout, check=True, timeout=300)
    finally:
        run("docker", "rm", container)
    part.rename(place)


def remove(image: str) -> None:
    """Remove the copy of an image's files."""
    shutil.rmtree(_copied(image), ignore_errors=True)


def volume(image: str, changes: Path) -> dict[str, Any]:
    """Return the definition of the volume with a server's files in the compose file.

    + image: name of the server's image
    + changes: directory for the files that the server changes
    """
    layers = f"lowerdir={_copied(image)},upperdir={changes}/upper,workdir={changes}/work"
    return {"driver": "local", "driver_opts": {"type": "overlay", "device": "overlay", "o": layers}}


def clear(changes: Path) -> None:
    """Make the directories for the files that a server changes, and forget the former changes."""
    shutil.rmtree(changes, ignore_errors=True)
    for name in ("upper", "work"):
        (changes / name).mkdir(parents=True)


def _copied(image: str) -> Path:
    return PLACE / f"{image.replace(':', '-')}-files"
